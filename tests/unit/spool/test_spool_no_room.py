"""A damaged record in a segment on a disk that is full: its bytes are kept, and the disk is free again."""

import errno
import itertools
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from ingest.spool import damage
from ingest.spool.contract import Damaged, Place
from ingest.spool.files import OsFiles
from tests.support.faulty_files import Disk, FaultyFiles, File, Folder
from tests.support.spooling import add, drain, killed, started

WORKER = "w-0000000100000000"
ROOT = Path("/spool")
SEGMENT = ROOT / WORKER / "0000000000000001.seg"
SIZE = 100
COUNT = 5
SOME = [items for number in (1, 2, 3) for items in itertools.combinations(range(COUNT), number)]


def full(room: int = 0) -> Disk:
    """Return a disk with one segment of five records, and room for so many bytes more."""
    disk = Disk()
    data = b"".join(map(record, range(COUNT)))
    worker = Folder({SEGMENT.name: File(data, data)})
    worker.durable.update(worker.names)
    root = Folder({WORKER: worker}, {WORKER: worker})
    disk.root.names["spool"] = disk.root.durable["spool"] = root
    disk.capacity = len(data) + room
    return disk


def record(number: int) -> bytes:
    """Return the bytes of a record: a letter of its own."""
    return bytes([65 + number]) * SIZE


def stretches(numbers: Sequence[int]) -> list[Damaged]:
    """Return these records as damaged."""
    return [Damaged(Place(WORKER, 1, number * SIZE), SIZE, None, "it is bad") for number in numbers]


def aside(disk: Disk) -> dict[str, bytes]:
    """Return what was set aside, by the end of its name."""
    return {path.name[-16:]: file.data for path, file in disk.files() if path.parent.name == "damaged"}


def is_kept(disk: Disk, number: int) -> bool:
    """Tell whether the bytes of a record are in some file."""
    return any(record(number) in file.data for _, file in disk.files())


@pytest.mark.parametrize("room", [0, 50, 120])
@pytest.mark.parametrize("numbers", SOME)
def test_no_damaged_byte_is_lost_wherever_it_is_cut_short(numbers: Sequence[int], room: int) -> None:
    """After every file operation, and when the next try has gone as far as it comes, with room at last or without."""
    for lives in range(60):
        disk = full(room)
        files = FaultyFiles(disk)
        files.dies_after = lives
        try:
            done = damage.remove(files, ROOT, SEGMENT, stretches(numbers))
        except OSError:
            done = False
        disk.cut(Random(lives))
        assert all(is_kept(disk, number) for number in numbers), files.log[-3:]
        if done:
            return
        # The same process would try again with what it knows.
        disk.capacity = 10_000 if lives % 2 else disk.capacity
        try:
            damage.remove(FaultyFiles(disk), ROOT, SEGMENT, stretches(numbers))
        except OSError:
            assert not lives % 2
        assert all(is_kept(disk, number) for number in numbers), files.log[-3:]
    assert not is_small_enough(numbers), "it never comes to an end"


def is_small_enough(numbers: Sequence[int]) -> bool:
    """Tell whether a segment can make the room for its own copies when there is none at all."""
    first, last = min(numbers), max(numbers)
    return last < COUNT - 1 or last + 1 - first <= first


@pytest.mark.parametrize("numbers", [items for items in SOME if is_small_enough(items)])
def test_a_segment_makes_the_room_for_its_own_copies(numbers: Sequence[int]) -> None:
    """All that is not damaged in it is free then, and the segment is gone."""
    disk = full()
    assert damage.remove(FaultyFiles(disk), ROOT, SEGMENT, stretches(numbers))
    assert not disk.segments()
    assert all(is_kept(disk, number) for number in numbers)
    first, last = min(numbers), max(numbers)
    assert disk.used <= (last + 1 - first) * SIZE


@pytest.mark.parametrize("number", range(COUNT))
def test_the_copy_has_the_damaged_bytes_alone_under_their_place(number: int) -> None:
    """As where there was room. A damaged first record costs all behind it, a last one is written over the first."""
    disk = full()
    assert damage.remove(FaultyFiles(disk), ROOT, SEGMENT, stretches([number]))
    assert aside(disk) == {f"{number * SIZE:012d}.bin": record(number)}


def test_a_copy_is_not_replaced_by_what_is_left_after_the_segment_was_cut() -> None:
    """The second stretch was copied and cut off before the first failed. The next try finds nothing of it there."""
    disk = full()
    files = FaultyFiles(disk)
    files.fail(3, times=2, only="write", code=errno.ENOSPC)
    with pytest.raises(OSError, match="made to fail"):
        damage.remove(files, ROOT, SEGMENT, stretches([0, 2]))
    assert disk.segments()[0][1].data == record(0)
    disk.capacity = None
    assert damage.remove(files, ROOT, SEGMENT, stretches([0, 2]))
    assert aside(disk) == {f"{number * SIZE:012d}.bin": record(number) for number in (0, 2)}


def test_a_segment_with_a_dead_sector_is_moved_whole() -> None:
    """No copy has all of it, and a new name needs no room."""
    disk = full()
    (_, file) = disk.segments()[0]
    file.rotten = range(150, 151)
    assert damage.remove(FaultyFiles(disk), ROOT, SEGMENT, stretches([1]))
    ((path, moved),) = disk.segments()
    assert (path.parent.name, moved.data) == ("damaged", file.data)
    assert len(file.data) == COUNT * SIZE


async def test_what_does_not_fit_stays_and_is_copied_when_others_have_gone() -> None:
    """Both ends of the first segment are damaged, so that it can make no room; those behind it do."""
    disk = Disk()
    ids = await killed(disk, *range(6))
    file = disk.segments()[0][1]
    flipped = bytearray(file.data)
    flipped[40] ^= 1
    flipped[-1] ^= 1
    file.data = file.durable = bytes(flipped)
    spool, _ = await started(disk)
    batch = await spool.next_batch(3, 1 << 20)
    assert batch is not None
    disk.capacity = disk.used
    await spool.done(batch)
    assert disk.segments()[0][1] is file
    assert aside(disk) == {}
    assert not spool.status().not_read
    records, _ = await drain(spool)
    assert {record.webhook_id for record in (*batch.records, *records)} == set(ids[1:2] + ids[3:])
    (folder,) = spool._shelf.inherited
    segment = folder.segments[1]
    assert segment.no_room
    assert segment.kept_until <= segment.kept_at + 1.0
    segment.kept_until = 0.0
    await spool._sweep()
    assert sorted(map(len, aside(disk).values())) == [len(flipped) // 3] * 2
    assert not disk.segments()
    await spool.stop()


async def test_a_room_that_did_not_come_is_not_asked_for_at_every_turn() -> None:
    """Each try takes the disk's time, and writes a line."""
    disk = Disk()
    await killed(disk, 1)
    file = disk.segments()[0][1]
    file.data = file.durable = file.data[:-1] + b"?"
    spool, files = await started(disk)
    files.fail(times=10_000, only="mkdir", code=errno.ENOSPC)
    await drain(spool)
    files.log.clear()
    for number in range(10, 20):
        await add(spool, number)
        await drain(spool, 1)
    assert files.log.count("mkdir damaged") <= 1
    await spool.stop()


class NoRoom(OsFiles):
    """A real disk that has no room for so many new files."""

    def __init__(self, times: int) -> None:
        self.times = times

    def create(self, path: Path) -> int:
        """Refuse, or create."""
        self.times -= 1
        if self.times >= 0:
            raise OSError(errno.ENOSPC, "no space", str(path))
        return super().create(path)


@pytest.mark.parametrize(("number", "times"), [(1, 1), (1, 2), (COUNT - 1, 1)], ids=["cut", "cut, turned", "turned"])
def test_a_real_segment_is_cut_and_written_over(tmp_path: Path, number: int, times: int) -> None:
    """On a real disk, with the same end."""
    path = tmp_path / WORKER / SEGMENT.name
    path.parent.mkdir()
    path.write_bytes(b"".join(map(record, range(COUNT))))
    (item,) = stretches([number])
    assert damage.remove(NoRoom(times), tmp_path, path, [item])
    assert not path.exists()
    assert [one.name for one in (tmp_path / "damaged").iterdir()] == [damage.name_of(item)]
    assert (tmp_path / "damaged" / damage.name_of(item)).read_bytes() == record(number)
