"""Damage that cannot be brought to safety: the drain goes on, the bytes stay, and it is done when it can be."""

import asyncio
import errno
from pathlib import Path

import pytest

from ingest.spool import Spool, shelf
from ingest.spool import spool as module
from tests.support.faulty_files import Disk, FaultyFiles
from tests.support.spooling import drain, settings, webhook


async def damaged_spool() -> tuple[Disk, list[str], bytes]:
    """Return a disk with two folders of killed workers, the first with a damaged record; the other ids; its bytes."""
    disk = Disk()
    for numbers in ((1, 2), (3, 4)):
        files = FaultyFiles(disk)
        spool = Spool(settings(), files=files)
        await spool.start()
        for number in numbers:
            item = webhook(number)
            await spool.add(item.id, item, 5)
        files.die()
        await spool.stop()
    file = disk.segments()[0][1]
    file.data = file.durable = file.data[:-1] + b"?"
    return disk, [webhook(number).id for number in (1, 3, 4)], file.data


def aside(disk: Disk) -> list[str]:
    """Return the kinds of files in `damaged/`."""
    return [path.suffix for path, _ in disk.files() if path.parent.name == "damaged"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
async def test_the_drain_goes_on_and_the_segment_stays(code: int) -> None:
    """No folder, no loss: the segment waits where it is, and is not asked for at every turn."""
    disk, ids, data = await damaged_spool()
    files = FaultyFiles(disk)
    spool = Spool(settings(), files=files)
    await spool.start()
    files.log.clear()
    files.fail(times=10_000, only="mkdir", code=code)
    records, (damaged,) = await drain(spool, 1)
    own = [webhook(number) for number in range(10, 30)]
    for item in own:
        await spool.add(item.id, item, 5)
        await drain(spool, 1)
    assert [record.webhook_id for record in records] == ids
    assert damaged.webhook_id == webhook(2).id
    assert files.log.count("mkdir damaged") <= 4
    assert data in [file.data for _, file in disk.segments()]
    assert not spool.gating
    await spool.stop()
    again = Spool(settings(), files=FaultyFiles(disk))
    await again.start()
    _, (once_more,) = await drain(again)
    assert once_more == damaged
    assert aside(disk) == [".bin"]
    await again.stop()


async def test_it_is_set_aside_as_soon_as_the_folder_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a restart."""
    monkeypatch.setattr(shelf, "LONGEST_KEPT", 0.01)
    monkeypatch.setattr(module, "ADOPT_EVERY", 0.02)
    disk, _, _ = await damaged_spool()
    files = FaultyFiles(disk)
    spool = Spool(settings(), files=files)
    await spool.start()
    files.fail(times=10_000, only="mkdir", code=errno.ENOSPC)
    await drain(spool)
    assert aside(disk) == []
    files.heal()
    async with asyncio.timeout(10):
        while disk.segments():  # noqa: ASYNC110 - the disk sets no event
            await asyncio.sleep(0.01)
    assert aside(disk) == [".bin"]
    await spool.stop()


async def test_a_copy_that_was_cut_short_is_not_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of it would look like the whole; the segment itself becomes the copy."""
    disk, _, data = await damaged_spool()
    files = FaultyFiles(disk)
    spool = Spool(settings(), files=files)
    await spool.start()
    monkeypatch.setattr(shelf, "LONGEST_KEPT", 60.0)
    batch = await spool.next_batch(9, 1 << 20)
    assert batch is not None
    disk.capacity = disk.used + 3
    await spool.done(batch)
    assert [(path.suffix, file.data) for path, file in disk.files() if path.parent.name == "damaged"] == [
        (".bin", data[len(data) // 2 :])
    ]
    disk.capacity = None
    await spool.stop()


async def test_a_file_in_the_place_of_the_folder_stops_nothing(tmp_path: Path) -> None:
    """On a real disk: whoever put it there is told in the log, and the rest is drained."""
    before = Spool(settings(tmp_path))
    await before.start()
    for number in range(1, 8):
        item = webhook(number)
        await before.add(item.id, item, 5)
    await before.stop()
    first = spoiled(tmp_path)
    spool = Spool(settings(tmp_path))
    await spool.start()
    records, (damaged,) = await drain(spool)
    await spool.stop()
    assert len(records) == 6
    assert damaged.webhook_id is not None
    assert first in segments(tmp_path)


def spoiled(root: Path) -> Path:
    """Damage the first segment, and put a file where the folder would be."""
    first = segments(root)[0]
    first.write_bytes(first.read_bytes()[:-1] + b"?")
    (root / "damaged").write_text("in the way")
    return first


def segments(root: Path) -> list[Path]:
    """Return the segments of all workers."""
    return sorted(root.glob("w-*/*.seg"))
