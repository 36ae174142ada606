"""The way of an event that a handler rejects: dead letter, list, redrive, and a handler that is mended takes it."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from broker.log import Log
from consumers.consumer import Consumer, Handler, Reject
from consumers.dead_letters.dealing import Dealer
from consumers.dead_letters.letters import Letter, Resolution
from consumers.dead_letters.places import boxes_of
from consumers.dead_letters.reading import letters, stretches
from consumers.loop.run import ConsumeLoop
from consumers.metrics import ConsumerMetrics
from consumers.settings import ConsumersSettings
from schemas.envelope import Delivered, event_to_record
from schemas.times import from_clock
from schemas.topics import INBOUND, Topic, dead_letter_topic, retry_topic
from tests.support.consumers import QUICK, inbound
from tests.support.logs import embedded_logs, make_topics, read_all, until

GROUP = "group"
RETRIES = retry_topic(INBOUND, GROUP)
TOPICS = (INBOUND, RETRIES, dead_letter_topic(INBOUND, GROUP))


@asynccontextmanager
async def consuming(log: Log, handle: Handler, topics: tuple[Topic, ...]) -> AsyncGenerator[None]:
    """Run the group for the block."""
    consumer = Consumer(GROUP, topics, handle, has_effects=True)
    metrics = ConsumerMetrics(CollectorRegistry())
    loop = ConsumeLoop(log, consumer, ConsumersSettings(attempts=2), metrics, time.time, tempo=QUICK)
    task = asyncio.create_task(loop.run())
    try:
        yield
    finally:
        loop.stop()
        async with asyncio.timeout(10):
            await task


async def open_letters(log: Log) -> Sequence[Letter]:
    """Return the open letters of the group."""
    found = await stretches(log, boxes_of([GROUP]))
    return [letter async for letter in letters(log, found) if letter.dealt is None]


async def redrive(log: Log) -> int:
    """Send every open letter on."""
    found = await stretches(log, boxes_of([GROUP]))
    dealer = Dealer(log, Resolution.REDRIVEN, time.time, seen={one.at: one.end for one in found})
    return sum([count async for count in dealer.deal(letters(log, found))])


async def test_a_rejected_event_is_handled_once_by_a_handler_that_is_mended(tmp_path: Path) -> None:
    """The others are not handled again, and the list is empty."""
    now = from_clock(time.time)
    events = [inbound(n, key=f"+1555000000{n}", occurred_at=now, received_at=now) for n in range(4)]
    handled: list[str] = []

    async def broken(delivered: Delivered) -> None:
        if delivered.event.id == "event-1":
            raise Reject("no_such_thing")
        handled.append(delivered.event.id)

    async def mended(delivered: Delivered) -> None:
        handled.append(delivered.event.id)

    async def one_is_dead() -> bool:
        return len(handled) == 3 and len(await open_letters(log)) == 1

    async with embedded_logs(tmp_path) as factory:
        log = await factory.open()
        await make_topics(log, TOPICS)
        await log.append([event_to_record(event) for event in events], 5)
        async with consuming(log, broken, (INBOUND,)):
            await until(one_is_dead)
        (letter,) = await open_letters(log)
        assert letter.event_id == "event-1"
        assert letter.record.value == event_to_record(events[1]).value
        assert await redrive(log) == 1
        (waiting,) = await read_all(log, RETRIES.name)
        assert (waiting.partition, waiting.value) == (letter.origin.partition, letter.record.value)
        async with consuming(log, mended, (INBOUND,)):
            await until(lambda: len(handled) == 4)
        assert sorted(handled) == ["event-0", "event-1", "event-2", "event-3"]
        assert await open_letters(log) == []
