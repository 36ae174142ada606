"""A cluster that is far away: 0.3 s there and back, through the proxy of the fault bench."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping

import pytest

from broker.kafka import KafkaLog
from broker.log import LogState, LogUnavailableError
from deploy.faults.proxy import HOST, Proxy, Trouble
from deploy.kafka.layout import Node
from tests.support.front import free_ports
from tests.support.kafka import kafka_settings, own_cluster
from tests.support.logs import PATIENCE, make_topic, record, until

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

ONE_WAY = 0.15


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """Give the only way to a cluster of the test's own."""
    behind, front = free_ports(2)

    def listeners(node: Node) -> Mapping[str, str]:
        return {
            "listeners": f"PLAINTEXT://{HOST}:{node.port},CLIENT://{HOST}:{behind},"
            f"CONTROLLER://{HOST}:{node.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{node.port},CLIENT://{HOST}:{front}",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        }

    proxy = Proxy(front, behind)
    with contextlib.ExitStack() as stack:
        await asyncio.to_thread(stack.enter_context, own_cluster(extra=listeners))
        await proxy.start()
        yield proxy
        await proxy.stop()
        await asyncio.to_thread(stack.close)


@pytest.fixture
async def log(proxy: Proxy) -> AsyncIterator[KafkaLog]:
    """Give a started log on the cluster, which is near still."""
    log = KafkaLog(kafka_settings(f"{HOST}:{proxy.port}"))
    await log.start()
    await log.settled(PATIENCE)
    yield log
    await log.stop()


async def doubted(log: KafkaLog, topic: str) -> bool:
    """Append a record and tell whether the log was suspect at any moment while it waited."""
    waiting = asyncio.create_task(log.append([record(topic)], 2.0))
    seen = False
    while not waiting.done():
        await asyncio.wait([waiting], timeout=0.02)
        seen = seen or log.state is not LogState.HEALTHY
    await waiting
    return seen


@pytest.mark.timeout(150)
async def test_a_far_cluster_is_suspected_at_first_and_no_more_once_it_is_known(proxy: Proxy, log: KafkaLog) -> None:
    """And one that hangs is noticed within 0.6 s all the same."""
    topic = await make_topic(log)
    await log.append([record(topic)], PATIENCE)
    await proxy.turn(Trouble.LATENCY, ONE_WAY)
    doubts = [await doubted(log, topic) for _ in range(40)]
    assert doubts[0]
    assert not any(doubts[20:])
    await proxy.turn(Trouble.BLACK_HOLE)
    began = time.monotonic()
    hanging = asyncio.create_task(log.append([record(topic)], 5.0))
    await until(lambda: log.state is not LogState.HEALTHY, 5)
    assert 0.4 < time.monotonic() - began < 0.8
    with contextlib.suppress(LogUnavailableError):
        await hanging
