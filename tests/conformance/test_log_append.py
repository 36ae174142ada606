"""What every log promises of appending: order, exact bytes, partitions, refusals, an end."""

import asyncio
import time

import pytest

from broker.log import Log, LogState, LogUnavailableError, Partition, RecordRefusedError
from broker.murmur2 import partition_of
from broker.opening import open_log
from tests.support.logs import (
    BASE_MS,
    PATIENCE,
    LogFactory,
    collect,
    is_waiting,
    make_topic,
    read_all,
    record,
    unique,
    until,
)


async def test_places_come_back_in_the_order_given(log: Log) -> None:
    """The nth position belongs to the nth record."""
    topic = await make_topic(log, partitions=3)
    places = await log.append([record(topic, str(n).encode(), partition=n % 3) for n in range(9)], PATIENCE)
    assert [place.partition for place in places] == [Partition(topic, n % 3) for n in range(9)]
    found = {(stored.partition, stored.offset): stored.value for stored in await read_all(log, topic)}
    assert [found[place.partition.number, place.offset] for place in places] == [str(n).encode() for n in range(9)]


async def test_a_new_partition_counts_from_zero(log: Log) -> None:
    """The first record of a partition has offset 0, the next 1."""
    topic = await make_topic(log)
    first = await log.append([record(topic)], PATIENCE)
    second = await log.append([record(topic)], PATIENCE)
    assert (first[0].offset, second[0].offset) == (0, 1)


async def test_a_batch_goes_to_several_topics(log: Log) -> None:
    """One append may name several topics, as a webhook and its events do."""
    one, two = await make_topic(log), await make_topic(log)
    places = await log.append([record(one, b"raw"), record(two, b"event")], PATIENCE)
    assert [place.partition.topic for place in places] == [one, two]
    assert [stored.value for stored in await read_all(log, two)] == [b"event"]


async def test_an_empty_batch_stores_nothing(log: Log) -> None:
    """No records in, no positions out."""
    assert await log.append([], PATIENCE) == []
    assert await log.append_many([], PATIENCE) == []


@pytest.mark.parametrize("count", [1, 200])
async def test_many_records_stand_in_their_order_and_exactly_as_few_do(log: Log, count: int) -> None:
    """A drain's append keeps order, keys, headers and times, and gives the places as any other does."""
    topic = await make_topic(log, partitions=3)
    records = [
        record(
            topic,
            None if n == 7 else str(n).encode(),
            partition=n % 3,
            key=f"k{n % 5}".encode(),
            headers=(("n", str(n).encode()), ("n", b"")),
            timestamp=BASE_MS - n,
        )
        for n in range(count)
    ]
    places = await log.append_many(records, PATIENCE)
    stored = {(each.partition, each.offset): each for each in await read_all(log, topic)}
    found = [stored[place.partition.number, place.offset] for place in places]
    assert [(each.value, each.key, each.headers, each.timestamp) for each in found] == [
        (each.value, each.key, each.headers, each.timestamp) for each in records
    ]
    for number in range(3):
        offsets = [place.offset for place in places if place.partition.number == number]
        assert offsets == sorted(offsets)


@pytest.mark.parametrize("value", [b"plain", b"", None, bytes(range(256)) * 40], ids=["text", "empty", "none", "bytes"])
@pytest.mark.parametrize("key", [b"k", b"", None, "schl\u00fcssel|\u260e".encode()], ids=["k", "empty", "none", "utf8"])
async def test_key_and_value_come_back_exactly(log: Log, key: bytes | None, value: bytes | None) -> None:
    """Empty is not none, and no byte changes."""
    topic = await make_topic(log)
    await log.append([record(topic, value, key=key)], PATIENCE)
    (stored,) = await read_all(log, topic)
    assert (stored.key, stored.value) == (key, value)


async def test_headers_come_back_in_order_and_repeated(log: Log) -> None:
    """A name may repeat, and the order is kept."""
    headers = (("b", b"1"), ("a", b""), ("b", b"2"), ("\u00fcber", bytes(range(256))))
    topic = await make_topic(log)
    await log.append([record(topic, headers=headers)], PATIENCE)
    (stored,) = await read_all(log, topic)
    assert stored.headers == headers


async def test_timestamps_come_back_exactly(log: Log) -> None:
    """The timestamp is the caller's, to the millisecond, and may go back."""
    topic = await make_topic(log)
    times = [BASE_MS + 7, BASE_MS, BASE_MS + 12_345]
    await log.append([record(topic, timestamp=ms) for ms in times], PATIENCE)
    assert [stored.timestamp for stored in await read_all(log, topic)] == times


async def test_a_large_value_comes_back_whole(log: Log) -> None:
    """A value just below the topic's limit is stored."""
    topic = await make_topic(log)
    value = bytes(range(256)) * 3600
    await log.append([record(topic, value)], PATIENCE)
    (stored,) = await read_all(log, topic)
    assert stored.value == value


async def test_a_record_over_the_limit_is_refused(log: Log) -> None:
    """A record larger than the topic takes is refused, and the log stays well."""
    topic = await make_topic(log)
    with pytest.raises(RecordRefusedError):
        await log.append([record(topic, b"x" * 1_100_000)], PATIENCE)
    await log.append([record(topic, b"next")], PATIENCE)
    assert [stored.value for stored in await read_all(log, topic)] == [b"next"]


async def test_the_key_chooses_the_partition_as_kafka_does(log: Log) -> None:
    """A key's partition is murmur2 of it, so that foreign writers agree."""
    topic = await make_topic(log, partitions=5)
    keys = [f"main|{n}".encode() for n in range(20)]
    places = await log.append([record(topic, key=key) for key in keys], PATIENCE)
    assert [place.partition.number for place in places] == [partition_of(key, 5) for key in keys]


async def test_a_named_partition_wins_over_the_key(log: Log) -> None:
    """A record that names its partition goes there."""
    topic = await make_topic(log, partitions=4)
    other = (partition_of(b"key", 4) + 1) % 4
    (place,) = await log.append([record(topic, key=b"key", partition=other)], PATIENCE)
    assert place.partition == Partition(topic, other)


async def test_concurrent_appends_keep_every_record(log: Log) -> None:
    """Fifty writers at once lose nothing and share no place."""
    topic = await make_topic(log, partitions=3)
    batches = [[record(topic, f"{n}-{m}".encode(), key=b"%d" % m) for m in range(4)] for n in range(50)]
    answers = await asyncio.gather(*(log.append(batch, PATIENCE) for batch in batches))
    found = {(s.topic, s.partition, s.offset): s.value for s in await read_all(log, topic)}
    expected = {
        (place.partition.topic, place.partition.number, place.offset): sent.value
        for batch, places in zip(batches, answers, strict=True)
        for sent, place in zip(batch, places, strict=True)
    }
    assert found == expected
    assert len(found) == 200


async def test_what_one_log_appends_another_sees(log_factory: LogFactory) -> None:
    """A member that waits in one process gets what another process appends."""
    writer, reader = await log_factory.open(), await log_factory.open()
    topic = await make_topic(writer)
    await until(lambda: _knows(reader, topic))
    member = await reader.subscribe(unique("group"), [topic])
    waiting = asyncio.create_task(collect(member, 1))
    await writer.append([record(topic, b"across")], PATIENCE)
    (stored,) = await waiting
    assert stored.value == b"across"


async def _knows(log: Log, topic: str) -> bool:
    return len(await log.partitions(topic)) > 0


async def test_a_working_log_is_healthy(log: Log) -> None:
    """An append that worked is the evidence, and there is no reason to give."""
    topic = await make_topic(log)
    await log.append([record(topic)], PATIENCE)
    assert (log.state, log.reason) == (LogState.HEALTHY, "")


async def test_a_log_that_was_asked_settles_at_once(log: Log) -> None:
    """Who waits for the first verdict gets the state, and does not wait for the next."""
    began = time.monotonic()
    assert await log.settled(PATIENCE) is LogState.HEALTHY
    assert time.monotonic() - began < 5


async def test_a_log_that_was_stopped_is_away_and_says_so(log: Log) -> None:
    """The state, the reason and the wait for a verdict agree."""
    await log.stop()
    assert log.state is LogState.AWAY
    assert "stopped" in log.reason
    assert await log.settled(PATIENCE) is LogState.AWAY


async def test_a_new_log_has_a_reason_not_to_be_healthy(log_factory: LogFactory) -> None:
    """Nothing was asked yet."""
    log = open_log(log_factory.settings, ingesting=False)
    assert log.state is LogState.STARTING
    assert log.reason


async def test_append_after_stop_is_unavailable(log: Log) -> None:
    """A log that was stopped takes nothing more."""
    topic = await make_topic(log)
    await log.stop()
    with pytest.raises(LogUnavailableError):
        await log.append([record(topic)], 1.0)


async def test_stop_is_quick_with_a_member_waiting(log: Log) -> None:
    """Stop ends within a few seconds though a member polls, and twice is as good as once."""
    topic = await make_topic(log)
    member = await log.subscribe(unique("group"), [topic])
    waiting = asyncio.create_task(member.poll(1, 60.0))
    await until(lambda: is_waiting(member))
    began = time.monotonic()
    await log.stop()
    await log.stop()
    assert time.monotonic() - began < 8
    await asyncio.wait([waiting], timeout=5)
    assert waiting.done()
    assert waiting.exception() is None or isinstance(waiting.exception(), LogUnavailableError)
