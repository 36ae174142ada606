"""Adding: group commit, the order of operations, every failure, bounds, a disk that hangs."""

import asyncio
import errno
import time
from collections.abc import AsyncIterator

import pytest

from ingest.spool import Spool, writer
from ingest.spool.contract import SpoolError, SpoolFullError, SpoolUnavailableError
from schemas.webhook import Webhook
from tests.conftest import FakeClock
from tests.support.faulty_files import FaultyFiles
from tests.support.spooling import drain, settings, webhook


@pytest.fixture
def files() -> FaultyFiles:
    """Return a disk in memory."""
    return FaultyFiles()


@pytest.fixture
async def spool(files: FaultyFiles) -> AsyncIterator[Spool]:
    """Return a spool that runs."""
    spool = Spool(settings(), files=files)
    await spool.start()
    files.log.clear()
    yield spool
    files.gate.set()
    await spool.stop()


async def add(spool: Spool, number: int = 1, wait: float = 5) -> Webhook:
    """Add one."""
    item = webhook(number)
    await spool.add(item.id, item, wait)
    return item


async def test_the_answer_comes_after_the_sync_of_data_and_name(spool: Spool, files: FaultyFiles) -> None:
    """Create, sync the folder, write, sync; nothing is answered before."""
    await add(spool)
    name = "0000000000000001.seg"
    assert files.log == [f"create {name}", f"sync_folder {spool._shelf.own.path.name}", f"write {name}", f"sync {name}"]  # type: ignore[union-attr]


async def test_all_that_wait_share_one_sync(spool: Spool, files: FaultyFiles) -> None:
    """While one sync is under way the others gather."""
    files.gate.clear()
    first = asyncio.create_task(add(spool, 1))
    await asyncio.sleep(0)
    rest = [asyncio.create_task(add(spool, number)) for number in range(2, 30)]
    await asyncio.sleep(0)
    files.gate.set()
    await asyncio.gather(first, *rest)
    assert len([line for line in files.log if line.startswith("sync ")]) <= 3
    records, _ = await drain(spool, 100)
    assert len(records) == 29


async def test_own_counts_at_once_and_not_after_done(spool: Spool) -> None:
    """The gate closes before the first await and opens with the last `done`."""
    task = asyncio.create_task(add(spool))
    await asyncio.sleep(0)
    assert (spool.own, spool.gating) == (1, True)
    await task
    await drain(spool)
    assert (spool.own, spool.gating) == (0, False)


@pytest.mark.parametrize("operation", ["create", "sync_folder", "write", "sync"])
async def test_one_failure_is_mended_in_a_new_segment(spool: Spool, files: FaultyFiles, operation: str) -> None:
    """The batch is tried once more elsewhere, and what stood before stays."""
    before = await add(spool, 1) if operation in {"write", "sync"} else None
    files.fail(only=operation)
    after = await add(spool, 2)
    records, damaged = await drain(spool)
    assert [r.webhook_id for r in records] == [item.id for item in (before, after) if item is not None]
    assert damaged == []
    assert spool.own == 0


@pytest.mark.parametrize(("operation", "times"), [("create", 2), ("sync_folder", 3), ("write", 2), ("sync", 2)])
async def test_two_failures_are_told_and_then_it_works_again(
    spool: Spool, files: FaultyFiles, operation: str, times: int
) -> None:
    """Nothing is acknowledged, nothing stays counted, the next webhook is stored."""
    files.fail(times=times, only=operation)
    with pytest.raises(SpoolUnavailableError):
        await add(spool, 1)
    assert spool.own == 0
    item = await add(spool, 2)
    records, _ = await drain(spool)
    assert item.id in {record.webhook_id for record in records}
    assert spool.own == 0


async def test_a_segment_that_failed_is_never_written_again(spool: Spool, files: FaultyFiles) -> None:
    """Not even where only the sync failed: the kernel may have dropped the pages."""
    await add(spool, 1)
    files.fail(only="sync")
    await add(spool, 2)
    failed = files.log.index("truncate 0000000000000001.seg")
    assert "write 0000000000000001.seg" not in files.log[failed:]


async def test_a_full_disk_refuses_and_recovers(spool: Spool, files: FaultyFiles) -> None:
    """ENOSPC is an outage of the spool, which ends when there is room."""
    kept = await add(spool, 1)
    files.disk.capacity = files.disk.used + 10
    with pytest.raises(SpoolUnavailableError):
        await add(spool, 2)
    files.disk.capacity = None
    last = await add(spool, 3)
    records, damaged = await drain(spool)
    assert [r.webhook_id for r in records] == [kept.id, last.id]
    assert damaged == []


async def test_max_bytes_refuses_at_once_until_some_is_drained(files: FaultyFiles) -> None:
    """A full spool says so without touching the disk."""
    spool = Spool(settings(max_bytes=1500), files=files)
    await spool.start()
    await add(spool, 1)
    await add(spool, 2)
    seen = len(files.log)
    with pytest.raises(SpoolFullError):
        await add(spool, 3)
    assert (len(files.log), spool.own, spool.status().full) == (seen, 2, True)
    await drain(spool)
    await spool.stop()
    assert not spool.status().full


async def test_nothing_fits_where_it_is_turned_off(files: FaultyFiles) -> None:
    """`max_bytes = 0`."""
    spool = Spool(settings(max_bytes=0), files=files)
    await spool.start()
    with pytest.raises(SpoolFullError):
        await add(spool)
    await spool.stop()


async def test_a_disk_that_hangs_holds_nobody(files: FaultyFiles) -> None:
    """The waiter gets its answer in time, `stop` ends, and a hung write that succeeds later counts again."""
    spool = Spool(settings(), files=files)
    await spool.start()
    files.gate.clear()
    with pytest.raises(SpoolUnavailableError):
        await add(spool, 1, wait=0.05)
    assert spool.own == 0
    began = time.monotonic()
    await spool.stop()
    assert time.monotonic() - began < 4
    files.gate.set()


async def test_a_record_stored_after_its_waiter_gave_up_is_drained_and_counted(
    spool: Spool, files: FaultyFiles
) -> None:
    """A harmless repeat; the account closes."""
    files.gate.clear()
    task = asyncio.create_task(add(spool, 1, wait=0.2))
    with pytest.raises(SpoolUnavailableError):
        await task
    files.gate.set()
    await asyncio.wait_for(spool.wait_for_records(), 5)
    assert spool.own == 1
    records, _ = await drain(spool)
    assert (len(records), spool.own) == (1, 0)


async def test_the_queue_is_bounded(spool: Spool, files: FaultyFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than that waits nowhere."""
    monkeypatch.setattr(writer, "MAX_JOBS", 2)
    files.gate.clear()
    tasks = [asyncio.create_task(add(spool, number, wait=5)) for number in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(SpoolUnavailableError, match="too many"):
        await add(spool, 3)
    files.gate.set()
    await asyncio.gather(*tasks)
    assert spool.own == 2


async def test_an_idle_spool_proves_the_disk(files: FaultyFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe is synced when nothing else is."""
    monkeypatch.setattr(writer, "PROBE_EVERY", 0.01)
    spool = Spool(settings(), files=files)
    await spool.start()
    first = spool._writer.synced_at if spool._writer else None
    assert first is not None
    while spool._writer is not None and spool._writer.synced_at == first:  # noqa: ASYNC110 - the disk sets no event
        await asyncio.sleep(0.01)
    assert (spool.status().synced_ago or 0) < 5
    await spool.stop()


async def test_a_closed_spool_refuses(files: FaultyFiles) -> None:
    """Before start and after stop."""
    with pytest.raises(SpoolUnavailableError, match="not open"):
        await add(Spool(settings(), files=files))


async def test_a_folder_that_cannot_be_is_told_at_start(files: FaultyFiles) -> None:
    """Waiting would not mend it."""
    files.fail(only="mkdir", code=errno.EACCES)
    with pytest.raises(SpoolError, match="cannot be used"):
        await Spool(settings(), files=files).start()


async def test_the_oldest_age_is_by_the_clock_and_never_negative(files: FaultyFiles, clock: FakeClock) -> None:
    """A clock that was set back shows nothing absurd."""
    spool = Spool(settings(), files=files, clock=clock)
    await spool.start()
    await add(spool)
    clock.advance(40)
    assert spool.status().oldest_age == pytest.approx(40)
    clock.advance(-100)
    assert spool.status().oldest_age == 0
    await spool.stop()
