"""Health of the embedded log: an idle one proves itself, and its tasks outlive faults."""

import asyncio
import os
import sqlite3
import threading
from pathlib import Path

import pytest
import structlog

from broker import background
from broker.embedded import EmbeddedLog, proving
from broker.embedded.schema import Store
from broker.embedded.session import WriteSession
from broker.log import LogError, LogState, LogUnavailableError
from tests.support.embedded import locked, opened
from tests.support.logs import PATIENCE, record, until


async def test_an_idle_log_is_healthy_again_by_itself_after_a_lock(tmp_path: Path) -> None:
    """Nobody appends any more while the log is away, and so the ingesting process has to try by itself."""
    path = tmp_path / "log.db"
    async with opened(path, ingesting=True) as log:
        async with locked(path):
            await until(lambda: log.state is LogState.AWAY)
        await until(lambda: log.state is LogState.HEALTHY, 6)


async def test_the_first_that_waits_in_vain_for_the_lock_makes_the_log_away(tmp_path: Path) -> None:
    """Others of its batch may wait for much longer, and none of them would be evidence before its own time is over."""
    path = tmp_path / "log.db"
    async with opened(path) as log:
        async with locked(path):
            patient = asyncio.create_task(log._writer.submit(lambda _: True, PATIENCE))
            with pytest.raises(LogUnavailableError):
                await log._writer.submit(lambda _: True, 0.1)
            await until(lambda: log.state is LogState.AWAY, 2)
            assert not patient.done()
        assert await patient
        await until(lambda: log.state is LogState.HEALTHY, 2)


async def test_an_idle_log_notices_a_full_disk_and_its_end(tmp_path: Path) -> None:
    """Ready means that a record could be stored now, not that one was stored some time ago."""
    async with opened(tmp_path / "log.db", ingesting=True) as log:
        await log._writer.submit(lambda s: s.connection.execute("PRAGMA max_page_count = 1").fetchone(), PATIENCE)
        await until(lambda: log.state is LogState.AWAY, 10)
        await log._writer.submit(lambda s: s.connection.execute("PRAGMA max_page_count = 9999").fetchone(), PATIENCE)
        await until(lambda: log.state is LogState.HEALTHY, 10)


async def test_a_disk_that_hangs_makes_an_idle_log_away(tmp_path: Path) -> None:
    """A transaction that never ends has no outcome that could tell."""
    hangs, go_on = threading.Event(), threading.Event()

    def hang(_: WriteSession) -> bool:
        hangs.set()
        return go_on.wait(PATIENCE)

    async with opened(tmp_path / "log.db", ingesting=True) as log:
        stuck = asyncio.create_task(log._writer.submit(hang, PATIENCE))
        await until(hangs.is_set)
        await until(lambda: log.state is LogState.AWAY, 10)
        go_on.set()
        await stuck
        await until(lambda: log.state is LogState.HEALTHY, 6)


async def test_a_short_lock_is_no_reason_to_be_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that an append would wait for is waited for by the proof as well."""
    seen: list[LogState] = []
    path = tmp_path / "log.db"
    monkeypatch.setattr(proving, "IDLE_SECONDS", 0.1)
    async with opened(path, ingesting=True) as log:
        before = log.transactions
        async with locked(path):
            for _ in range(10):
                seen.append(log.state)
                await asyncio.sleep(0.1)
        await until(lambda: log.transactions > before)
        assert {*seen, log.state} == {LogState.HEALTHY}


async def test_each_proof_writes_to_the_disk_and_leaves_nothing(tmp_path: Path) -> None:
    """It is a commit like another, in the WAL, and no row of it stays; the file does not grow with their number."""
    async with opened(tmp_path / "log.db") as log:
        found: list[tuple[int, int]] = []
        for _ in range(4):
            await log._writer.submit(proving.store_and_remove, PATIENCE)
            found.append(await log._writer.submit(_wal_frames_and_pages, PATIENCE))
        frames, pages = zip(*found, strict=True)
        assert frames[0] < frames[1] < frames[2] < frames[3]
        assert len(set(pages)) == 1
        assert await log._reader.submit(lambda c: c.execute("SELECT count(*) FROM records").fetchone(), 5) == (0,)


def _wal_frames_and_pages(session: WriteSession) -> tuple[int, int]:
    header, page = 32, 4096
    size = os.stat(session.connection.execute("PRAGMA database_list").fetchone()[2] + "-wal").st_size  # noqa: PTH116
    return (size - header) // page, session.connection.execute("PRAGMA page_count").fetchone()[0]


async def test_a_stopped_log_is_away(tmp_path: Path) -> None:
    """It stores nothing any more."""
    async with opened(tmp_path / "log.db") as log:
        await log.append([record("t")], PATIENCE)
        await log.stop()
        assert log.state is LogState.AWAY


async def test_upkeep_survives_a_reader_that_cannot_open_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One shortage of file handles puts retention off, and does not end it."""
    tries: list[str] = []

    def cannot(_: Store) -> sqlite3.Connection:
        tries.append("refused")
        raise LogError("too many open files")

    monkeypatch.setattr("broker.embedded.log._UPKEEP_EVERY", 0.05)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "connect_reader", cannot)
        async with opened(tmp_path / "log.db", ingesting=True) as log:
            with pytest.raises(LogUnavailableError, match="too many open files"):
                await log.partitions("t")
            await until(lambda: len(tries) > 2)


async def test_a_background_task_goes_on_after_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody foresaw is said, and the work is done again."""
    monkeypatch.setattr(background, "PAUSE", 0.01)
    calls: list[int] = []

    async def broken(_: EmbeddedLog) -> int:
        calls.append(1)
        raise ZeroDivisionError

    monkeypatch.setattr(EmbeddedLog, "enforce_retention", broken)
    with structlog.testing.capture_logs() as lines:
        async with opened(tmp_path / "log.db", ingesting=True):
            await until(lambda: len(calls) > 2)
    failed = [line for line in lines if line["event"] == "background_task_failed"]
    assert {(line["task"], line["error"]) for line in failed} == {("log upkeep", "ZeroDivisionError")}
