"""What a state is like, found out without a change. For the doctor."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from consumers.state.engines import new_engine, place_of
from consumers.state.errors import plainly
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
    """Look at the state of that URL. Blocks. Raises StateError where it cannot be reached, or is not ours, or newer."""
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
    """Raise StateError where the SQLite file is of a newer Hookline, or of another program. Blocks; changes nothing."""
    reading = f"{path.absolute().as_uri()}?mode=ro"
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(reading, uri=True), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            if version_of(connection) is None:
                refuse_strangers(connection)
    except SQLAlchemyError as error:
        plainly(error, f"{path} cannot be read")
    finally:
        engine.dispose()


def _looked_at(connection: Connection, place: str) -> Survey:
    version = version_of(connection)
    if version is None:
        refuse_strangers(connection)
    read_only = connection.execute(text("SHOW transaction_read_only")).scalar() == "on"
    missing = [] if version == HEAD else _missing_of_the_schema(connection)
    if version is not None:
        missing += [right for table in (*metadata.tables, VERSION_TABLE) for right in _missing_of(connection, table)]
    return Survey(place, version, read_only, tuple(missing))


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
