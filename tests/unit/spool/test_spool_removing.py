"""Removing segments: what is cut short, and what others took away."""

import asyncio

from structlog.testing import capture_logs

from ingest.spool import Spool
from tests.support.faulty_files import FaultyFiles
from tests.support.spooling import settings, webhook

GONE = "spool_segment_gone"


async def drained_but_for_the_file(files: FaultyFiles) -> tuple[Spool, "asyncio.Task[None]"]:
    """Return a spool of which a sealed segment is published, and the task that hangs while it removes the file."""
    spool = Spool(settings(segment_bytes=1), files=files)
    await spool.start()
    item = webhook(1)
    await spool.add(item.id, item, 5)
    batch = await spool.next_batch(9, 1 << 20)
    assert batch is not None
    files.gate.clear()
    removing = asyncio.create_task(spool.done(batch))
    while not spool._shelf.reading._waiting:  # noqa: ASYNC110 - the thread sets no event
        await asyncio.sleep(0)
    return spool, removing


async def test_a_removal_that_was_cut_short_by_the_end_is_not_told_as_a_loss() -> None:
    """The thread goes on with it; whoever looks next finds the file gone, by our own hand."""
    files = FaultyFiles()
    spool, removing = await drained_but_for_the_file(files)
    removing.cancel()
    await asyncio.wait([removing])
    files.gate.set()
    with capture_logs() as lines:
        await spool.stop()
    assert GONE not in [line["event"] for line in lines]
    assert files.disk.segments() == []


async def test_a_segment_that_others_removed_is_told() -> None:
    """Nobody but us may do that."""
    files = FaultyFiles()
    spool, removing = await drained_but_for_the_file(files)
    for path, _ in files.disk.segments():
        folder = files._folder(path.parent)
        del folder.names[path.name]
    with capture_logs() as lines:
        files.gate.set()
        await removing
    assert [line["event"] for line in lines].count(GONE) == 1
    await spool.stop()
