"""Reading on behind a batch that is not done yet: what would come after it, and nothing changes by it."""

import errno

from hypothesis import given
from hypothesis import strategies as st

from ingest.spool import Spool
from ingest.spool.contract import Batch
from tests.support.faulty_files import Disk, FaultyFiles
from tests.support.spooling import drain, settings, webhook

BYTES = 1 << 20


async def filled(disk: Disk, number: int) -> tuple[Spool, FaultyFiles, list[str]]:
    """Give a spool with so many records, in segments of a few each, and their ids."""
    files = FaultyFiles(disk)
    spool = Spool(settings(), files=files)
    await spool.start()
    items = [webhook(each) for each in range(number)]
    for item in items:
        await spool.add(item.id, item, 5)
    return spool, files, [item.id for item in items]


def ids(batch: Batch | None) -> list[str]:
    """Return the ids of a batch."""
    return [] if batch is None else [record.webhook_id for record in batch.records]


async def first(spool: Spool, records: int) -> Batch:
    """Return the first batch, which there must be."""
    batch = await spool.next_batch(records, BYTES)
    assert batch is not None
    return batch


async def test_reading_ahead_goes_on_where_the_batch_ends_and_into_the_next_segment() -> None:
    """Until nothing durable is left."""
    disk = Disk()
    spool, _, wanted = await filled(disk, 12)
    assert len(disk.segments()) > 1
    batch: Batch | None = await first(spool, 2)
    found = ids(batch)
    while batch is not None and (batch := await spool.next_behind(batch, 2, BYTES)) is not None:
        found += ids(batch)
    assert found == wanted
    await spool.stop()


async def test_what_was_read_ahead_comes_again_until_it_is_done() -> None:
    """It is counted as waiting, and a drain that failed begins at the beginning."""
    spool, _, wanted = await filled(Disk(), 4)
    await spool.next_behind(await first(spool, 2), 2, BYTES)
    assert spool.own == 4
    assert ids(await spool.next_batch(4, BYTES))[:2] == wanted[:2]
    assert [record.webhook_id for record in (await drain(spool))[0]] == wanted
    await spool.stop()


@given(number=st.integers(1, 25), sizes=st.lists(st.integers(1, 6), min_size=1, max_size=12))
async def test_one_batch_ahead_all_the_way_gives_everything_once_and_in_order(number: int, sizes: list[int]) -> None:
    """Each batch is done after the next one was read; in the end all files are gone and the count is nothing."""
    disk = Disk()
    spool, _, wanted = await filled(disk, number)
    found: list[str] = []
    ahead: Batch | None = None
    while (batch := ahead or await spool.next_batch(sizes[0], BYTES)) is not None:
        sizes = [*sizes[1:], sizes[0]]
        ahead = await spool.next_behind(batch, sizes[0], BYTES)
        found += ids(batch)
        await spool.done(batch)
    assert (found, spool.own) == (wanted, 0)
    await spool.stop()
    assert disk.segments() == []


async def test_a_segment_that_cannot_be_read_ahead_is_left_to_the_reader() -> None:
    """Nothing is condemned and no failure is counted: the records come when it is their turn."""
    spool, files, wanted = await filled(Disk(), 4)
    batch = await first(spool, 2)
    files.fail(times=5, code=errno.EACCES, only="read")
    for _ in range(5):
        assert await spool.next_behind(batch, 2, BYTES) is None
    records, damaged = await drain(spool)
    assert ([record.webhook_id for record in records], damaged) == (wanted, [])
    await spool.stop()


async def test_nothing_is_behind_a_folder_that_is_gone() -> None:
    """Its last record was published meanwhile."""
    disk = Disk()
    spool, files, _ = await filled(disk, 2)
    files.die()
    await spool.stop()
    heir = Spool(settings(), files=FaultyFiles(disk))
    await heir.start()
    batch = await first(heir, 9)
    await heir.done(batch)
    assert await heir.next_behind(batch, 9, BYTES) is None
    await heir.stop()
