"""Reading topics outside of any group, on the embedded log."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.embedded import EmbeddedLog
from broker.log import Log, TopicSpec
from broker.settings import BrokerSettings
from hookline.tailing import Start, Tail
from schemas.records import Record

NOW = int(time.time() * 1000)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    """Return a log with two topics of three partitions."""
    opened = EmbeddedLog(BrokerSettings(url=f"sqlite:///{tmp_path}/log.db"), ingesting=False, clock=time.time)
    await opened.start()
    await opened.apply_topics(await opened.plan_topics([TopicSpec("a", 3), TopicSpec("b", 3)]))
    try:
        yield opened
    finally:
        await opened.stop()


async def put(log: Log, topic: str, *values: str) -> None:
    """Append values, each a second younger than the one before, spread over the partitions."""
    records = [
        Record(topic, None, value.encode(), (), NOW - 60_000 + number * 1000, partition=number % 3)
        for number, value in enumerate(values)
    ]
    await log.append(records, 5)


async def read(tail: Tail) -> list[str]:
    """Return what is there now."""
    return [(record.value or b"").decode() async for record in tail.records(follow=False)]


async def test_a_topic_comes_in_the_order_of_time(log: Log) -> None:
    """Partitions are merged by timestamp; topics come one after the other."""
    await put(log, "a", "1", "2", "3", "4", "5")
    await put(log, "b", "6")
    tail = Tail(log, ["a", "b"])
    assert await tail.open(Start.earliest()) == ()
    assert await read(tail) == ["1", "2", "3", "4", "5", "6"]


async def test_nothing_is_read_twice(log: Log) -> None:
    """A second look gives what is new alone."""
    await put(log, "a", "1")
    tail = Tail(log, ["a"])
    await tail.open(Start.earliest())
    assert await read(tail) == ["1"]
    await put(log, "a", "2")
    assert await read(tail) == ["2"]


async def test_latest_begins_behind_the_newest(log: Log) -> None:
    """What was there before is passed over."""
    await put(log, "a", "1", "2")
    tail = Tail(log, ["a"])
    await tail.open(Start.latest())
    await put(log, "a", "3")
    assert await read(tail) == ["3"]


async def test_a_time_begins_at_the_first_record_that_is_not_older(log: Log) -> None:
    """In every partition."""
    await put(log, "a", "1", "2", "3", "4")
    tail = Tail(log, ["a"])
    await tail.open(Start(timestamp=NOW - 58_000))
    assert await read(tail) == ["3", "4"]


async def test_a_topic_that_is_not_there_is_told(log: Log) -> None:
    """Names without partitions come back from opening."""
    assert await Tail(log, ["a", "none"]).open(Start.earliest()) == ("none",)


async def test_following_gives_what_comes_later(log: Log) -> None:
    """The stream goes on for ever, until it is closed."""
    tail = Tail(log, ["a"])
    await tail.open(Start.earliest())
    stream = tail.records(follow=True)
    waiting = asyncio.ensure_future(anext(stream))
    await put(log, "a", "late")
    async with asyncio.timeout(10):
        assert (await waiting).value == b"late"
