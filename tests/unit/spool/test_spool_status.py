"""The spool's figures: read beside the loop that changes them, and what counts as full."""

import pytest

from ingest.spool import Spool
from ingest.spool.contract import SpoolFullError
from ingest.spool.segments import Segment
from tests.support.faulty_files import FaultyFiles
from tests.support.spooling import settings, webhook


async def test_the_status_can_be_read_in_a_thread_while_the_loop_changes_the_spool() -> None:
    """Metrics are scraped there. What changes while they are summed up must not break them."""
    spool = Spool(settings(), files=FaultyFiles())
    await spool.start()
    (folder,) = spool._shelf.folders.values()

    class Odd(Segment):
        """A segment that is looked at just when another one comes: the loop's thread in the midst of a sum."""

        @property
        def left(self) -> int:
            """Change the folder."""
            folder.segments[len(folder.segments) + 1] = Segment(len(folder.segments) + 1)
            return 0

    folder.segments[1] = Odd(1)
    assert folder.left == 0
    assert len(folder.segments) == 2
    folder.segments.clear()
    await spool.stop()


async def test_a_record_larger_than_the_spool_does_not_make_an_empty_one_full() -> None:
    """It is refused, and the next one has all the room."""
    spool = Spool(settings(max_bytes=2000), files=FaultyFiles())
    await spool.start()
    large, small = webhook(1, bytes(3000)), webhook(2)
    with pytest.raises(SpoolFullError):
        await spool.add(large.id, large, 5)
    assert not spool.status().full
    await spool.add(small.id, small, 5)
    with pytest.raises(SpoolFullError):
        await spool.add(large.id, large, 5)
    assert not spool.status().full
    await spool.stop()
