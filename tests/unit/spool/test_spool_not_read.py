"""Records that cannot be read back now, for a reason that is not of the disk: told, waited for, in nobody's way."""

import asyncio
import errno
from pathlib import Path

import pytest

from ingest.spool import Spool
from ingest.spool.contract import SpoolUnavailableError
from ingest.spool.segments import Folder, Segment
from ingest.spool.shelf import Shelf
from tests.support.faulty_files import Disk, FaultyFiles
from tests.support.spooling import settings, webhook

SOON = 60.0


def folder(name: str, *, own: bool = False, gating: bool = False) -> Folder:
    """Return a folder with one record that waits."""
    segments = {1: Segment(1, end=100, records=1)}
    return Folder(Path(name), lock=0, own=own, gating=gating, segments=segments)


def shelf(*others: Folder) -> Shelf:
    """Return a shelf with our own folder and these."""
    made = Shelf(FaultyFiles(Disk()), Path("/spool"), asyncio.Event())
    made.own = folder("own", own=True)
    made.folders = {each.name: each for each in (*others, made.own)}
    return made


async def test_what_cannot_be_read_is_named_told_and_read_when_it_can_be() -> None:
    """The error names the file, the status says so until a read goes well, and no record is given up."""
    files = FaultyFiles(Disk())
    spool = Spool(settings(), files=files)
    await spool.start()
    name, item = webhook(1).id, webhook(1)
    await spool.add(name, item, 5)
    files.fail(times=1, code=errno.EACCES, only="read")
    with pytest.raises(SpoolUnavailableError, match=r"0000000000000001\.seg cannot be read"):
        await spool.next_batch(10, 1 << 20)
    assert spool.status().not_read
    batch = await spool.next_batch(10, 1 << 20)
    assert batch is not None
    assert ([record.webhook_id for record in batch.records], spool.status().not_read) == ([name], False)
    await spool.stop()


async def test_a_dead_workers_folder_that_need_not_go_first_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours goes on meanwhile; it is tried again later, and at once where there is nothing else."""
    now = 1_000.0
    monkeypatch.setattr("ingest.spool.shelf.time.monotonic", lambda: now)
    dead = folder("dead")
    made = shelf(dead)
    dead.pass_over(now + SOON)
    assert made.head() == (made.own, made.folders["own"].segments[1])
    made.folders["own"].segments.clear()
    assert made.head() == (dead, dead.segments[1])


@pytest.mark.parametrize("later", [0.0, SOON])
async def test_a_folder_that_was_there_at_our_start_goes_first_whatever_happens(later: float) -> None:
    """Its records came before ours (P4)."""
    dead = folder("dead", gating=True)
    dead.pass_over(later)
    assert shelf(dead).head() == (dead, dead.segments[1])
