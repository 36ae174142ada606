"""Folders that give an error at start and are taken over later, and a segment that lost all its bytes."""

import asyncio
import errno
from pathlib import Path

import pytest

from ingest.spool import spool as module
from tests.support.faulty_files import Disk, FaultyFiles
from tests.support.spooling import add, drain, killed, started


@pytest.mark.parametrize(
    ("operation", "nth"), [("lock", 2), ("list", 2), ("list", 3), ("size", 1)], ids=["lock", "root", "listing", "size"]
)
async def test_what_gives_an_error_at_start_gates_when_it_is_taken_over_later(operation: str, nth: int) -> None:
    """It was there before us: what comes to us later must not overtake it (P4)."""
    disk = Disk()
    left = await killed(disk, 1, 2)
    files = FaultyFiles(disk)
    files.fail(nth, only=operation, code=errno.EMFILE)
    spool, _ = await started(disk, files)
    assert not spool.inherited
    own = await add(spool, 3)
    await spool._shelf.adopt()
    records, _ = await drain(spool, 1)
    assert [record.webhook_id for record in records] == left + own
    await spool.stop()


@pytest.mark.parametrize(("operation", "nth"), [("lock", 2), ("list", 3)])
async def test_what_is_taken_over_late_holds_direct_traffic_back(operation: str, nth: int) -> None:
    """Gating by itself, without a record of our own."""
    disk = Disk()
    await killed(disk, 1)
    files = FaultyFiles(disk)
    files.fail(nth, only=operation, code=errno.EMFILE)
    spool, _ = await started(disk, files)
    assert spool._shelf.head() is None
    await spool._shelf.adopt()
    assert (spool.gating, spool.holds_gating) == (True, True)
    await drain(spool)
    assert (spool.gating, spool.holds_gating) == (False, False)
    await spool.stop()


async def test_a_worker_that_lived_beside_us_does_not_gate_when_it_dies() -> None:
    """Its folder is older than ours, but the order of its records was never promised against ours."""
    disk = Disk()
    other, others_files = await started(disk)
    spool, _ = await started(disk)
    left = await add(other, 1)
    others_files.die()
    await other.stop()
    await spool._shelf.adopt()
    assert not spool.gating
    records, _ = await drain(spool)
    assert [record.webhook_id for record in records] == left
    await spool.stop()


async def test_a_live_worker_whose_lock_gave_an_error_at_start_does_not_gate_either() -> None:
    """The next look shows that it lives."""
    disk = Disk()
    other, others_files = await started(disk)
    files = FaultyFiles(disk)
    files.fail(2, only="lock", code=errno.EMFILE)
    spool, _ = await started(disk, files)
    await spool._shelf.adopt()
    await add(other, 1)
    others_files.die()
    await other.stop()
    await spool._shelf.adopt()
    assert spool._shelf.head() is not None
    assert not spool.gating
    await spool.stop()


async def test_folders_are_looked_for_under_steady_traffic_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the keeper is asked to remove meanwhile."""
    monkeypatch.setattr(module, "ADOPT_EVERY", 0.05)
    disk = Disk()
    spool, _ = await started(disk)
    left = await killed(disk, 1)
    async with asyncio.timeout(10):
        while not spool.inherited:
            spool._nudge.set()
            await asyncio.sleep(0.001)
    records, _ = await drain(spool)
    assert [record.webhook_id for record in records] == left
    await spool.stop()


class OneSick(FaultyFiles):
    """A disk whose second segment cannot be asked for its size."""

    def size(self, path: Path) -> int:
        """Return the size."""
        if path.name == "0000000000000002.seg":
            raise OSError(errno.EUCLEAN, "structure needs cleaning")
        return super().size(path)


async def test_one_segment_that_cannot_be_taken_does_not_keep_the_others() -> None:
    """From the third look on they come without it; it stays, and is counted for the operator."""
    disk = Disk()
    ids = await killed(disk, *range(1, 10))
    spool, _ = await started(disk, OneSick(disk))
    await spool._shelf.adopt()
    assert spool._shelf.head() is None
    await spool._shelf.adopt()
    records, damaged = await drain(spool)
    came = [record.webhook_id for record in records]
    assert came == [one for one in ids if one in came]
    assert 0 < len(came) < len(ids)
    assert (damaged, spool.status().set_aside) == ([], 1)
    await spool.stop()
    again, _ = await started(disk)
    records, _ = await drain(again)
    assert {record.webhook_id for record in records} | set(came) == set(ids)
    await again.stop()


async def test_a_segment_in_the_midst_that_lost_all_its_bytes_is_told() -> None:
    """By its place; those before and behind it come, and a note of it stays in `damaged/`."""
    disk = Disk()
    ids = await killed(disk, *range(1, 10))
    (_, first), (middle, file), *_ = disk.segments()
    count = round(len(file.data) * len(ids) / sum(len(one.data) for _, one in disk.segments()))
    before = round(len(first.data) * count / len(file.data))
    file.data = file.durable = b""
    spool, _ = await started(disk)
    assert spool.gating
    records, (damaged,) = await drain(spool)
    assert [record.webhook_id for record in records] == ids[:before] + ids[before + count :]
    assert (damaged.place.worker, damaged.place.segment, damaged.length) == (middle.parent.name, 2, 0)
    assert (spool.status().set_aside, spool.gating) == (1, False)
    assert [path.parent.name for path, _ in disk.files() if path.suffix == ".bin"] == ["damaged"]
    await spool.stop()


async def test_a_last_segment_without_a_byte_is_no_damage() -> None:
    """Nothing in it was ever acknowledged."""
    disk = Disk()
    await killed(disk, 1)
    file = disk.segments()[0][1]
    file.data = file.durable = b""
    spool, _ = await started(disk)
    assert await drain(spool) == ([], [])
    assert not spool.gating
    await spool.stop()
