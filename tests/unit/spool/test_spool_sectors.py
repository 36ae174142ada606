"""Sectors that are dead, for a moment or for good: what can be read comes, in order, and the rest is told."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.spool import Spool
from ingest.spool.contract import Damaged, SpoolUnavailableError
from ingest.spool.files import OsFiles
from ingest.spool.sectors import AT_ONCE, Patience, Sectors
from tests.support.faulty_files import Disk, FaultyFiles, File
from tests.support.spooling import Watch, drain, drain_in_time, settings, webhook

BLOCK = 64


@pytest.fixture
def watch() -> Watch:
    """Return monotonic time that stands still."""
    return Watch()


async def opened(disk: Disk, watch: Callable[[], float], block: int = BLOCK) -> tuple[Spool, FaultyFiles]:
    """Start a spool with small blocks."""
    files = FaultyFiles(disk)
    spool = Spool(settings(segment_bytes=100_000), files=files, patience=Patience(block=block, monotonic=watch))
    await spool.start()
    return spool, files


async def left(disk: Disk, watch: Callable[[], float], count: int) -> tuple[list[str], File, int]:
    """Leave so many records of a killed worker; return their ids, their file and the length of a frame."""
    spool, files = await opened(disk, watch)
    items = [webhook(number) for number in range(count)]
    for item in items:
        await spool.add(item.id, item, 5)
    files.die()
    await spool.stop()
    file = disk.segments()[0][1]
    return [item.id for item in items], file, len(file.data) // count


def kept(disk: Disk) -> dict[str, bytes]:
    """Return what was set aside, by the end of its name."""
    return {path.suffix: file.durable for path, file in disk.files() if path.parent.name == "damaged"}


async def test_a_dead_block_costs_the_records_in_it_alone(watch: Watch) -> None:
    """Those before and behind it come, in order; the one it damaged is named, and so is the block."""
    disk = Disk()
    ids, file, frame = await left(disk, watch, 5)
    at = 2 * frame + 2 * BLOCK
    file.rotten = range(at, at + 10)
    spool, _ = await opened(disk, watch)
    records, (damaged,) = await drain_in_time(spool, watch)
    assert [record.webhook_id for record in records] == ids[:2] + ids[3:]
    assert (damaged.webhook_id, damaged.place.offset, damaged.length) == (ids[2], 2 * frame, frame)
    assert f"cannot read bytes {at // BLOCK * BLOCK} to " in damaged.reason
    await spool.stop()


async def test_where_the_header_is_in_the_dead_block_the_next_record_is_found(watch: Watch) -> None:
    """The damage is known by its place, and ends where the next header is right."""
    disk = Disk()
    ids, file, frame = await left(disk, watch, 4)
    file.rotten = range(frame, frame + 1)
    spool, _ = await opened(disk, watch, block=1)
    records, (damaged,) = await drain_in_time(spool, watch)
    assert [record.webhook_id for record in records] == [ids[0], *ids[2:]]
    assert (damaged.webhook_id, damaged.place.offset, damaged.length) == (None, frame, frame)
    await spool.stop()


async def test_what_stands_before_the_block_comes_at_once_and_nothing_is_given_up_in_a_hurry(watch: Watch) -> None:
    """Any number of quick failures says no more than one: a bus that resets looks the same."""
    disk = Disk()
    ids, file, frame = await left(disk, watch, 3)
    file.rotten = range(frame + BLOCK, 2 * frame)
    spool, _ = await opened(disk, watch)
    batch = await spool.next_batch(9, 1 << 20)
    assert batch is not None
    assert [record.webhook_id for record in batch.records] == ids[:1]
    await spool.done(batch)
    for _ in range(20):
        with pytest.raises(SpoolUnavailableError):
            await spool.next_batch(9, 1 << 20)
    file.rotten = range(0)
    records, damaged = await drain(spool)
    assert ([record.webhook_id for record in records], damaged) == (ids[1:], [])
    await spool.stop()


async def test_what_stands_before_a_doubtful_block_comes_without_a_try_at_it(watch: Watch) -> None:
    """A try may take half a minute, and whoever waits for the answer has gone by then."""
    disk = Disk()
    ids, file, frame = await left(disk, watch, 6)
    file.rotten = range(4 * frame + BLOCK, 5 * frame)
    spool, files = await opened(disk, watch)
    first = await spool.next_batch(9, 1 << 20)
    files.log.clear()
    second = await spool.next_batch(9, 1 << 20)
    assert second == first
    assert first is not None
    assert [record.webhook_id for record in first.records] == ids[:4]
    tried = (4 * frame + BLOCK) // BLOCK
    assert files.log.count(f"read {file_name(disk)}") == tried
    await spool.stop()


def file_name(disk: Disk) -> str:
    """Return the name of the first segment."""
    return disk.segments()[0][0].name


async def test_what_failed_twice_long_ago_and_can_be_read_again_begins_anew(watch: Watch) -> None:
    """Only failures without a success between them count."""
    data = File(b"x" * BLOCK)
    disk = Disk()
    disk.root.names["a"] = data
    files, sectors = FaultyFiles(disk), Sectors(Patience(block=BLOCK, monotonic=watch))
    for _ in range(4):
        data.rotten = range(1)
        for _ in range(2):
            assert sectors.read(files, Path("/a"), 0, BLOCK).error is not None
            watch.now += 4
        data.rotten = range(0)
        assert sectors.read(files, Path("/a"), 0, BLOCK).data == data.data


async def test_what_could_be_read_of_the_damage_is_kept_with_a_note_and_the_segment(watch: Watch) -> None:
    """Zeros stand for the rest, and whoever reads the disk better than we finds the segment itself."""
    disk = Disk()
    _, file, frame = await left(disk, watch, 3)
    start = (frame // BLOCK + 1) * BLOCK
    file.rotten = range(start, start + 1)
    spool, _ = await opened(disk, watch, block=BLOCK)
    await drain_in_time(spool, watch)
    found = kept(disk)
    assert found[".seg"] == file.data
    assert b"could not be read" in found[".gaps"]
    # The copy reads blocks of the real size: all of the damage is in the one that is dead.
    assert len(found[".bin"]) == frame
    await spool.stop()


async def test_what_can_be_read_again_when_it_is_copied_is_kept_whole(watch: Watch) -> None:
    """Then the segment is not needed any more."""
    disk = Disk()
    _, file, frame = await left(disk, watch, 3)
    file.rotten = range(frame, frame + 1)
    spool, _ = await opened(disk, watch, block=1)
    while True:
        try:
            batch = await spool.next_batch(9, 1 << 20)
        except SpoolUnavailableError:
            watch.now += 2
            continue
        if batch is None:
            break
        file.rotten = range(0) if batch.damaged else file.rotten
        await spool.done(batch)
    assert kept(disk) == {".bin": file.data[frame : 2 * frame]}
    await spool.stop()


async def test_a_disk_where_everything_fails_is_read_in_bounded_turns(watch: Watch) -> None:
    """So many blocks a turn; in the end all is told, and what is behind it comes."""
    disk = Disk()
    _, file, _ = await left(disk, watch, 40)
    file.rotten = range(len(file.data))
    files = FaultyFiles(disk)
    spool = Spool(settings(), files=files, patience=Patience(block=BLOCK, most=10, monotonic=watch))
    await spool.start()
    last = webhook(100)
    await spool.add(last.id, last, 5)
    files.log.clear()
    with pytest.raises(SpoolUnavailableError):
        await spool.next_batch(9, 1 << 20)
    assert len([line for line in files.log if line.startswith("read")]) <= 11
    records, damaged = await drain_in_time(spool, watch)
    assert [record.webhook_id for record in records] == [last.id]
    assert [(one.place.offset, one.length) for one in damaged] == [(0, len(file.data))]
    assert spool.inherited == 0
    await spool.stop()


async def test_a_turn_ends_when_its_time_is_over() -> None:
    """A sector that takes a second to fail holds the thread for one more at most."""
    watch = Watch()

    def slow() -> float:
        watch.now += 0.6
        return watch.now

    disk = Disk()
    disk.root.names["a"] = File(b"x" * 1000, rotten=range(1000))
    files = FaultyFiles(disk)
    window = Sectors(Patience(block=BLOCK, monotonic=slow)).read(files, Path("/a"), 0, 1000)
    assert window.error is not None
    assert len(files.log) <= 4


@pytest.mark.parametrize("code", [errno.EACCES, errno.EMFILE, errno.ENOMEM])
def test_what_says_nothing_of_the_bytes_is_handed_on(code: int) -> None:
    """A missing right or a shortage: no block is looked at."""
    disk = Disk()
    disk.root.names["a"] = File(b"x" * 1000)
    files = FaultyFiles(disk)
    files.fail(code=code)
    with pytest.raises(OSError, match="made to fail"):
        Sectors(AT_ONCE).read(files, Path("/a"), 0, 1000)


@given(
    size=st.integers(0, 2000),
    block=st.integers(1, 300),
    start=st.integers(0, 2100),
    length=st.integers(1, 2100),
    rotten=st.tuples(st.integers(0, 2000), st.integers(0, 2000)),
)
def test_all_that_can_be_read_is_read_in_its_place(
    size: int, block: int, start: int, length: int, rotten: tuple[int, int]
) -> None:
    """For any file, blocks and dead bytes: right bytes or zeros, and the gaps cover whole blocks, no more."""
    data = bytes(number % 255 + 1 for number in range(size))
    dead = range(*rotten)
    disk = Disk()
    disk.root.names["a"] = File(data, rotten=dead)
    window = Sectors(Patience(block=block, tries=1, seconds=0, most=10_000, turn=60)).read(
        FaultyFiles(disk), Path("/a"), start, length
    )
    bad = {at for gap in window.gaps for at in range(gap.offset, gap.end)}
    assert window.error is None
    for at, byte in enumerate(window.data, start):
        assert byte == (0 if at in bad else data[at])
        if at in bad:
            first = max(start, at - at % block)
            assert set(range(first, min(start + length, at - at % block + block))) & set(dead)
    assert bad >= set(dead) & set(range(start, start + len(window.data)))


class DeadSector(OsFiles):
    """A real disk with one dead sector of 512 bytes."""

    def __init__(self, at: int) -> None:
        self.at = at

    def read(self, path: Path, offset: int, length: int) -> bytes:
        """Read, unless the sector is touched."""
        if path.suffix == ".seg" and offset < self.at + 512 and self.at < offset + length:
            raise OSError(errno.EIO, "Input/output error")
        return super().read(path, offset, length)


async def test_one_sector_of_a_real_segment_costs_one_block(tmp_path: Path, watch: Watch) -> None:
    """Of a thousand records some four kilobytes are lost to the reader, and named."""
    before = Spool(settings(tmp_path, segment_bytes=1 << 20))
    await before.start()
    items = [webhook(number) for number in range(1000)]
    for item in items:
        await before.add(item.id, item, 5)
    await before.stop()
    spool = Spool(settings(tmp_path), files=DeadSector(100_000), patience=Patience(monotonic=watch))
    await spool.start()
    records, damaged = await drain_in_time(spool, watch)
    await spool.stop()
    block = range(100_000 // 4096 * 4096, 100_000 // 4096 * 4096 + 4096)
    lost = {item.id for item in items} - {record.webhook_id for record in records}
    assert 1 <= len(lost) <= 4096 // 200
    assert all(touches(one, block) for one in damaged)
    order = {item.id: number for number, item in enumerate(items)}
    assert [order[record.webhook_id] for record in records] == sorted(order[r.webhook_id] for r in records)
    assert (tmp_path / "damaged").is_dir()


def touches(damaged: Damaged, block: range) -> bool:
    """Tell whether damage has a byte of the block."""
    return damaged.place.offset < block.stop and block.start < damaged.place.offset + damaged.length
