"""The consume loop on a real Kafka: members that join, leave and die under traffic.

What holds: every event is handled at least once; of each key the first time that an event is handled comes in the
order of the log, through the retry topic too; what is committed at the end is everything. What does not: an event may
be handled twice, by a member that dies before its commit and by the one after it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.kafka import KafkaLog
from broker.log import Log, Partition, TopicSpec
from consumers.loop.run import ConsumeLoop
from hookline.topics import group_topics
from schemas.envelope import event_to_record
from schemas.topics import INBOUND
from tests.support.consumers import inbound
from tests.support.kafka import KafkaFactory, kafka_logs
from tests.support.logs import PATIENCE, read_all, until
from tests.support.loop_member import FAILS_EVERY, loop_on, loop_process

pytestmark = pytest.mark.kafka
GROUP = "noting"
KEYS = 30
RETRIES, LETTERS = (topic.name for topic in group_topics(GROUP, [INBOUND]))


@pytest.fixture
async def factory() -> AsyncIterator[KafkaFactory]:
    """Give a factory of logs under a prefix of this test."""
    async with kafka_logs() as factory:
        yield factory


async def make_topics(log: KafkaLog) -> None:
    """Make the topic of inbound messages and the group's own."""
    topics = (INBOUND, *group_topics(GROUP, [INBOUND]))
    await log.apply_topics(await log.plan_topics([TopicSpec(topic.name, topic.partitions) for topic in topics]))


def name_of(number: int) -> str:
    """Return the key of an event."""
    return f"+1666{number % KEYS:07}"


async def write(log: Log, first: int, count: int) -> None:
    """Append events, in order for each key."""
    events = [inbound(n, key=name_of(n)) for n in range(first, first + count)]
    await log.append([event_to_record(event) for event in events], PATIENCE)


@contextlib.asynccontextmanager
async def running(log: Log, file: Path) -> AsyncIterator[ConsumeLoop]:
    """Run a member, and let it leave in order at the end."""
    loop = loop_on(log, file)
    task = asyncio.create_task(loop.run())
    try:
        yield loop
    finally:
        loop.stop()
        async with asyncio.timeout(15):
            await task


def numbers(loop: ConsumeLoop, topic: str) -> set[int]:
    """Return which partitions of a topic a member reads."""
    return {partition.number for partition in loop.health().assigned if partition.topic == topic}


async def handled(file: Path) -> list[str]:
    """Return the ids in the order in which they were handled, each at its first time."""
    text = await asyncio.to_thread(lambda: file.read_text() if file.exists() else "")
    return list(dict.fromkeys(text.split()))


async def committed(log: Log, topic: str) -> int:
    """Return how many records of a topic the group has committed."""
    return sum([await log.committed(GROUP, Partition(topic, n)) or 0 for n in range(INBOUND.partitions)])


async def test_members_join_leave_and_die_under_traffic(factory: KafkaFactory, tmp_path: Path) -> None:
    """Three members, one leaves and one is killed: nothing is lost and the order of each key holds."""
    log, other, file = await factory.open(), await factory.open(), tmp_path / "handled"
    await make_topics(log)
    async with running(log, file) as first:
        await write(log, 0, 100)
        await until(lambda: len(numbers(first, INBOUND.name)) == 12)
        async with loop_process(factory.settings, file) as dying, running(other, file) as second:
            await write(log, 100, 100)
            await until(lambda: len(numbers(first, INBOUND.name)) == len(numbers(second, INBOUND.name)) == 4)
            for loop in (first, second):
                assert numbers(loop, INBOUND.name) == numbers(loop, RETRIES)
            await write(log, 200, 100)
            dying.kill()
            await write(log, 300, 100)
        await write(log, 400, 100)
        await until(lambda: _count(file, 500))
        await until(lambda: _all_committed(log))
    found = await handled(file)
    for key in range(KEYS):
        mine = [int(each.removeprefix("event-")) for each in found if int(each.removeprefix("event-")) % KEYS == key]
        assert mine == sorted(mine)
    assert await read_all(log, LETTERS) == []
    assert len(await read_all(log, RETRIES)) >= 500 // FAILS_EVERY


async def _count(file: Path, count: int) -> bool:
    return len(await handled(file)) == count


async def _all_committed(log: Log) -> bool:
    waiting = len(await read_all(log, RETRIES))
    return await committed(log, INBOUND.name) == 500 and await committed(log, RETRIES) == waiting
