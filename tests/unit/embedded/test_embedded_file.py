"""The file of the embedded log: where it is, what is refused, and what happens when the disk fails."""

import asyncio
import os
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from broker.embedded import EmbeddedLog
from broker.embedded.schema import Store
from broker.embedded.session import WriteSession
from broker.log import LogError, LogState, LogUnavailableError, Partition, RecordRefusedError, TopicSpec
from broker.opening import open_log
from broker.settings import BrokerSettings
from schemas.records import Record
from tests.support.embedded import hold_lock, opened
from tests.support.logs import PATIENCE, make_topic, read_all, record, until


def test_three_slashes_are_relative_and_four_absolute() -> None:
    """The path is what comes after the third slash."""
    assert Store.from_url("sqlite:///var/log.db").path == Path("var/log.db")
    assert Store.from_url("sqlite:////var/log.db").path == Path("/var/log.db")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:log.db", "sqlite:///:memory:", "sqlite:///a\0b"])
def test_a_url_without_a_file_is_refused(url: str) -> None:
    """The refusal names the form that is expected."""
    with pytest.raises(LogError, match="expected sqlite:///PATH"):
        open_log(BrokerSettings(url=url), ingesting=False)


def test_a_url_of_another_kind_is_refused() -> None:
    """Only the two kinds of log are known."""
    with pytest.raises(LogError, match="expected sqlite"):
        open_log(BrokerSettings(url="postgres://host/db"), ingesting=False)


def test_a_sqlite_url_opens_the_embedded_log() -> None:
    """The scheme chooses the implementation."""
    assert isinstance(open_log(BrokerSettings(), ingesting=True), EmbeddedLog)


async def test_the_folder_is_made(tmp_path: Path) -> None:
    """A first run needs no mkdir."""
    async with opened(tmp_path / "a" / "b" / "log.db") as log:
        await log.append([record("t")], PATIENCE)
    assert (tmp_path / "a" / "b" / "log.db").is_file()


async def test_a_file_in_the_way_of_the_folder_is_told(tmp_path: Path) -> None:
    """A path that cannot be is refused at the start."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(LogError, match="folder"):
        async with opened(tmp_path / "file" / "log.db"):
            pass


async def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    """The path of a folder is refused at the start."""
    with pytest.raises(LogError, match="cannot be opened"):
        async with opened(tmp_path):
            pass


async def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """What is no SQLite file gets a plain sentence."""
    path = tmp_path / "log.db"
    path.write_bytes(os.urandom(8192))
    with pytest.raises(LogError, match="not a log of ours") as caught:
        async with opened(path):
            pass
    assert not isinstance(caught.value, LogUnavailableError)


async def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    """Tables that are not ours are left alone."""
    path = tmp_path / "log.db"
    await asyncio.to_thread(_run_sql, path, "CREATE TABLE theirs (x)")
    with pytest.raises(LogError, match="another program"):
        async with opened(path):
            pass


async def test_a_newer_layout_is_refused(tmp_path: Path) -> None:
    """An old program does not touch what a newer one wrote."""
    path = tmp_path / "log.db"
    async with opened(path):
        pass
    await asyncio.to_thread(_run_sql, path, "PRAGMA user_version = 99")
    with pytest.raises(LogError, match="newer version"):
        async with opened(path):
            pass


async def test_a_failed_start_frees_the_place_for_ingest(tmp_path: Path) -> None:
    """A log that could not start holds no lock."""
    path = tmp_path / "log.db"
    path.write_bytes(b"x" * 5000)
    with pytest.raises(LogError):
        async with opened(path, ingesting=True):
            pass
    path.unlink()
    async with opened(path, ingesting=True) as log:
        assert log.state is LogState.HEALTHY


async def test_a_second_ingest_is_refused(tmp_path: Path) -> None:
    """One process ingests; readers are welcome."""
    path = tmp_path / "log.db"
    async with opened(path, ingesting=True), opened(path):
        with pytest.raises(LogError, match="another process already ingests") as caught:
            async with opened(path, ingesting=True):
                pass
        assert not isinstance(caught.value, LogUnavailableError)
    async with opened(path, ingesting=True):
        pass


async def test_a_new_log_is_starting(tmp_path: Path) -> None:
    """Before the start nothing is known, and nothing can be appended."""
    log = EmbeddedLog(BrokerSettings(url=f"sqlite:///{tmp_path / 'x.db'}"), ingesting=False, clock=time.time)
    assert log.state is LogState.STARTING
    with pytest.raises(LogUnavailableError):
        await log.append([record("t")], 1)
    await log.stop()


async def test_a_topic_that_nobody_planned_is_made(tmp_path: Path) -> None:
    """Append makes it with 12 partitions."""
    async with opened(tmp_path / "log.db") as log:
        await log.append([record("new")], PATIENCE)
        assert len(await log.partitions("new")) == 12


async def test_records_without_a_key_go_round(tmp_path: Path) -> None:
    """Partitions take turns, within an append and from one to the next."""
    async with opened(tmp_path / "log.db") as log:
        topic = await make_topic(log, partitions=3)
        places = list(await log.append([record(topic, key=None) for _ in range(4)], PATIENCE))
        places += await log.append([record(topic, key=None) for _ in range(2)], PATIENCE)
        assert [place.partition.number for place in places] == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    "bad",
    [
        Record("t", b"k", b"x" * 2000, (), 1),
        Record("t", b"k", b"v", (), -1),
        Record("t", b"k", b"v", (), 1 << 63),
        Record("t", b"k", b"v", (), 1, partition=1),
        Record("t", b"k", b"v", (), 1, partition=-1),
        Record("t", b"k", b"v", (("\ud800", b""),), 1),
        Record("", b"k", b"v", (), 1),
        Record("\ud800", b"k", b"v", (), 1),
    ],
    ids=["large", "before 1970", "far future", "partition", "negative", "header name", "topic", "surrogate"],
)
async def test_one_refused_record_refuses_its_append_and_no_other(tmp_path: Path, bad: Record) -> None:
    """All of an append or none of it; what is committed together with it is not touched."""
    async with opened(tmp_path / "log.db") as log:
        await log.apply_topics(await log.plan_topics([TopicSpec("t", 1, max_message_bytes=1000)]))
        answers = await asyncio.gather(
            log.append([record("t", b"before")], PATIENCE),
            log.append([record("t", b"never"), bad], PATIENCE),
            log.append([record("t", b"after")], PATIENCE),
            return_exceptions=True,
        )
        assert isinstance(answers[1], RecordRefusedError)
        found = [(stored.offset, stored.value) for stored in await read_all(log, "t")]
        assert found == [(0, b"before"), (1, b"after")]
        assert log.state is LogState.HEALTHY


async def test_every_commit_is_fsynced(tmp_path: Path) -> None:
    """WAL with synchronous FULL syncs the WAL at each commit; anything less would acknowledge too early."""
    async with opened(tmp_path / "log.db") as log:
        found = await log._writer.submit(
            lambda s: [
                s.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
            ],
            PATIENCE,
        )
    assert found == ["wal", 2]


async def test_one_job_at_fault_leaves_the_others_alone(tmp_path: Path) -> None:
    """A job that breaks in the middle of a shared transaction fails alone, and what it had done is undone."""

    def broken(session: WriteSession) -> None:
        session.connection.execute("DELETE FROM records")
        raise ZeroDivisionError

    async with opened(tmp_path / "log.db") as log:
        await log.append([record("t", b"old")], PATIENCE)
        answers = await asyncio.gather(
            log.append([record("t", b"one")], PATIENCE),
            log._writer.submit(broken, PATIENCE),
            log.append([record("t", b"two")], PATIENCE),
            return_exceptions=True,
        )
        assert isinstance(answers[1], ZeroDivisionError)
        assert [stored.value for stored in await read_all(log, "t")] == [b"old", b"one", b"two"]


async def test_many_appends_share_a_commit(tmp_path: Path) -> None:
    """Group commit: a hundred appends at once need far fewer transactions."""
    async with opened(tmp_path / "log.db") as log:
        before = log.transactions
        await asyncio.gather(*(log.append([record("t", b"%d" % n)], PATIENCE) for n in range(100)))
        assert log.transactions - before < 30
        assert len(await read_all(log, "t")) == 100


async def test_a_full_disk_makes_the_log_away_until_there_is_room(tmp_path: Path) -> None:
    """The error says what is wrong, nothing half stored remains, and appends work again afterwards."""
    async with opened(tmp_path / "log.db", max_pages=60) as log:
        await log.append([record("t", bytes(20_000))], PATIENCE)
        with pytest.raises(LogUnavailableError, match="the disk is full"):
            await log.append([record("t", b"small"), *(record("t", bytes(20_000)) for _ in range(20))], PATIENCE)
        assert log.state is LogState.AWAY
        assert "the disk is full" in log.reason
        assert len(await read_all(log, "t")) == 1
        await log._writer.submit(lambda s: s.connection.execute("PRAGMA max_page_count = 10000").fetchone(), PATIENCE)
        await log.append([record("t", bytes(20_000))], PATIENCE)
        assert len(await read_all(log, "t")) == 2
        await until(lambda: log.state is LogState.HEALTHY)


async def test_a_wait_ends_while_another_process_holds_the_lock(tmp_path: Path) -> None:
    """The deadline holds, the state tells, and appends work when the lock is free."""
    path = tmp_path / "log.db"
    async with opened(path) as log:
        held, done = threading.Event(), threading.Event()
        holder = asyncio.create_task(asyncio.to_thread(hold_lock, path, held, done))
        await until(held.is_set)
        began = time.monotonic()
        with pytest.raises(LogUnavailableError):
            await log.append([record("t", b"late")], 0.3)
        assert time.monotonic() - began < 1.5
        await until(lambda: log.state is LogState.AWAY)
        done.set()
        await holder
        await log.append([record("t", b"next")], PATIENCE)
        assert log.state is LogState.HEALTHY
        assert [stored.value for stored in await read_all(log, "t")] == [b"next"]


async def test_stop_is_quick_while_another_process_holds_the_lock(tmp_path: Path) -> None:
    """What is queued gets a few seconds and no more."""
    path = tmp_path / "log.db"
    async with opened(path) as log:
        held, done = threading.Event(), threading.Event()
        holder = asyncio.create_task(asyncio.to_thread(hold_lock, path, held, done))
        await until(held.is_set)
        waiting = asyncio.create_task(log.append([record("t")], 60))
        await asyncio.sleep(0)
        began = time.monotonic()
        await log.stop()
        assert time.monotonic() - began < 6
        with pytest.raises(LogUnavailableError):
            await waiting
        done.set()
        await holder


async def test_stop_finishes_what_is_queued(tmp_path: Path) -> None:
    """An append that was taken in before the stop is stored."""
    path = tmp_path / "log.db"
    async with opened(path) as log:
        waiting = [asyncio.create_task(log.append([record("t", b"%d" % n)], PATIENCE)) for n in range(20)]
        await asyncio.sleep(0)
        await log.stop()
        assert len([place for task in waiting for place in await task]) == 20
    async with opened(path) as log:
        assert len(await read_all(log, "t")) == 20


async def test_a_full_queue_refuses_at_once(tmp_path: Path) -> None:
    """Memory is bounded: what does not fit is turned away without waiting."""
    path = tmp_path / "log.db"
    async with opened(path) as log:
        held, done = threading.Event(), threading.Event()
        holder = asyncio.create_task(asyncio.to_thread(hold_lock, path, held, done))
        await until(held.is_set)
        large = [record("t", bytes(4_000_000)) for _ in range(4)]
        waiting = [asyncio.create_task(log.append(large, 30)) for _ in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(LogUnavailableError, match="queue is full"):
            await log.append(large, 60)
        done.set()
        await asyncio.gather(holder, *waiting)


async def test_a_file_that_was_deleted_acknowledges_nothing(tmp_path: Path) -> None:
    """A record that would go to a file without a name is not confirmed."""
    path = tmp_path / "log.db"
    async with opened(path) as log:
        path.unlink()
        with pytest.raises(LogUnavailableError, match="moved or deleted"):
            await log.append([record("t")], PATIENCE)
        assert log.state is LogState.AWAY


async def test_the_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """They hold what people wrote, whatever the umask; a folder that was there is left as it is."""
    path = tmp_path / "var" / "log.db"
    before = os.umask(0)
    try:
        async with opened(path) as log:
            await log.append([record("t")], PATIENCE)
            modes = {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(["log.db", "log.db-wal", "log.db-shm"], 0o600)
    assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_offsets_and_records_survive_a_restart(tmp_path: Path) -> None:
    """A log that is opened again goes on counting."""
    path = tmp_path / "log.db"
    async with opened(path) as log:
        topic = await make_topic(log)
        await log.append([record(topic, b"one")], PATIENCE)
    async with opened(path) as log:
        (place,) = await log.append([record(topic, b"two")], PATIENCE)
        assert place.offset == 1
        assert [stored.value async for stored in log.read(Partition(topic, 0), 0, 2)] == [b"one", b"two"]


async def test_a_person_can_look_at_the_records(tmp_path: Path) -> None:
    """The view `log` shows topic, offset, key and value as text."""
    path = tmp_path / "log.db"
    async with opened(path) as log:
        await log.append([record("t", b'{"a":1}', key=b"k", headers=(("ce_id", b"x"),), partition=3)], PATIENCE)
    rows = await asyncio.to_thread(_run_sql, path, 'SELECT topic, partition, "offset", key, headers, value FROM log')
    assert rows == [("t", 3, 0, "k", "5:ce_id,1:x,", '{"a":1}')]


def _run_sql(path: Path, statement: str) -> list[object]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


async def test_a_locked_file_is_suspected_before_the_first_deadline(tmp_path: Path) -> None:
    """Whoever has another place for a webhook need not wait until the log gives up; a stored record ends it."""
    path = tmp_path / "log.db"
    async with opened(path) as log:
        await log.append([record("t")], PATIENCE)
        held, done = threading.Event(), threading.Event()
        holder = asyncio.create_task(asyncio.to_thread(hold_lock, path, held, done))
        await until(held.is_set)
        waiting = asyncio.create_task(log.append([record("t")], PATIENCE))
        await until(lambda: log.state is LogState.SUSPECT)
        assert "nothing was stored" in log.reason
        done.set()
        await asyncio.gather(holder, waiting)
        assert (log.state, log.reason) == (LogState.HEALTHY, "")
