"""What the conformance suite of the log needs from an implementation, and short words for its tests."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from broker.embedded import EmbeddedLog
from broker.embedded.subscription import EmbeddedSubscription
from broker.log import Log, Partition, Subscription, TopicSpec
from broker.settings import BrokerSettings, EmbeddedSettings
from schemas.records import Headers, Record, StoredRecord
from schemas.topics import Topic

PATIENCE = 30.0
"""Seconds that a test waits for what must happen; a group on Kafka needs some to form."""

BASE_MS = int(time.time() * 1000) - 60_000
"""A recent time, so that no retention takes the records of a test."""


class LogFactory(Protocol):
    """Opens logs that share one store, each as another process would see it, and closes them after the test."""

    @property
    def settings(self) -> BrokerSettings:
        """What `broker.opening.open_log` needs to reach the same store from another process."""
        ...

    async def open(self) -> Log:
        """Return one more started log on the store."""
        ...


class EmbeddedFactory:
    """Logs on one SQLite file. None of them claims the place for ingest, so any number can be open."""

    def __init__(self, folder: Path, stack: contextlib.AsyncExitStack, *, session_timeout: float = 2.0) -> None:
        self._stack = stack
        self.settings = BrokerSettings(
            url=f"sqlite:///{folder / 'log' / 'conformance.db'}",
            embedded=EmbeddedSettings(session_timeout=session_timeout),
        )

    async def open(self) -> EmbeddedLog:
        """Return one more started log on the file."""
        log = EmbeddedLog(self.settings, ingesting=False, clock=time.time)
        self._stack.push_async_callback(log.stop)
        await log.start()
        return log


@contextlib.asynccontextmanager
async def embedded_logs(folder: Path) -> AsyncIterator[EmbeddedFactory]:
    """Give a factory on a new file in `folder` and stop its logs at the end."""
    async with contextlib.AsyncExitStack() as stack:
        yield EmbeddedFactory(folder, stack)


def unique(word: str) -> str:
    """Return a name that no other test uses."""
    return f"{word}-{uuid.uuid4().hex[:12]}"


def record(
    topic: str,
    value: bytes | None = b"value",
    *,
    key: bytes | None = b"key",
    headers: Headers = (),
    timestamp: int = BASE_MS,
    partition: int | None = None,
) -> Record:
    """Return a record with what the test cares about."""
    return Record(topic, key, value, headers, timestamp, partition)


async def make_topic(log: Log, partitions: int = 1) -> str:
    """Create a topic with a name of its own and return the name."""
    name = unique("topic")
    spec = TopicSpec(name, partitions)
    await log.apply_topics(await log.plan_topics([spec]))
    await until(lambda: _has_partitions(log, name, partitions))
    return name


async def make_topics(log: Log, topics: Sequence[Topic]) -> None:
    """Create topics of the contract, or of a group."""
    specs = [TopicSpec(topic.name, topic.partitions, topic.retention_ms) for topic in topics]
    await log.apply_topics(await log.plan_topics(specs))


async def _has_partitions(log: Log, name: str, count: int) -> bool:
    return len(await log.partitions(name)) == count


async def until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait until the condition, a function or a coroutine function, is true."""
    async with asyncio.timeout(patience):
        while True:
            answer = condition()
            if await answer if asyncio.iscoroutine(answer) else answer:
                return
            await asyncio.sleep(0.02)


async def collect(member: Subscription, count: int, patience: float = PATIENCE) -> list[StoredRecord]:
    """Poll until `count` records have come."""
    found: list[StoredRecord] = []
    async with asyncio.timeout(patience):
        while len(found) < count:
            found += await member.poll(count - len(found), 0.5)
    return found


async def settle(members: Sequence[Subscription], partitions: int, patience: float = PATIENCE) -> None:
    """Poll the members, empty, until together they hold all partitions, and no partition twice."""
    async with asyncio.timeout(patience):
        while sum(len(m.assignment) for m in members) != partitions or len(held(members)) != partitions:
            for member in members:
                assert await member.poll(1, 0.1) == []


def is_waiting(member: Subscription) -> bool:
    """Tell whether a poll of the member has looked, found nothing, and waits for records now."""
    if isinstance(member, EmbeddedSubscription):
        return member._desk.changes._waiters > 0
    # A member on Kafka, of which the embedded half needs nothing: aiokafka keeps the futures that it waits for.
    consumer: Any = getattr(member, "_consumer", None)
    return consumer is not None and bool(consumer._fetcher._fetch_waiters)


def held(members: Sequence[Subscription]) -> set[Partition]:
    """Return the partitions that at least one of the members reads."""
    return {partition for member in members for partition in member.assignment}


async def read_all(log: Log, topic: str) -> list[StoredRecord]:
    """Return every record of the topic, partition by partition."""
    found: list[StoredRecord] = []
    for partition in await log.partitions(topic):
        bounds = await log.bounds(partition)
        found += [stored async for stored in log.read(partition, bounds.first, bounds.end)]
    return found


async def commit_past(member: Subscription, stored: StoredRecord) -> None:
    """Commit that the record is done."""
    await member.commit({Partition(stored.topic, stored.partition): stored.offset + 1})
