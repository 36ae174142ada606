"""When the log on Kafka suspects its cluster, and how it ends while the cluster hangs."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from broker.kafka import KafkaLog
from broker.log import LogState, LogUnavailableError
from deploy.kafka.cluster import KafkaCluster
from tests.support.kafka import kafka_settings, own_cluster, pause, set_by_operator
from tests.support.logs import PATIENCE, make_topic, record, until

pytestmark = [pytest.mark.kafka, pytest.mark.faults]


@pytest.fixture
async def cluster() -> AsyncIterator[KafkaCluster]:
    """Give a cluster of the test's own."""
    with contextlib.ExitStack() as stack:
        yield await asyncio.to_thread(stack.enter_context, own_cluster())
        await asyncio.to_thread(stack.close)


@pytest.fixture
async def log(cluster: KafkaCluster) -> AsyncIterator[KafkaLog]:
    """Give a started log on it."""
    log = KafkaLog(kafka_settings(cluster.bootstrap))
    await log.start()
    await log.settled(PATIENCE)
    yield log
    await log.stop()


async def appends(log: KafkaLog, topic: str, wait: float = 2.0) -> bool:
    """Tell whether an append works now."""
    try:
        await log.append([record(topic)], wait)
    except LogUnavailableError:
        return False
    return True


async def test_a_paused_broker_is_suspected_before_the_first_deadline_and_away_soon(
    cluster: KafkaCluster, log: KafkaLog
) -> None:
    """The log tells while its first append still waits, and a confirmation after the pause makes it healthy."""
    topic = await make_topic(log)
    await log.append([record(topic)], PATIENCE)
    await pause(cluster)
    waiting = asyncio.create_task(appends(log, topic, 8.0))
    await until(lambda: log.state is LogState.SUSPECT, 5)
    assert log.reason
    assert not waiting.done()
    await until(lambda: log.state is LogState.AWAY, 6)
    cluster.resume()
    assert not await waiting
    await until(lambda: log.state is LogState.SUSPECT, 20)
    await until(lambda: appends(log, topic), 15)
    assert (log.state, log.reason) == (LogState.HEALTHY, "")


async def test_a_short_pause_leaves_no_suspicion(cluster: KafkaCluster, log: KafkaLog) -> None:
    """What waited is confirmed in time."""
    topic = await make_topic(log)
    await log.append([record(topic)], PATIENCE)
    await pause(cluster)
    waiting = asyncio.create_task(appends(log, topic, 10.0))
    await until(lambda: log.state is LogState.SUSPECT, 5)
    cluster.resume()
    assert await waiting
    assert log.state is LogState.HEALTHY


async def test_copies_that_the_topic_itself_asks_for_in_vain_are_not_healthy_until_a_confirmation(
    log: KafkaLog,
) -> None:
    """The cluster's metadata does not show the topic's own `min.insync.replicas`; failed appends do."""
    topic = await make_topic(log)
    outer = log._names.outer(topic)
    await log.append([record(topic)], PATIENCE)
    await set_by_operator(log, outer, min_insync_replicas="2")
    states: set[LogState] = set()
    for _ in range(5):
        assert not await appends(log, topic, 0.5)
        states.add(log.state)
        await asyncio.sleep(0.3)
        states.add(log.state)
    assert states <= {LogState.SUSPECT, LogState.AWAY}
    await set_by_operator(log, outer, min_insync_replicas="1")
    await until(lambda: appends(log, topic), 15)
    assert log.state is LogState.HEALTHY


async def test_stop_is_bounded_with_many_appends_in_flight_while_kafka_hangs(
    cluster: KafkaCluster, log: KafkaLog
) -> None:
    """Sixty-four that would wait for long are told, and nothing of the log lives on."""
    topic = await make_topic(log, partitions=3)
    await log.append([record(topic)], PATIENCE)
    before = asyncio.all_tasks()
    await pause(cluster)
    waiting = [asyncio.create_task(appends(log, topic, 40.0)) for _ in range(64)]
    await until(lambda: log.state is LogState.SUSPECT, 5)
    began = time.monotonic()
    await log.stop()
    assert time.monotonic() - began < 4.5
    async with asyncio.timeout(3):
        assert not any(await asyncio.gather(*waiting))
    assert asyncio.all_tasks() <= before
