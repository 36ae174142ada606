"""Folders of workers that ended, two spools on one root, damaged records, an idle spool."""

import asyncio

import pytest

from ingest.spool import Spool
from ingest.spool import spool as module
from tests.support.faulty_files import Disk, FaultyFiles
from tests.support.spooling import add, drain, killed, settings, started, webhook


async def test_what_a_dead_worker_left_comes_first_and_gates() -> None:
    """Found at start: counted, gating, drained before our own, folder removed."""
    disk = Disk()
    left = await killed(disk, 1, 2)
    spool, _ = await started(disk)
    assert (spool.inherited, spool.own, spool.gating) == (2, 0, True)
    own = await add(spool, 3)
    records, _ = await drain(spool)
    assert [record.webhook_id for record in records] == left + own
    assert (spool.inherited, spool.gating) == (0, False)
    await spool.stop()
    assert disk.files() == []


async def test_what_is_adopted_later_does_not_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of another worker's records was never promised against ours."""
    monkeypatch.setattr(module, "ADOPT_EVERY", 0.02)
    disk = Disk()
    spool, _ = await started(disk)
    left = await killed(disk, 1)
    await asyncio.wait_for(spool.wait_for_records(), 5)
    assert not spool.gating
    records, _ = await drain(spool)
    assert [record.webhook_id for record in records] == left
    await spool.stop()


async def test_two_spools_on_one_root_leave_each_other_alone() -> None:
    """Each reads its own records only."""
    disk = Disk()
    one, _ = await started(disk)
    two, _ = await started(disk)
    first, second = await add(one, 1), await add(two, 2)
    assert [r.webhook_id for r in (await drain(one))[0]] == first
    assert [r.webhook_id for r in (await drain(two))[0]] == second
    await one.stop()
    await two.stop()


async def test_stop_leaves_records_for_the_next() -> None:
    """A stop in good order gives the lock back and keeps what is not drained."""
    disk = Disk()
    spool, _ = await started(disk)
    ids = await add(spool, 1, 2, 3, 4)
    batch = await spool.next_batch(1, 1 << 20)
    assert batch is not None
    await spool.stop()
    again, _ = await started(disk)
    assert [r.webhook_id for r in (await drain(again))[0]] == ids
    await again.stop()


async def test_the_same_batch_comes_until_it_is_done() -> None:
    """A drainer that failed asks again."""
    spool, _ = await started(Disk())
    await add(spool, 1, 2)
    first = await spool.next_batch(1, 1 << 20)
    assert first == await spool.next_batch(1, 1 << 20)
    assert first is not None
    await spool.done(first)
    await spool.done(first)
    assert spool.own == 1
    await spool.stop()


async def test_a_damaged_record_is_set_aside_with_its_bytes() -> None:
    """Named by its id, counted, its bytes durable before the segment goes, and those behind it come."""
    disk = Disk()
    ids = await killed(disk, 1, 2, 3)
    file = disk.segments()[0][1]
    frame = len(file.data) // 3
    file.data = file.durable = file.data[: frame * 2 - 1] + b"?" + file.data[frame * 2 :]
    spool, files = await started(disk)
    records, (damaged,) = await drain(spool)
    assert [r.webhook_id for r in records] == [ids[0], ids[2]]
    assert (damaged.webhook_id, damaged.place.offset, damaged.tail) == (ids[1], frame, False)
    assert spool.status().set_aside == 1
    ((_, kept),) = [(p, f) for p, f in disk.files() if p.parent.name == "damaged"]
    assert kept.durable == file.data[frame : 2 * frame]
    assert files.log.index("sync_folder damaged") < files.log.index("unlink 0000000000000001.seg")
    await spool.stop()


async def test_where_damage_cannot_be_copied_the_segment_stays() -> None:
    """It is tried again; nothing of it is given up, and no part of a copy is left."""
    disk = Disk()
    await killed(disk, 1, 2)
    file = disk.segments()[0][1]
    file.data = file.durable = file.data[:-1] + b"?"
    spool, files = await started(disk)
    batch = await spool.next_batch(9, 1 << 20)
    assert batch is not None
    files.fail(only="write")
    await spool.done(batch)
    (kept,) = disk.segments()
    assert kept[1].data == file.data
    assert not [path for path, _ in disk.files() if path.parent.name == "damaged"]
    await spool.stop()


async def test_damage_in_our_own_segment_closes_the_account() -> None:
    """`own` reaches 0 although nobody can say what the damage was."""
    disk = Disk()
    spool, _ = await started(disk)
    await add(spool, 1, 2)
    file = disk.segments()[0][1]
    file.data = b"?" + file.data[1:]
    records, damaged = await drain(spool)
    assert (len(records), len(damaged), spool.own, spool.gating) == (1, 1, 0, False)
    await spool.stop()


async def test_a_torn_end_is_no_damage() -> None:
    """It was never acknowledged."""
    disk = Disk()
    ids = await killed(disk, 1, 2)
    file = disk.segments()[0][1]
    file.data = file.durable = file.data[:-5]
    spool, _ = await started(disk)
    records, damaged = await drain(spool)
    assert [r.webhook_id for r in records] == ids[:1]
    assert damaged == []
    assert not spool.gating
    await spool.stop()


async def test_an_idle_spool_holds_no_segment() -> None:
    """When all is drained the open segment goes too."""
    disk = Disk()
    spool, _ = await started(disk)
    await add(spool, 1)
    await drain(spool)
    async with asyncio.timeout(5):
        while disk.segments():  # noqa: ASYNC110 - the disk sets no event
            await asyncio.sleep(0.01)
    assert spool.status().bytes == 0
    await spool.stop()


async def test_folders_of_dead_workers_are_drained_in_the_order_of_their_making() -> None:
    """Whoever died first received first: the order of their records holds over several restarts (P4)."""
    disk = Disk()
    for number in range(1, 6):
        files = FaultyFiles(disk)
        spool = Spool(settings(), files=files)
        await spool.start()
        item = webhook(number)
        await spool.add(item.id, item, 5)
        files.die()
        await spool.stop()
    last = Spool(settings(), files=FaultyFiles(disk))
    await last.start()
    found, _ = await drain(last)
    await last.stop()
    assert [record.webhook_id for record in found] == [webhook(number).id for number in range(1, 6)]
