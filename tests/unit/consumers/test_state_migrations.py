"""The steps of the schema: to one and the same place from wherever, once, and never over what is not ours."""

import asyncio
import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select, text

from consumers.state import migrate
from consumers.state.database import Database, StateError
from consumers.state.ledger import Claim, ClaimState, Ledger
from consumers.state.migrations.versions import s0001_first
from consumers.state.schema import commands, metadata
from tests.support.consumers import command

FIRST_LEDGER = """
CREATE TABLE commands (
    account TEXT NOT NULL, command_id TEXT NOT NULL, state TEXT NOT NULL, calls INTEGER NOT NULL,
    claimed_at REAL NOT NULL, body BLOB NOT NULL, result BLOB, PRIMARY KEY (account, command_id)
) WITHOUT ROWID
"""
SECOND_LEDGER = """
CREATE TABLE commands (
    account TEXT NOT NULL, command_id TEXT NOT NULL, state TEXT NOT NULL, calls INTEGER NOT NULL,
    claimed_at REAL NOT NULL, called_at REAL NOT NULL, body BLOB NOT NULL, result BLOB,
    PRIMARY KEY (account, command_id)
) WITHOUT ROWID
"""
INDEX = "CREATE INDEX commands_by_age ON commands (claimed_at)"


def differences(connection: Connection) -> list[Any]:
    """Return what the database has otherwise than `schema.py` says."""
    ours = {migrate.VERSION_TABLE}
    options = {"include_name": lambda name, kind, _parents: not (kind == "table" and name in ours)}
    context = MigrationContext.configure(connection, opts=options | {"compare_type": True})
    return list(compare_metadata(context, metadata))


async def test_the_steps_lead_to_the_schema(database: Database) -> None:
    """What the migrations make is what the tables of the code say; a change of one alone fails here."""
    assert await database.run(differences) == []


def test_the_last_step_is_the_version_of_the_code() -> None:
    """HEAD is written down twice, so that a start that has nothing to do imports no Alembic."""
    folder = Path(migrate.__file__).with_name("migrations")
    assert ScriptDirectory(str(folder)).get_heads() == [migrate.HEAD]


async def test_processes_that_start_at_once_do_not_trip(state_url: str) -> None:
    """One of them takes the steps, the others find them taken."""
    several = [Database(state_url) for _ in range(4)]
    await asyncio.gather(*(each.open() for each in several))
    versions = [await each.run(migrate.version_of) for each in several]
    await asyncio.gather(*(each.close() for each in several))
    assert versions == [migrate.HEAD] * 4


async def test_a_schema_newer_than_the_code_is_refused(database: Database, state_url: str) -> None:
    """With words that say which is which."""
    await database.run(lambda connection: connection.execute(text("UPDATE hookline_schema SET version_num='9999'")))
    late = Database(state_url)
    with pytest.raises(StateError, match=r"newer Hookline \(schema 9999, this one knows 0001\)"):
        await late.open()


async def test_a_step_that_fails_leaves_nothing_behind(state_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All steps are one transaction, on both databases; the next start begins anew."""
    taken = migrate._take_steps

    def fail(connection: Connection) -> None:
        taken(connection)
        raise StateError("on purpose")

    monkeypatch.setattr(migrate, "_take_steps", fail)
    database = Database(state_url)
    with pytest.raises(StateError, match="on purpose"):
        await database.open()
    monkeypatch.undo()
    await database.open()
    assert await database.run(differences) == []
    await database.close()


async def test_tables_of_another_program_are_left_alone(state_url: str) -> None:
    """They are named, and nothing is written."""
    first = Database(state_url)
    await first.open()
    await first.run(lambda connection: connection.execute(text("DROP TABLE hookline_schema")))
    await first.close()
    second = Database(state_url)
    with pytest.raises(StateError, match="of another program"):
        await second.open()


async def test_migrating_says_nothing(
    state_url: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Alembic's own words are kept out of our logs, and nothing is printed."""
    caplog.set_level(logging.INFO)
    database = Database(state_url)
    await database.open()
    await database.close()
    assert [record for record in caplog.records if record.name.startswith("alembic")] == []
    assert capsys.readouterr() == ("", "")


def make_earlier(path: Path, version: int) -> None:
    """Make the ledger of an earlier version, with a command that is in doubt and one that is done."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(FIRST_LEDGER if version == 1 else SECOND_LEDGER)
        connection.execute(INDEX)
        called = () if version == 1 else (7.0,)
        for name, state, result in (("command-0", "claimed", None), ("command-1", "done", b"{}")):
            row = ("main", name, state, 3, 5.0, *called, b"body", result)
            connection.execute(f"INSERT INTO commands VALUES ({','.join('?' * len(row))})", row)  # noqa: S608 - marks alone
        connection.execute(f"PRAGMA user_version={version}")


@pytest.mark.may_block
@pytest.mark.parametrize("version", [1, 2])
async def test_the_ledger_of_an_earlier_version_is_taken_over(version: int, tmp_path: Path) -> None:
    """Every command is there, as it was."""
    path = tmp_path / "state.db"
    make_earlier(path, version)
    database = Database(f"sqlite:///{path}")
    await database.open()
    done = await database.run(lambda given: given.execute(select(commands).where(commands.c.state == "done")).one())
    claim = await Ledger(database).claim(command(), b"other", 100.0, 30.0)
    found = await database.run(differences)
    await database.close()
    assert claim == Claim(state=ClaimState.CLAIMED, calls=4, doubts=4, doubtful_at=5.0, called_at=100.0, body=b"body")
    assert done == ("main", "command-1", "done", 3, 0, 5.0, 5.0 if version == 1 else 7.0, 5.0, b"body", b"{}", None)
    assert found == []


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (b'{"from":"+1555","to":"+1666","text":"x"}', "+1666"),
        (b'{"from":"x","to":["+1666"],"body":"x"}', "+1666"),
        (b'{"messages":[{"content":"x","destination_number":"+1666"}]}', "+1666"),
        (b'{"messages":[]}', None),
        (b'{"to":7}', None),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_an_earlier_body_tells_its_recipient(body: bytes, number: str | None) -> None:
    """As each provider writes it; what cannot be read names nobody."""
    assert s0001_first.recipient_of(body) == number


@pytest.mark.may_block
async def test_open_commands_of_an_earlier_version_can_be_found_by_their_recipient(tmp_path: Path) -> None:
    """So that an erase tells of them; those that are done hold nothing of the person."""
    path = tmp_path / "state.db"
    make_earlier(path, 2)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE commands SET body = ?", (b'{"to":["+1666"]}',))
    database = Database(f"sqlite:///{path}")
    await database.open()
    found = await database.run(lambda given: list(given.execute(select(commands.c.command_id, commands.c.number))))
    await database.close()
    assert sorted(found) == [("command-0", "+1666"), ("command-1", None)]


@pytest.mark.may_block
@pytest.mark.parametrize(("mark", "told"), [(99, "newer Hookline"), (0, "another program")])
async def test_a_file_that_is_not_of_ours_is_refused(mark: int, told: str, tmp_path: Path) -> None:
    """Rather than misread; it stays as it is."""
    path = tmp_path / "state.db"
    make_earlier(path, 2)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version={mark}")
    database = Database(f"sqlite:///{path}")
    with pytest.raises(StateError, match=told):
        await database.open()
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall()
    assert tables == [("commands",)]
