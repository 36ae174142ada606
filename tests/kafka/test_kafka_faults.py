"""What the log on Kafka does when Kafka is killed, paused or not there yet."""

import asyncio
import contextlib
import functools
import gc
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from broker.kafka import KafkaLog
from broker.log import LogState, LogUnavailableError
from broker.settings import KafkaSettings
from deploy.kafka.cluster import KafkaCluster, free_ports
from schemas.records import Record
from tests.support.kafka import kafka_settings, own_cluster, pause
from tests.support.logs import PATIENCE, collect, make_topic, read_all, record, unique, until

pytestmark = [pytest.mark.kafka, pytest.mark.faults]
MARGIN = 0.5


@pytest.fixture
async def cluster() -> AsyncIterator[KafkaCluster]:
    """Give a cluster of the test's own."""
    with contextlib.ExitStack() as stack:
        yield await asyncio.to_thread(stack.enter_context, own_cluster())
        await asyncio.to_thread(stack.close)


@pytest.fixture
async def log(cluster: KafkaCluster) -> AsyncIterator[KafkaLog]:
    """Give a started log on it."""
    async with started(KafkaLog(kafka_settings(cluster.bootstrap))) as log:
        yield log


@contextlib.asynccontextmanager
async def started(log: KafkaLog) -> AsyncIterator[KafkaLog]:
    """Start the log, give it a moment for its verdict, and stop it at the end."""
    await log.start()
    await log.settled(5.0)
    try:
        yield log
    finally:
        await log.stop()


async def refused_after(log: KafkaLog, one: Record, wait: float) -> float:
    """Append what must fail as unavailable, and return the seconds that it took."""
    began = time.monotonic()
    with pytest.raises(LogUnavailableError):
        await log.append([one], wait)
    return time.monotonic() - began


async def appends(log: KafkaLog, one: Record) -> bool:
    """Tell whether an append works now."""
    try:
        await log.append([one], 2.0)
    except LogUnavailableError:
        return False
    return True


async def test_appends_fail_in_time_while_kafka_is_dead_and_work_after_its_return(
    cluster: KafkaCluster, log: KafkaLog
) -> None:
    """A killed broker costs at most the wait, then nothing at all, and its return needs nobody's help."""
    topic = await make_topic(log)
    await log.append([record(topic, b"before")], PATIENCE)
    await asyncio.to_thread(cluster.kill)
    assert await refused_after(log, record(topic, b"lost"), 0.8) < 0.8 + MARGIN
    await until(lambda: log.state is LogState.AWAY, 6)
    assert await refused_after(log, record(topic, b"lost"), 0.8) < 0.1
    await asyncio.to_thread(cluster.restart)
    began = time.monotonic()
    await until(lambda: appends(log, record(topic, b"after")), 10)
    assert time.monotonic() - began < 4
    assert log.state is LogState.HEALTHY
    values = [stored.value for stored in await read_all(log, topic)]
    assert (values[0], values[-1]) == (b"before", b"after")


async def test_a_crowd_of_appends_fails_in_time(cluster: KafkaCluster, log: KafkaLog) -> None:
    """Two hundred writers at once are all answered within the wait when the broker dies under them."""
    topic = await make_topic(log)
    await log.append([record(topic)], PATIENCE)
    await asyncio.to_thread(cluster.kill)
    took = await asyncio.gather(*(refused_after(log, record(topic, b"%d" % n), 0.8) for n in range(200)))
    assert max(took) < 0.8 + MARGIN


async def test_nobody_is_told_of_forgotten_futures(
    cluster: KafkaCluster, log: KafkaLog, caplog: pytest.LogCaptureFixture
) -> None:
    """What an append left behind when it gave up is never reported as an error that nobody read."""
    topic = await make_topic(log)
    await log.append([record(topic)], PATIENCE)
    await pause(cluster)
    await asyncio.gather(*(refused_after(log, record(topic), 0.3) for _ in range(20)))
    await log.stop()
    gc.collect()
    assert [line for line in caplog.messages if "never retrieved" in line or "was destroyed" in line] == []


async def test_the_state_tells_of_a_death_that_nobody_met(cluster: KafkaCluster, log: KafkaLog) -> None:
    """Without any append the log notices by asking."""
    assert log.state is LogState.HEALTHY
    await asyncio.to_thread(cluster.kill)
    await until(lambda: log.state is LogState.AWAY, 6)


async def test_a_log_starts_while_kafka_is_away_and_comes_up_with_it(cluster: KafkaCluster) -> None:
    """Start returns soon, appends are refused at once, and all is well when Kafka is there."""
    await asyncio.to_thread(cluster.kill)
    log = KafkaLog(kafka_settings(cluster.bootstrap))
    began = time.monotonic()
    async with started(log):
        assert time.monotonic() - began < 4
        assert log.state is LogState.AWAY
        assert "nobody listens there" in log.reason
        assert await refused_after(log, record("any"), 0.8) < 0.1
        with pytest.raises(LogUnavailableError):
            await log.partitions("any")
        await asyncio.to_thread(cluster.restart)
        await until(lambda: log.state is LogState.SUSPECT, 10)
        topic = await make_topic(log)
        await log.append([record(topic)], PATIENCE)
        assert (log.state, log.reason) == (LogState.HEALTHY, "")


async def test_a_log_that_never_finds_kafka_starts_and_stops() -> None:
    """A wrong address is no reason to hang."""
    (port,) = free_ports(1)
    began = time.monotonic()
    async with started(KafkaLog(kafka_settings(f"127.0.0.1:{port}"))) as log:
        assert log.state is LogState.AWAY
        with pytest.raises(LogUnavailableError, match=str(port)):
            await log.append([record("any")], 1.0)
    assert time.monotonic() - began < 8


async def test_a_paused_broker_costs_an_append_no_more_than_its_wait(cluster: KafkaCluster, log: KafkaLog) -> None:
    """Half open connections: nothing answers and nothing is refused, yet the append returns."""
    topic = await make_topic(log)
    await log.append([record(topic)], PATIENCE)
    await pause(cluster)
    assert await refused_after(log, record(topic), 0.8) < 0.8 + MARGIN
    await until(lambda: log.state is LogState.AWAY, 6)
    cluster.resume()
    await until(lambda: appends(log, record(topic, b"after")), 15)


async def test_stop_is_quick_while_kafka_is_paused(cluster: KafkaCluster, log: KafkaLog) -> None:
    """With an append in flight and a member in a group, stop ends within its bound."""
    topic = await make_topic(log)
    await log.append([record(topic)], PATIENCE)
    member = await log.subscribe(unique("group"), [topic])
    await collect(member, 1)
    await pause(cluster)
    in_flight = asyncio.create_task(refused_after(log, record(topic), 30.0))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    await log.stop()
    assert time.monotonic() - began < 7
    async with asyncio.timeout(10):
        await in_flight


async def test_a_member_reads_on_after_the_broker_was_killed(cluster: KafkaCluster, log: KafkaLog) -> None:
    """A consumer survives the broker's death, and nothing is read twice that was committed."""
    topic, group = await make_topic(log), unique("group")
    await log.append([record(topic, b"1")], PATIENCE)
    member = await log.subscribe(group, [topic])
    (first,) = await collect(member, 1)
    await member.commit({next(iter(member.assignment)): first.offset + 1})
    await asyncio.to_thread(cluster.kill)
    began = time.monotonic()
    with contextlib.suppress(LogUnavailableError):
        assert await member.poll(10, 1.0) == []
    assert time.monotonic() - began < 1.0 + MARGIN
    await asyncio.to_thread(cluster.restart)
    await until(lambda: appends(log, record(topic, b"2")), 15)
    found: list[bytes | None] = []
    async with asyncio.timeout(40):
        while b"2" not in found:
            with contextlib.suppress(LogUnavailableError):
                found += [stored.value for stored in await member.poll(10, 1.0)]
    assert b"1" not in found


@pytest.mark.timeout(150)
async def test_too_few_copies_are_not_healthy_until_an_append_is_confirmed() -> None:
    """With a copy missing nothing can be stored: that shows, steadily, until the copy is back."""
    with contextlib.ExitStack() as stack:
        cluster = await asyncio.to_thread(stack.enter_context, own_cluster(3))
        settings = replace(
            kafka_settings(cluster.bootstrap), kafka=KafkaSettings(replication_factor=3, min_insync_replicas=3)
        )
        async with started(KafkaLog(settings)) as log:
            topic = await make_topic(log)
            await log.append([record(topic)], PATIENCE)
            await asyncio.to_thread(cluster.kill, 2)
            await until(lambda: log.state is LogState.STARTING, 30)
            for _ in range(4):
                await refused_after(log, record(topic), 0.5)
                assert log.state is not LogState.HEALTHY
            await asyncio.to_thread(cluster.restart, 2)
            await until(lambda: log.state is LogState.SUSPECT, 40)
            await until(lambda: appends(log, record(topic)), 10)
            assert log.state is LogState.HEALTHY
        await asyncio.to_thread(stack.close)


@pytest.mark.timeout(150)
async def test_three_nodes_lose_one_and_go_on() -> None:
    """With three copies and two in sync, a killed node stops appends only until the leaders have moved."""
    with contextlib.ExitStack() as stack:
        cluster = await asyncio.to_thread(stack.enter_context, own_cluster(3))
        settings = kafka_settings(cluster.bootstrap, replication=3)
        async with started(KafkaLog(settings)) as log:
            topic = await make_topic(log, partitions=3)
            await log.append([record(topic, partition=n) for n in range(3)], PATIENCE)
            await asyncio.to_thread(cluster.kill, 2)
            for n in range(3):
                one = record(topic, b"after", partition=n)
                await until(functools.partial(appends, log, one), 20)
            assert log.state is LogState.HEALTHY
        await asyncio.to_thread(stack.close)
