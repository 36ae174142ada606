"""The database of the state: one way to it, durable, and plain about its troubles."""

import asyncio
import functools
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, delete, insert, select, text, update

from consumers.state.database import Database, StateError, StateValueError
from consumers.state.schema import sender_scopes
from tests.support.front import free_ports
from tests.support.postgresql import PASSWORD, PostgresServer, own_server, postgresql_url

ROW = {"account": "main", "number": "+15550000001", "scope": "profile", "moment_ms": 1 << 40}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """Give a server that a test may stop, if it starts it again."""
    with own_server() as made:
        yield made


def note(connection: Connection, number: str = "+15550000001") -> None:
    """Write one row."""
    connection.execute(insert(sender_scopes).values(**ROW | {"number": number}))


def read(connection: Connection) -> list[dict[str, object]]:
    """Return all rows."""
    return [dict(row) for row in connection.execute(select(sender_scopes)).mappings()]


async def test_what_a_transaction_wrote_is_there_for_another_database(database: Database, state_url: str) -> None:
    """Work is committed when `run` returns."""
    await database.run(note)
    other = Database(state_url)
    await other.open()
    assert await other.run(read) == [ROW]
    await other.close()


async def test_work_that_fails_leaves_nothing(database: Database) -> None:
    """What it wrote before is taken back, and its own error comes through."""

    def fail(connection: Connection) -> None:
        note(connection)
        raise LookupError("on purpose")

    with pytest.raises(LookupError, match="on purpose"):
        await database.run(fail)
    assert await database.run(read) == []


async def test_a_value_that_is_refused_is_no_state_that_is_away(database: Database) -> None:
    """Waiting would not help; and the value is not quoted, nor in an error behind it."""
    await database.run(note)
    with pytest.raises(StateValueError) as caught:
        await database.run(note)
    assert not isinstance(caught.value, StateError)
    assert "+1555" not in str(caught.value)
    assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)


async def test_a_closed_state_says_so(database: Database) -> None:
    """It does not hang and does not pretend; closing twice is no harm."""
    await database.close()
    await database.close()
    with pytest.raises(StateError, match="not open"):
        await database.run(read)


async def test_a_state_that_was_closed_opens_again(database: Database) -> None:
    """With what it held."""
    await database.run(note)
    await database.close()
    await database.open()
    assert await database.run(read) == [ROW]


async def test_work_that_takes_too_long_is_given_up(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps its place until it is over: the bound is on what the threads have to do."""
    monkeypatch.setattr("consumers.state.database.CALL_WAIT", 0.02)
    monkeypatch.setattr("consumers.state.database.WAITING_MOST", 1)
    go = threading.Event()
    with pytest.raises(StateError, match="too long"):
        await database.run(lambda _: go.wait(5.0))
    with pytest.raises(StateError, match="too many"):
        await database.run(read)
    go.set()


@pytest.mark.parametrize("url", ["state.db", "postgres:///x", "sqlite:///", "sqlite://x", "postgresql://u:s3cret@h"])
def test_another_url_is_refused(url: str) -> None:
    """With the forms that there are, and without the text that was given."""
    with pytest.raises(StateError, match="not of the form sqlite:///PATH or postgresql://") as caught:
        Database(url)
    assert "s3cret" not in str(caught.value)


def test_a_password_is_in_no_name_of_a_state() -> None:
    """Nor its user, nor its options."""
    made = Database("postgresql://hook:s3cret@db:5433/state?sslpassword=s3cret")
    assert (made.place, repr(made)) == ("postgresql://db:5433/state", "Database('postgresql://db:5433/state')")


@pytest.mark.may_block
async def test_the_file_is_for_our_user_alone(tmp_path: Path) -> None:
    """It holds texts for a while."""
    made = Database(f"sqlite:///{tmp_path / 'deep' / 'state.db'}")
    await made.open()
    assert (tmp_path / "deep" / "state.db").stat().st_mode & 0o077 == 0
    await made.close()


@pytest.mark.may_block
async def test_a_path_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """With the path in the message."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match=r"cannot open the state: .*file/state\.db"):
        await Database(f"sqlite:///{tmp_path / 'file' / 'state.db'}").open()


@pytest.mark.may_block
async def test_a_file_that_another_process_holds_is_told_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock that does not go away is told, not waited for without end."""
    monkeypatch.setattr("consumers.state.engines.BUSY_WAIT", 0.05)
    made = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await made.open()
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match="database is locked"):
            await made.run(note)
    await made.run(note)
    await made.close()


async def test_a_server_that_is_away_at_the_start_is_told() -> None:
    """And can be opened later; its password is in no word of it."""
    (port,) = free_ports(1)
    made = Database(f"postgresql://hookline:{PASSWORD}@127.0.0.1:{port}/d")
    with pytest.raises(StateError, match="Connection refused") as caught:
        await made.open()
    assert PASSWORD not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert not made.is_open


@pytest.mark.faults
async def test_a_server_that_is_restarted_is_found_again(server: PostgresServer) -> None:
    """While it is away every call says so; afterwards what was noted is there."""
    made = Database(server.url())
    await made.open()
    await made.run(note)
    await asyncio.to_thread(server.stop)
    with pytest.raises(StateError, match="the state failed"):
        await made.run(read)
    await asyncio.to_thread(server.start)
    assert await made.run(read) == [ROW]
    await made.close()


@pytest.fixture
async def postgresql() -> Any:
    """Give an open state on PostgreSQL with its URL."""
    given = postgresql_url()
    url = await asyncio.to_thread(given.__enter__)
    made = Database(url)
    await made.open()
    yield made, url
    await made.close()
    await asyncio.to_thread(given.__exit__, None, None, None)


def impatient(connection: Connection) -> None:
    """Write one row, and wait for a lock no longer than a test may."""
    connection.execute(text("SET LOCAL lock_timeout = 50"))
    note(connection)


@pytest.mark.may_block
async def test_a_lock_that_another_holds_is_not_waited_for_without_end(postgresql: tuple[Database, str]) -> None:
    """PostgreSQL ends the wait, and the next one goes through."""
    made, url = postgresql
    with psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE sender_scopes")
        with pytest.raises(StateError, match="lock timeout"):
            await made.run(impatient)
    await made.run(note)


async def test_a_slow_statement_is_ended_by_the_server(postgresql: tuple[Database, str]) -> None:
    """The limits are set on every connection of ours."""
    made, _ = postgresql
    limits = await made.run(
        lambda connection: [
            connection.execute(text(f"SHOW {name}")).scalar() for name in ("statement_timeout", "lock_timeout")
        ]
    )
    assert limits == ["10s", "5s"]
    with pytest.raises(StateError, match="statement timeout"):
        await made.run(
            lambda connection: connection.execute(text("SET LOCAL statement_timeout = 50; SELECT pg_sleep(5)"))
        )


async def test_of_two_that_lock_each_other_out_both_get_through(postgresql: tuple[Database, str]) -> None:
    """PostgreSQL ends one of them, which is done again."""
    made, _ = postgresql
    for number in "ab":
        await made.run(functools.partial(note, number=number))
    meet = threading.Barrier(2, timeout=5.0)
    tries: list[str] = []

    def both(first: str, second: str) -> Any:
        def work(connection: Connection) -> None:
            connection.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
            _add(connection, first)
            if len(tries) < 2:
                tries.append(first)
                meet.wait()
            else:
                tries.append(first)
            _add(connection, second)

        return work

    await asyncio.gather(made.run(both("a", "b")), made.run(both("b", "a")))
    assert len(tries) == 3
    assert {row["moment_ms"] for row in await made.run(read)} == {(1 << 40) + 2}


def _add(connection: Connection, number: str) -> None:
    row = sender_scopes.c
    connection.execute(update(sender_scopes).where(row.number == number).values(moment_ms=row.moment_ms + 1))


async def test_work_that_the_database_refuses_for_ever_is_given_up(postgresql: tuple[Database, str]) -> None:
    """Serialization failures are tried again a bounded number of times."""
    made, _ = postgresql
    tries: list[int] = []

    def work(connection: Connection) -> None:
        tries.append(1)
        connection.execute(text("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$"))

    with pytest.raises(StateError, match="the state failed: no"):
        await made.run(work)
    assert len(tries) == 5


async def test_what_was_deleted_is_gone_from_the_disk(tmp_path: Path) -> None:
    """From the write-ahead file too, once that is emptied; whoever reads meanwhile keeps it."""
    path = tmp_path / "state.db"
    database = Database(f"sqlite:///{path}")
    await database.open()
    number = "+15550009876"
    await database.run(lambda connection: note(connection, number))
    await database.run(lambda connection: connection.execute(delete(sender_scopes)))
    reader = await asyncio.to_thread(sqlite3.connect, path, check_same_thread=False)
    await asyncio.to_thread(reader.execute, "BEGIN")
    await asyncio.to_thread(lambda: reader.execute("SELECT * FROM sender_scopes").fetchall())
    assert not await database.empty_journal()
    await asyncio.to_thread(reader.close)
    assert await database.empty_journal()
    held = await asyncio.to_thread(lambda: b"".join(file.read_bytes() for file in tmp_path.iterdir()))
    assert number.encode() not in held
    await database.close()
