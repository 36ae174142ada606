"""What every log promises of looking up: bounds, offsets by time, reading a range."""

import pytest

from broker.log import Bounds, Log, Partition
from tests.support.logs import BASE_MS, PATIENCE, LogFactory, make_topic, record, unique


async def at_times(log: Log, *seconds: int) -> Partition:
    """Make a topic with one record at each of these seconds."""
    topic = await make_topic(log)
    await log.append([record(topic, b"%d" % s, timestamp=BASE_MS + s * 1000) for s in seconds], PATIENCE)
    return Partition(topic, 0)


async def values(log: Log, partition: Partition, offset: int, end: int) -> list[bytes | None]:
    """Return the values of a range."""
    return [stored.value async for stored in log.read(partition, offset, end)]


async def test_an_empty_partition_begins_and_ends_at_zero(log: Log) -> None:
    """Nothing stored: oldest and next offset are 0."""
    topic = await make_topic(log)
    assert await log.bounds(Partition(topic, 0)) == Bounds(0, 0)


async def test_the_end_is_the_next_offset(log: Log) -> None:
    """After three records the next one gets offset 3."""
    partition = await at_times(log, 0, 1, 2)
    assert await log.bounds(partition) == Bounds(0, 3)


async def test_bounds_are_of_one_partition(log: Log) -> None:
    """Partitions count each for itself."""
    topic = await make_topic(log, partitions=2)
    await log.append([record(topic, partition=1)], PATIENCE)
    assert await log.bounds(Partition(topic, 0)) == Bounds(0, 0)
    assert await log.bounds(Partition(topic, 1)) == Bounds(0, 1)


@pytest.mark.parametrize(("second", "offset"), [(-5, 0), (10, 0), (11, 1), (20, 1), (29, 2), (30, 2), (31, 3)], ids=str)
async def test_offset_at_finds_the_first_record_not_older(log: Log, second: int, offset: int) -> None:
    """The time of a record finds it, a time between two finds the later one, a time after all finds the end."""
    partition = await at_times(log, 10, 20, 30)
    assert await log.offset_at(partition, BASE_MS + second * 1000) == offset


async def test_offset_at_with_times_out_of_order(log: Log) -> None:
    """The lowest offset counts, though a later record has a smaller time."""
    partition = await at_times(log, 10, 30, 20, 40)
    assert await log.offset_at(partition, BASE_MS + 20_000) == 1


async def test_offset_at_of_an_empty_partition_is_its_end(log: Log) -> None:
    """With no record the answer is the end."""
    topic = await make_topic(log)
    assert await log.offset_at(Partition(topic, 0), BASE_MS) == 0


async def test_read_gives_the_range_and_no_more(log: Log) -> None:
    """From the offset, without the end."""
    partition = await at_times(log, *range(6))
    assert await values(log, partition, 2, 5) == [b"2", b"3", b"4"]


async def test_read_of_an_empty_range_gives_nothing(log: Log) -> None:
    """From and to the same offset is nothing."""
    partition = await at_times(log, 0, 1)
    assert await values(log, partition, 1, 1) == []


async def test_read_tells_place_and_time(log: Log) -> None:
    """Each record carries its topic, partition, offset and timestamp."""
    partition = await at_times(log, 3, 4)
    found = [(s.topic, s.partition, s.offset, s.timestamp) async for s in log.read(partition, 0, 2)]
    assert found == [(partition.topic, 0, 0, BASE_MS + 3000), (partition.topic, 0, 1, BASE_MS + 4000)]


async def test_read_of_many_records_is_complete(log: Log) -> None:
    """A range larger than any one fetch comes whole and in order."""
    topic = await make_topic(log)
    for start in range(0, 1500, 300):
        await log.append([record(topic, b"%d" % n) for n in range(start, start + 300)], PATIENCE)
    assert await values(log, Partition(topic, 0), 0, 1500) == [b"%d" % n for n in range(1500)]


async def test_read_can_be_left_early(log: Log) -> None:
    """A reader that breaks off leaves a log that works."""
    partition = await at_times(log, *range(5))
    async for stored in log.read(partition, 0, 5):
        assert stored.value == b"0"
        break
    assert await values(log, partition, 4, 5) == [b"4"]


async def test_read_does_not_touch_a_group(log: Log) -> None:
    """Reading a range commits nothing for anyone."""
    partition, group = await at_times(log, 0, 1), unique("group")
    await values(log, partition, 0, 2)
    assert await log.committed(group, partition) is None


async def test_an_unknown_topic_has_no_partitions(log: Log) -> None:
    """What is not there is empty, not an error."""
    assert list(await log.partitions(unique("absent"))) == []


async def test_partitions_are_numbered_from_zero(log: Log) -> None:
    """All partitions of the topic, in order."""
    topic = await make_topic(log, partitions=3)
    assert sorted(await log.partitions(topic)) == [Partition(topic, n) for n in range(3)]


async def test_another_log_reads_the_same(log_factory: LogFactory) -> None:
    """Bounds and records are those of the store, not of the process."""
    writer, reader = await log_factory.open(), await log_factory.open()
    partition = await at_times(writer, 0, 1)
    assert await reader.bounds(partition) == Bounds(0, 2)
    assert await values(reader, partition, 0, 2) == [b"0", b"1"]
