"""What a state is like, found out without a change. For the doctor."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, NullPool, create_engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from consumers.state.engines import new_engine, place_of
from consumers.state.errors import NotOursError, plainly
from consumers.state.migrate import HEAD, VERSION_TABLE, refuse_strangers, version_of
from consumers.state.schema import metadata

_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found. `version` is None where there are no tables yet; `missing` are rights, in PostgreSQL's words."""

    place: str
    version: str | None
    read_only: bool
    missing: tuple[str, ...]


def survey(url: str) -> Survey:
    """Look at the state of that URL. Blocks.

    Raises StateError where it cannot be reached, is not ours or newer, or lacks what its own version has.
    """
    engine = new_engine(url)
    place = place_of(url)
    try:
        with engine.begin() as connection:
            return _looked_at(connection, place)
    except SQLAlchemyError as error:
        plainly(error, f"{place} cannot be used")
    finally:
        engine.dispose()


def refuse_file(path: Path) -> None:
    """Raise StateError where the SQLite file is no state that this Hookline works with. Blocks; changes nothing."""
    reading = f"{path.absolute().as_uri()}?mode=ro"
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(reading, uri=True), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            _refuse_others(connection, version_of(connection))
    except SQLAlchemyError as error:
        plainly(error, f"{path} cannot be read")
    finally:
        engine.dispose()


def _looked_at(connection: Connection, place: str) -> Survey:
    version = version_of(connection)
    _refuse_others(connection, version)
    read_only = connection.execute(text("SHOW transaction_read_only")).scalar() == "on"
    missing = [] if version == HEAD else _missing_of_the_schema(connection)
    if version is not None:
        missing += [right for table in (*metadata.tables, VERSION_TABLE) for right in _missing_of(connection, table)]
    return Survey(place, version, read_only, tuple(missing))


def _refuse_others(connection: Connection, version: str | None) -> None:
    """Raise NotOursError for a state of another program, and for one that lacks what its version says that it has."""
    if version is None:
        refuse_strangers(connection)
    if version != HEAD:
        return
    lacks = _lacking(connection)
    if lacks:
        raise NotOursError(f"the state says schema {version} and lacks {', '.join(lacks)}: it was made otherwise")


def _lacking(connection: Connection) -> list[str]:
    there = inspect(connection)
    made = {table: {each["name"] for each in there.get_columns(table)} for table in there.get_table_names()}
    absent = [name for name in metadata.tables if name not in made]
    columns = [column for name, table in metadata.tables.items() if name in made for column in table.columns]
    return absent + [
        f"{column.table.name}.{column.name}" for column in columns if column.name not in made[column.table.name]
    ]


def _missing_of_the_schema(connection: Connection) -> list[str]:
    may = connection.execute(text("SELECT has_schema_privilege(current_schema(), 'CREATE')")).scalar()
    return [] if may else ["CREATE on the schema"]


def _missing_of(connection: Connection, table: str) -> list[str]:
    rights = _RIGHTS[:1] if table == VERSION_TABLE else _RIGHTS
    asked = text("SELECT has_table_privilege(:table, :right)")
    return [
        f"{right} on {table}"
        for right in rights
        if not connection.execute(asked, {"table": table, "right": right}).scalar()
    ]
