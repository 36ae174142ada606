"""A disk that hangs for a while, and a process that runs short: nothing is condemned, and nobody waits in vain."""

import asyncio
import errno
import shutil
import threading
import time
from pathlib import Path

import pytest

from ingest.spool import Spool, shelf, writer
from ingest.spool import spool as module
from ingest.spool.contract import SpoolUnavailableError
from ingest.spool.files import OsFiles
from tests.support.spooling import drain, settings, webhook


class SickFiles(OsFiles):
    """A real disk whose syncs wait for `well`, whose reads fail so many times, and whose listings wait for `listed`."""

    def __init__(self) -> None:
        self.well = threading.Event()
        self.listed = threading.Event()
        self.well.set()
        self.listed.set()
        self.failing_reads = 0
        self.code = errno.EMFILE

    def sync(self, handle: int) -> None:
        """Sync when the disk is well."""
        self.well.wait(10)
        super().sync(handle)

    def read(self, path: Path, offset: int, length: int) -> bytes:
        """Read, or fail."""
        if self.failing_reads:
            self.failing_reads -= 1
            raise OSError(self.code, "not now")
        return super().read(path, offset, length)

    def size(self, path: Path) -> int:
        """Tell the size when the disk answers."""
        self.listed.wait(10)
        return super().size(path)


async def test_a_shortage_of_files_condemns_nothing(tmp_path: Path) -> None:
    """It says nothing of the bytes: all of them come when there are files again."""
    files = SickFiles()
    spool = Spool(settings(tmp_path), files=files)
    await spool.start()
    items = [webhook(number) for number in range(5)]
    for item in items:
        await spool.add(item.id, item, 5)
    files.failing_reads = 6
    for _ in range(6):
        with pytest.raises(SpoolUnavailableError):
            await spool.next_batch(10, 1 << 20)
    records, damaged = await drain(spool)
    await spool.stop()
    assert ([record.webhook_id for record in records], damaged) == ([item.id for item in items], [])


async def test_behind_a_write_that_hangs_nobody_waits_in_vain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next add is refused at once, and nothing counts as waiting when those before it have given up."""
    monkeypatch.setattr(writer, "STUCK", 0.05)
    files = SickFiles()
    spool = Spool(settings(tmp_path), files=files)
    await spool.start()
    files.well.clear()
    first, second = webhook(1), webhook(2)
    with pytest.raises(SpoolUnavailableError, match="not durable"):
        await spool.add(first.id, first, 0.2)
    with pytest.raises(SpoolUnavailableError, match="hangs"):
        await spool.add(second.id, second, 60)
    assert spool.own == 0
    files.well.set()
    await spool.stop()


async def test_a_folder_that_is_taken_over_late_is_not_lost_sight_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that stalls while it is listed: its records come when the disk answers."""
    item = webhook(1)
    before = Spool(settings(tmp_path))
    await before.start()
    files = SickFiles()
    spool = Spool(settings(tmp_path), files=files)
    await spool.start()
    await before.add(item.id, item, 5)
    await before.stop()
    monkeypatch.setattr(shelf, "DISK_WAIT", 0.1)
    files.listed.clear()
    with pytest.raises(SpoolUnavailableError):
        await spool._shelf.adopt()
    files.listed.set()
    async with asyncio.timeout(5):
        await spool.wait_for_records()
    monkeypatch.setattr(shelf, "DISK_WAIT", 5.0)
    batch = await spool.next_batch(10, 1 << 20)
    assert batch is not None
    assert [record.webhook_id for record in batch.records] == [item.id]
    await spool.done(batch)
    await spool.stop()


async def test_a_disk_that_stalls_at_start_does_not_keep_us_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a dead worker left comes when the disk answers, and gates then as it would have at start (P4)."""
    before = Spool(settings(tmp_path))
    await before.start()
    item = webhook(1)
    await before.add(item.id, item, 5)
    await before.stop()
    files = SickFiles()
    files.listed.clear()
    monkeypatch.setattr(shelf, "DISK_WAIT", 0.1)
    spool = Spool(settings(tmp_path), files=files)
    await spool.start()
    assert spool._shelf.head() is None
    files.listed.set()
    async with asyncio.timeout(5):
        await spool.wait_for_records()
    assert spool.gating
    await spool.stop()


class SlowlyDying(OsFiles):
    """A real disk that takes its time to say that it cannot read a segment."""

    def read(self, path: Path, offset: int, length: int) -> bytes:
        """Fail late."""
        time.sleep(0.1)
        raise OSError(errno.EIO, f"{length} bytes at {offset} cannot be read", str(path))


async def test_a_segment_that_cannot_be_counted_in_time_keeps_nobody_from_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders of workers that die later are taken over all the same."""
    before = Spool(settings(tmp_path))
    await before.start()
    await before.add(webhook(1).id, webhook(1), 5)
    await before.stop()
    monkeypatch.setattr(shelf, "DISK_WAIT", 0.05)
    monkeypatch.setattr(module, "ADOPT_EVERY", 0.05)
    spool = Spool(settings(tmp_path), files=SlowlyDying())
    await spool.start()
    other = Spool(settings(tmp_path))
    await other.start()
    await other.add(webhook(2).id, webhook(2), 5)
    await other.stop()
    async with asyncio.timeout(20):
        while len(spool._shelf.inherited) < 2:  # noqa: ASYNC110 - the disk sets no event
            await asyncio.sleep(0.01)
    await spool.stop()


async def test_a_folder_that_is_removed_under_a_worker_holds_nothing_that_is_acknowledged(tmp_path: Path) -> None:
    """Its files have no name any more: what is written there is gone with the process."""
    spool = Spool(settings(tmp_path / "spool"))
    await spool.start()
    first, second = webhook(1), webhook(2)
    await spool.add(first.id, first, 5)
    await asyncio.to_thread(shutil.rmtree, tmp_path / "spool")
    with pytest.raises(SpoolUnavailableError):
        await spool.add(second.id, second, 5)
    await spool.stop()
