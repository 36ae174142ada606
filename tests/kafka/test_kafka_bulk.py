"""Many records in one append: what fails or is refused leaves the beginning of each partition's records behind."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError
from aiokafka.structs import RecordMetadata, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from broker.kafka import KafkaLog
from broker.kafka.bulk import MANY, Bulk, Failure, is_bulk
from broker.kafka.line import MAX_RECORD_BYTES, Line
from broker.log import Partition, RecordRefusedError
from schemas.records import Record
from tests.support.kafka import kafka_logs, set_by_operator
from tests.support.logs import PATIENCE, make_topic, read_all, record

ROOM = 3


@dataclass
class FakeLine:
    """Stores batches of ROOM records. `refused` are numbers of records that no batch may hold; `script` fails batches.

    A word of the script is said of one batch: `ok`, `lost` (not stored), `late` (stored and not confirmed).
    """

    refused: frozenset[int] = frozenset()
    script: list[str] = field(default_factory=list[str])
    stored: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    batches: int = 0

    async def choose(self, _topic: str, record: Record) -> int:
        """Return the partition that the record names."""
        assert record.partition is not None
        return record.partition

    async def send_together(self, topic: str, partition: int, records: Sequence[Record]) -> tuple[object, int]:
        """Store a batch or not; the answer comes in a later turn."""
        self.batches += 1
        numbers = [each.timestamp for each in records[:ROOM]]
        future: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        word = self.script.pop(0) if self.script else "ok"
        if self.refused.intersection(numbers):
            answer: Exception | None = MessageSizeTooLargeError()
        else:
            answer = None if word == "ok" else KafkaConnectionError()
        place = self.stored.setdefault(partition, [])
        first = len(place)
        if answer is None or (word == "late" and not self.refused.intersection(numbers)):
            place += numbers
        metadata = RecordMetadata(topic, partition, TopicPartition(topic, partition), first, 0, 0, 0)
        set_it = (lambda: future.set_result(metadata)) if answer is None else (lambda: future.set_exception(answer))
        asyncio.get_running_loop().call_soon(set_it)
        return future, len(numbers)


def numbered(partitions: Sequence[int]) -> list[Record]:
    """Return a record for each partition of a list, its number as its time."""
    return [Record("topic", b"k", b"v", (), number, partition) for number, partition in enumerate(partitions)]


async def store(line: FakeLine, records: Sequence[Record]) -> tuple[Bulk, Failure | None]:
    """Append all records once."""
    bulk = Bulk(cast("Line", line), records, lambda record: record.topic, Partition)
    return bulk, await bulk.store()


def first_copies(numbers: Sequence[int]) -> list[int]:
    """Return each number where it came first."""
    return list(dict.fromkeys(numbers))


@given(st.lists(st.integers(0, 2), max_size=40))
def test_every_record_has_its_place(partitions: list[int]) -> None:
    """In the order given, whatever partition it went to."""

    async def run() -> None:
        line = FakeLine()
        bulk, failure = await store(line, numbered(partitions))
        assert failure is None
        found = [line.stored[place.partition.number][place.offset] for place in bulk.positions]
        assert found == list(range(len(partitions)))

    asyncio.run(run())


@given(
    partitions=st.lists(st.integers(0, 2), min_size=1, max_size=40),
    script=st.lists(st.sampled_from(["ok", "ok", "lost", "late"]), max_size=12),
    refused=st.frozensets(st.integers(0, 39), max_size=2),
)
def test_first_copies_stand_in_order_however_often_it_is_repeated(
    partitions: list[int], script: list[str], refused: frozenset[int]
) -> None:
    """Batches that were lost, came late or were refused for one record never let a later record come first."""

    async def run() -> None:
        line = FakeLine(refused, list(script))
        for _ in range(len(script) + 1):
            await store(line, numbered(partitions))
            for partition, found in line.stored.items():
                wanted = [number for number, own in enumerate(partitions) if own == partition]
                assert first_copies(found) == wanted[: len(set(found))]

    asyncio.run(run())


@given(refused=st.integers(0, 19))
def test_a_refused_record_is_named_and_all_before_it_are_stored(refused: int) -> None:
    """Its batch is tried in halves until it stands alone."""

    async def run() -> None:
        line = FakeLine(frozenset({refused}))
        _, failure = await store(line, numbered([0] * 20))
        assert failure is not None
        assert (failure.record.timestamp, type(failure.error)) == (refused, MessageSizeTooLargeError)
        assert line.stored.get(0, []) == list(range(refused))

    asyncio.run(run())


async def test_a_failure_of_the_cluster_is_not_searched_for_in_halves() -> None:
    """It is no record's fault: the partition ends there, and the others go on."""
    line = FakeLine(script=["lost"])
    _, failure = await store(line, numbered([0, 0, 0, 1]))
    assert failure is not None
    assert isinstance(failure.error, KafkaConnectionError)
    assert (line.batches, line.stored[1]) == (2, [3])


def test_few_small_records_share_the_batches_of_others() -> None:
    """Only many, or large ones that one batch may not hold, get batches of their own."""
    assert not is_bulk([record("topic")] * (MANY - 1))
    assert is_bulk([record("topic")] * MANY)
    assert is_bulk([record("topic", bytes(400_000))] * 2)


@pytest.fixture
async def log() -> AsyncIterator[KafkaLog]:
    """Give a log on a real Kafka."""
    async with kafka_logs() as factory:
        yield await factory.open()


@pytest.mark.kafka
async def test_many_records_are_stored_in_order_with_their_places(log: KafkaLog) -> None:
    """Over several partitions and more than one batch each."""
    topic = await make_topic(log, partitions=3)
    records = [record(topic, b"%04d" % number + bytes(9_000), key=b"k%d" % (number % 7)) for number in range(900)]
    places = await log.append_many(records, PATIENCE)
    found = {(each.partition, each.offset): each.value for each in await read_all(log, topic)}
    assert [found[place.partition.number, place.offset] for place in places] == [each.value for each in records]
    assert log._publisher._keeper.line is not None
    assert (log._publisher._keeper.line.records, log._publisher._keeper.line.bytes) == (0, 0)


@pytest.mark.kafka
async def test_first_copies_stand_in_order_where_the_topic_takes_small_batches_only(log: KafkaLog) -> None:
    """The broker refuses the large batches of an append and would take the small one at its end."""
    topic = await make_topic(log)
    await set_by_operator(log, log._publisher._names.outer(topic), max_message_bytes="200000")
    records = [record(topic, b"%02d" % number + bytes(30_000)) for number in range(70)]
    await log.append_many(records, PATIENCE)
    found = [int((each.value or b"")[:2]) for each in await read_all(log, topic)]
    assert first_copies(found) == list(range(70))


@pytest.mark.kafka
async def test_nothing_behind_a_refused_record_is_stored_in_its_partition(log: KafkaLog) -> None:
    """So it may be appended again one by one, and the order of first copies holds."""
    topic = await make_topic(log)
    records = [record(topic, b"%02d" % number) for number in range(80)]
    records[40] = record(topic, bytes(1_200_000))
    with pytest.raises(RecordRefusedError):
        await log.append_many(records, PATIENCE)
    assert [int(each.value or b"") for each in await read_all(log, topic)] == list(range(40))


@pytest.mark.kafka
async def test_a_record_that_no_broker_takes_is_refused_among_many(log: KafkaLog) -> None:
    """Without being sent."""
    topic = await make_topic(log)
    with pytest.raises(RecordRefusedError):
        await log.append_many([*[record(topic)] * MANY, record(topic, bytes(MAX_RECORD_BYTES))], PATIENCE)
    assert len(await read_all(log, topic)) == MANY
