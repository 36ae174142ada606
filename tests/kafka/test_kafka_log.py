"""What only Kafka has: its topic configurations, its limits on a batch, groups of several processes' logs."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from broker.kafka import KafkaLog
from broker.kafka.line import Line
from broker.log import (
    LogState,
    LogUnavailableError,
    Partition,
    RecordRefusedError,
    TopicChange,
    TopicSpec,
)
from broker.settings import KafkaSettings
from tests.support.kafka import KafkaFactory, kafka_logs, set_by_operator
from tests.support.logs import PATIENCE, collect, commit_past, make_topic, read_all, record, settle, unique, until

pytestmark = pytest.mark.kafka
HOUR_MS = 3_600_000


@pytest.fixture
async def factory() -> AsyncIterator[KafkaFactory]:
    """Give a factory of logs under a prefix of this test."""
    async with kafka_logs() as factory:
        yield factory


@pytest.fixture
async def log(factory: KafkaFactory) -> KafkaLog:
    """Give one started log."""
    return await factory.open()


async def test_fewer_brokers_than_copies_is_a_degraded_plan(factory: KafkaFactory) -> None:
    """One broker: the topic is made with one copy, and the plan says so before and after."""
    wanted = KafkaSettings(replication_factor=3, min_insync_replicas=2)
    degraded = KafkaFactory(replace(factory.settings, kafka=wanted), factory.stack)
    log = await degraded.open()
    spec = TopicSpec(unique("topic"), 1, retention_ms=HOUR_MS)
    (planned,) = await log.plan_topics([spec])
    assert planned.change is TopicChange.CREATE
    assert "degraded: 1 copy" in planned.detail
    await log.apply_topics([planned])
    await until(lambda: log.partitions(spec.name))
    (planned,) = await log.plan_topics([spec])
    assert planned.change is TopicChange.KEEP
    assert "degraded: 1 copy" in planned.detail
    await log.append([record(spec.name)], PATIENCE)


async def test_an_alteration_keeps_what_others_set(factory: KafkaFactory, log: KafkaLog) -> None:
    """Kafka replaces a topic's whole configuration; what an operator has set there stays."""
    spec = TopicSpec(unique("topic"), 1, retention_ms=HOUR_MS)
    await log.apply_topics(await log.plan_topics([spec]))
    await until(lambda: log.partitions(spec.name))
    outer = factory.settings.topic_prefix + spec.name
    await set_by_operator(log, outer, retention_ms=str(HOUR_MS), segment_ms="123456")
    plan = await log.plan_topics([replace(spec, retention_ms=2 * HOUR_MS)])
    assert [line.change for line in plan] == [TopicChange.ALTER]
    assert "retention.ms: 3600000 becomes 7200000" in plan[0].detail
    await log.apply_topics(plan)
    found = await configs_of(log, outer)
    assert (found["segment.ms"], found["retention.ms"]) == ("123456", "7200000")


async def test_a_message_limit_of_the_spec_is_the_brokers(log: KafkaLog) -> None:
    """A topic for large bodies takes what another topic refuses."""
    large, small = await limited_topic(log, 3_000_000), await limited_topic(log, 100_000)
    body = b"x" * 2_500_000
    await log.append([record(large, body)], PATIENCE)
    with pytest.raises(RecordRefusedError, match=r"max\.message\.bytes"):
        await log.append([record(small, body)], PATIENCE)
    assert [len(stored.value or b"") for stored in await read_all(log, large)] == [2_500_000]


async def test_a_refused_record_takes_no_neighbour_with_it(log: KafkaLog) -> None:
    """The broker refuses a batch for one bad record in it; the others of the batch are stored all the same."""
    topic = await make_topic(log)
    in_a_year = int(time.time() * 1000) + 365 * 24 * HOUR_MS
    good = [log.append([record(topic, b"%d" % n)], PATIENCE) for n in range(20)]
    bad = log.append([record(topic, b"bad", timestamp=in_a_year)], PATIENCE)
    answers = await asyncio.gather(*good[:10], bad, *good[10:], return_exceptions=True)
    assert [n for n, answer in enumerate(answers) if isinstance(answer, BaseException)] == [10]
    assert isinstance(answers[10], RecordRefusedError)
    stored = {each.value for each in await read_all(log, topic)}
    assert stored == {b"%d" % n for n in range(20)}
    assert log.state is LogState.HEALTHY


async def test_a_refused_record_among_hundreds_is_told_and_the_log_stays_well(log: KafkaLog) -> None:
    """One append of 200 webhooks with two events each: refused as a whole, though most of it may be stored."""
    topics = [await make_topic(log, partitions=3) for _ in range(3)]
    in_a_year = int(time.time() * 1000) + 365 * 24 * HOUR_MS
    records = [record(topics[n % 3], b"%d" % n, key=b"%d" % (n // 3)) for n in range(600)]
    records[300] = replace(records[300], timestamp=in_a_year)
    with pytest.raises(RecordRefusedError, match="timestamp"):
        await log.append(records, PATIENCE)
    assert log.state is LogState.HEALTHY
    await log.append(records[:300] + records[301:], PATIENCE)


async def test_hundreds_of_records_in_one_append_keep_their_order(log: KafkaLog) -> None:
    """Within each partition they lie as they were given, also where they fill several batches."""
    topic = await make_topic(log, partitions=3)
    records = [record(topic, b"%d" % n + bytes(5_000), key=b"%d" % (n % 50)) for n in range(600)]
    places = await log.append(records, PATIENCE)
    for partition in await log.partitions(topic):
        offsets = [place.offset for place in places if place.partition == partition]
        assert offsets == list(range(len(offsets)))


async def test_a_warm_log_has_nothing_to_ask_at_its_first_append(factory: KafkaFactory, log: KafkaLog) -> None:
    """The topic is known and its leader connected before the log is healthy; an absent one holds nothing up."""
    topic = await make_topic(log)
    warm = KafkaLog(factory.settings, [topic, "absent-topic"])
    factory.stack.push_async_callback(warm.stop)
    await warm.start()
    assert await warm.settled(PATIENCE) is LogState.HEALTHY
    line = warm._publisher._keeper.line
    assert isinstance(line, Line)
    client: Any = line.producer.client
    connections = dict(client._conns)
    assert connections
    await warm.append([record(topic)], PATIENCE)
    assert client._conns == connections
    assert client._topics == {factory.settings.topic_prefix + topic}


async def test_small_records_beyond_the_limit_together_are_stored(log: KafkaLog) -> None:
    """Records that fit each for itself are stored though a batch of them is too large for the topic."""
    topic = await limited_topic(log, 20_000)
    await asyncio.gather(*(log.append([record(topic, bytes(5_000))], PATIENCE) for _ in range(30)))
    assert len(await read_all(log, topic)) == 30


async def test_an_unknown_topic_is_named_and_the_log_stays_well(log: KafkaLog) -> None:
    """A missing topic is no reason to throw the producer away."""
    known = await make_topic(log)
    with pytest.raises(LogUnavailableError, match="absent-topic"):
        await log.append([record("absent-topic")], 0.5)
    await log.append([record(known)], PATIENCE)
    assert log.state is LogState.HEALTHY
    with pytest.raises(LogUnavailableError, match="absent-topic"):
        await log.subscribe(unique("group"), ["absent-topic"])


async def test_a_topic_that_is_made_later_is_found(log: KafkaLog) -> None:
    """An append that failed for its topic works once somebody made the topic."""
    spec = TopicSpec(unique("topic"), 1)
    with pytest.raises(LogUnavailableError):
        await log.append([record(spec.name)], 0.3)
    await log.apply_topics(await log.plan_topics([spec]))
    await log.append([record(spec.name)], PATIENCE)


async def test_a_partition_that_is_not_there_is_the_records_fault(log: KafkaLog) -> None:
    """No waiting brings partition 9 of a topic with one."""
    topic = await make_topic(log)
    with pytest.raises(RecordRefusedError, match="partition 9"):
        await log.append([record(topic, partition=9)], PATIENCE)


async def test_a_record_without_a_key_on_a_compacted_topic_is_the_records_fault(log: KafkaLog) -> None:
    """The broker can never store it; what comes in the same batch is stored, by the same producer."""
    spec = TopicSpec(unique("topic"), 1, compacted=True)
    await log.apply_topics(await log.plan_topics([spec]))
    line = log._publisher._keeper.line
    answers = await asyncio.gather(
        *(log.append([record(spec.name, key=key)], PATIENCE) for key in (b"a", None, b"b")), return_exceptions=True
    )
    assert [isinstance(answer, RecordRefusedError) for answer in answers] == [False, True, False]
    assert len(await read_all(log, spec.name)) == 2
    assert log.state is LogState.HEALTHY
    assert log._publisher._keeper.line is line


async def test_a_topic_takes_records_as_soon_as_apply_returns(log: KafkaLog) -> None:
    """Every partition has a leader that answers: the first webhook must not wait for elections."""
    spec = TopicSpec(unique("topic"), 48)
    plan = await log.plan_topics([spec])
    await log.apply_topics(plan)
    lookup, _ = log._open()
    began = time.monotonic()
    await lookup.leaders([Partition(spec.name, number) for number in range(48)])
    assert time.monotonic() - began < 1.0
    places = await log.append([record(spec.name, partition=number) for number in range(48)], 2.0)
    assert len(places) == 48


async def test_too_much_in_flight_is_refused_at_once(log: KafkaLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: what does not fit is unavailable, not queued."""
    topic = await make_topic(log)
    await log.append([record(topic)], PATIENCE)
    monkeypatch.setattr("broker.kafka.line.MAX_RECORDS", 10)
    answers = await asyncio.gather(
        *(log.append([record(topic, b"%d" % n)], PATIENCE) for n in range(30)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert 0 < len(refused) <= 20
    assert all(isinstance(each, LogUnavailableError) and "in flight" in str(each) for each in refused)
    assert len(await read_all(log, topic)) == 31 - len(refused)


async def test_what_is_in_flight_is_counted_back_to_nothing(log: KafkaLog) -> None:
    """After appends that worked and one that was refused no room is lost."""
    topic = await make_topic(log)
    await log.append([record(topic) for _ in range(5)], PATIENCE)
    with pytest.raises(RecordRefusedError):
        await log.append([record(topic), record(topic, bytes(1_200_000))], PATIENCE)
    line = log._publisher._keeper.line
    assert isinstance(line, Line)
    assert (line.records, line.bytes) == (0, 0)


async def test_a_member_is_told_before_its_partitions_go(factory: KafkaFactory) -> None:
    """Work in hand is committed while it still can be, and the next owner starts behind it."""
    log, other = await factory.open(), await factory.open()
    topic, group = await make_topic(log), unique("group")
    await log.append([record(topic, b"%d" % n) for n in range(4)], PATIENCE)
    told = asyncio.Event()

    async def commit_in_hand(revoked: frozenset[Partition]) -> None:
        assert revoked == {Partition(topic, 0)}
        await commit_past(first, batch[1])
        told.set()

    first = await log.subscribe(group, [topic], commit_in_hand)
    batch = await collect(first, 4)
    second = await other.subscribe(group, [topic])
    async with asyncio.timeout(PATIENCE):
        while not told.is_set():
            found = await first.poll(1, 0.1)
            # The poll in which it is told may go on behind the commit: the partition may come back to it.
            assert found == [] or told.is_set()
    assert await log.committed(group, Partition(topic, 0)) == 2
    await first.close()
    assert [stored.value for stored in await collect(second, 2)] == [b"2", b"3"]


async def test_a_member_that_stands_by_polls_within_its_wait(factory: KafkaFactory) -> None:
    """More members than partitions: the spare one reads nothing, and its poll ends in time."""
    log, other = await factory.open(), await factory.open()
    topic, group = await make_topic(log), unique("group")
    members = [await log.subscribe(group, [topic]), await other.subscribe(group, [topic])]
    await settle(members, 1)
    spare = next(member for member in members if not member.assignment)
    began = time.monotonic()
    assert await spare.poll(10, 0.4) == []
    assert time.monotonic() - began < 1.0


async def test_a_member_whose_consumer_died_joins_again(log: KafkaLog) -> None:
    """The first poll says so, the next ones read on from what was committed."""
    topic, group = await make_topic(log), unique("group")
    await log.append([record(topic, b"%d" % n) for n in range(3)], PATIENCE)
    member = await log.subscribe(group, [topic])
    await commit_past(member, (await collect(member, 3))[0])
    assert member._consumer is not None
    member._consumer._coordinator._coordination_task.cancel()
    with pytest.raises(LogUnavailableError):
        await until(lambda: member.poll(1, 0.1))
    assert [stored.value for stored in await collect(member, 2)] == [b"1", b"2"]


async def test_read_passes_over_offsets_without_a_record(log: KafkaLog, factory: KafkaFactory) -> None:
    """A transaction's marker takes an offset and gives no record, at the end of a range too."""
    topic = await make_topic(log)
    await log.append([record(topic, b"0")], PATIENCE)
    await write_in_transactions(factory, topic, [b"1", b"2"])
    await until(lambda: _ends_at(log, Partition(topic, 0), 5))
    async with asyncio.timeout(10):
        found = [stored async for stored in log.read(Partition(topic, 0), 0, 5)]
    assert [(stored.offset, stored.value) for stored in found] == [(0, b"0"), (1, b"1"), (3, b"2")]


async def _ends_at(log: KafkaLog, partition: Partition, end: int) -> bool:
    # The marker of a transaction is written a moment after its commit was answered.
    return (await log.bounds(partition)).end == end


async def write_in_transactions(factory: KafkaFactory, topic: str, values: list[bytes]) -> None:
    """Write each value in a transaction of its own."""
    from aiokafka import AIOKafkaProducer

    servers = factory.settings.url.removeprefix("kafka://")
    producer = AIOKafkaProducer(bootstrap_servers=servers, transactional_id=unique("writer"))
    await producer.start()
    try:
        for value in values:
            async with producer.transaction():
                await producer.send_and_wait(factory.settings.topic_prefix + topic, value, partition=0)
    finally:
        await producer.stop()


async def limited_topic(log: KafkaLog, max_message_bytes: int) -> str:
    """Make a topic whose records may have so many bytes."""
    spec = TopicSpec(unique("topic"), 1, max_message_bytes=max_message_bytes)
    await log.apply_topics(await log.plan_topics([spec]))
    return spec.name


async def configs_of(log: KafkaLog, outer: str) -> dict[str, str]:
    """Return the topic's configurations."""
    from broker.kafka.topics import _configs_of

    found = await log._open()[0].admin.ask("test", lambda admin: _configs_of(admin, [outer]), 10)
    return {entry[0]: entry[1] for entry in found[outer]}
