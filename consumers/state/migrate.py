"""Brings a database to the tables of `schema.py`, by the steps in `migrations/versions`. Blocks.

All of it happens in the one transaction that is given, behind a lock: of two processes that start at once the second
finds the work done. The steps are Alembic's; it is imported only where there is something to do.
"""

import logging
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from consumers.state.errors import NotOursError
from consumers.state.schema import metadata

HEAD = "0001"
"""The version of the schema that this code works with: that of the last step."""

VERSION_TABLE = "hookline_schema"
"""Not Alembic's usual name: another program may keep its own version in the same database."""

SQLITE_MARK = 3
"""`user_version` of our files. 1 and 2 are those of the ledger that came before the steps; their code refuses 3."""

_LEDGERS = (1, 2)
_FOLDER = Path(__file__).with_name("migrations")
_ADVISORY_LOCK = 0x686F6F6B6C696E65
_MIGRATION_TIMEOUT = "110s"


def migrate(connection: Connection) -> None:
    """Take every step that the database lacks. Raises NotOursError where it is not ours, or newer than this code."""
    if version_of(connection) == HEAD:
        return
    if connection.dialect.name == "postgresql":
        # On SQLite the transaction itself holds the only lock that there is.
        connection.execute(text(f"SET LOCAL statement_timeout = '{_MIGRATION_TIMEOUT}'"))
        connection.execute(text(f"SET LOCAL lock_timeout = '{_MIGRATION_TIMEOUT}'"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
    found = version_of(connection)
    if found == HEAD:
        return
    if found is None:
        refuse_strangers(connection)
    _take_steps(connection)


def version_of(connection: Connection) -> str | None:
    """Return the version of the schema, None where there is none. Raises NotOursError where it is newer than ours."""
    tables = inspect(connection).get_table_names()
    found = None
    if VERSION_TABLE in tables:
        found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - our name
    mark = sqlite_mark(connection)
    if mark > SQLITE_MARK or (found is not None and found > HEAD):
        told = f"schema {found or mark}, this one knows {HEAD}"
        raise NotOursError(f"the state was made by a newer Hookline ({told}): run that one, or give this one another")
    return found


def sqlite_mark(connection: Connection) -> int:
    """Return the `user_version` of an SQLite file, 0 on PostgreSQL."""
    if connection.dialect.name != "sqlite":
        return 0
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar() or 0)


def refuse_strangers(connection: Connection) -> None:
    """Raise StateError where a database without a version of ours has tables of another program."""
    tables = set(inspect(connection).get_table_names())
    if sqlite_mark(connection) in _LEDGERS:
        tables.discard("commands")
    # A file belongs to one program; a database on a server may have tables of others beside ours.
    strange = tables if connection.dialect.name == "sqlite" else tables & set(metadata.tables)
    if strange:
        name = min(strange)
        raise NotOursError(f"the state has a table {name!r} of another program: give Hookline a database of its own")


def _take_steps(connection: Connection) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(_FOLDER))
    steps = script._upgrade_revs  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - as Alembic's own commands do
    options = {
        "script": script,
        "version_table": VERSION_TABLE,
        "fn": lambda revision, _context: steps(HEAD, revision),
    }
    context = MigrationContext.configure(connection, opts=options)
    with Operations.context(context):
        context.run_migrations()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA user_version={SQLITE_MARK}")
