"""A real Apache Kafka for the tests: the one that `HOOKLINE_TEST_KAFKA` names, else one started for the session.

Where none can be had the tests are skipped with a word; in CI that is a failure.
"""

import asyncio
import atexit
import contextlib
import functools
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from broker.kafka import KafkaLog
from broker.settings import BrokerSettings, KafkaSettings
from deploy.kafka.cluster import KafkaCluster, KafkaMissingError
from deploy.kafka.layout import Node
from tests.support.logs import until


def bootstrap() -> str:
    """Return `host:port` of the session's Kafka. Blocks while it starts; skips where there can be none."""
    found = _servers()
    if isinstance(found, KafkaMissingError):
        no_kafka(found)
    return found


@functools.cache
def _servers() -> str | KafkaMissingError:
    # The answer is kept also where it is no, so that a missing network is met once.
    given = os.environ.get("HOOKLINE_TEST_KAFKA", "")
    if given:
        return given.removeprefix("kafka://").rstrip("/")
    try:
        return _started(1).bootstrap
    except KafkaMissingError as reason:
        return reason


def no_kafka(reason: KafkaMissingError) -> NoReturn:
    """Skip the test, or fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"no Kafka in CI: {reason}")
    pytest.skip(f"no Kafka: {reason}")


Extra = Mapping[str, str] | Callable[[Node], Mapping[str, str]] | None
"""More server properties: those of `KafkaCluster`."""


# Records of the tests are older than topics keep them: the broker looks for such ones half a minute after its start.
_KEPT = {"log.retention.check.interval.ms": "86400000", "log.initial.task.delay.ms": "86400000"}


def _own(extra: Extra, node: Node) -> Mapping[str, str]:
    return extra(node) if callable(extra) else extra or {}


def _started(nodes: int, ports: Sequence[int] | None = None, extra: Extra = None) -> KafkaCluster:
    """Start a cluster in a new folder that goes, with its nodes, when the tests end."""
    folder = Path(tempfile.mkdtemp(prefix="hookline-kafka-"))
    cluster = KafkaCluster(folder, nodes, ports, extra=lambda node: {**_KEPT, **_own(extra, node)})
    atexit.register(_end, cluster, folder)
    cluster.start()
    return cluster


def _end(cluster: KafkaCluster, folder: Path) -> None:
    # Its data goes with it, so there is no reason to let it close its books.
    cluster.stop(0)
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def own_cluster(nodes: int = 1, ports: Sequence[int] | None = None, extra: Extra = None) -> Iterator[KafkaCluster]:
    """Give a cluster that the test may kill, or that is set up in its own way."""
    try:
        cluster = _started(nodes, ports, extra)
    except KafkaMissingError as reason:
        no_kafka(reason)
    try:
        yield cluster
    finally:
        cluster.stop(0)


def kafka_settings(servers: str, prefix: str | None = None, replication: int = 1) -> BrokerSettings:
    """Return settings for the servers, with one copy of everything unless told, and a topic prefix of their own."""
    return BrokerSettings(
        url=f"kafka://{servers}",
        topic_prefix=f"t{uuid.uuid4().hex[:10]}." if prefix is None else prefix,
        kafka=KafkaSettings(replication_factor=replication, min_insync_replicas=max(1, replication - 1)),
    )


async def pause(cluster: KafkaCluster, number: int = 1) -> None:
    """Stop a node as SIGSTOP does and return when each of its threads has: on a busy machine that takes a moment."""
    cluster.pause(number)
    threads = Path(f"/proc/{cluster.pid(number)}/task")
    await until(lambda: asyncio.to_thread(_all_stopped, threads), 5)


def _all_stopped(threads: Path) -> bool:
    states = (file.read_text().rpartition(")")[2].split()[0] for file in threads.glob("*/stat"))
    return all(state == "T" for state in states)


async def set_by_operator(log: KafkaLog, outer: str, **configs: str) -> None:
    """Set configurations of Kafka's topic `outer`, their names with `_` for `.`, and forget those that were set."""
    named = {name.replace("_", "."): value for name, value in configs.items()}
    resource = ConfigResource(ConfigResourceType.TOPIC, outer, named)
    await log._open()[0].admin.ask("test", lambda admin: admin.alter_configs([resource]), 10)


class KafkaFactory:
    """Logs on the session's Kafka that share one topic prefix."""

    def __init__(self, settings: BrokerSettings, stack: contextlib.AsyncExitStack) -> None:
        self.settings = settings
        self.stack = stack

    async def open(self) -> KafkaLog:
        """Return one more started log."""
        log = KafkaLog(self.settings)
        self.stack.push_async_callback(log.stop)
        await log.start()
        await log.settled(5.0)
        return log


@contextlib.asynccontextmanager
async def kafka_logs() -> AsyncIterator[KafkaFactory]:
    """Give a factory with a prefix that no other test uses, and stop its logs at the end."""
    settings = kafka_settings(bootstrap())
    async with contextlib.AsyncExitStack() as stack:
        yield KafkaFactory(settings, stack)
