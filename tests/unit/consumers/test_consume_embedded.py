"""The consumers on the real embedded log: the whole way from a message to a result, and members that come and go."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from broker.log import Log, TopicSpec
from consumers.auto_reply.settings import AutoReplySettings, Rule
from consumers.consumer import Consumer
from consumers.loop.run import ConsumeLoop
from consumers.loop.settings import RetrySettings
from consumers.metrics import ConsumerMetrics
from consumers.send.consumer import send
from consumers.send.settings import SendSettings
from consumers.settings import ConsumersSettings
from consumers.state.database import Database
from consumers.state.ledger import Ledger
from schemas.envelope import Delivered, event_to_record, read_event
from schemas.events import SendCompleted
from schemas.records import StoredRecord
from schemas.times import from_clock
from schemas.topics import CATALOGUE, INBOUND, RESULTS, Topic
from tests.support.consumers import FakeSender, Phone, inbound
from tests.support.logs import EmbeddedFactory, embedded_logs, read_all, until
from tests.support.replying import answering

RULES = AutoReplySettings(rules=(Rule(name="hours", keywords=("hours",), reply="Open 9 to 17."),))


class Crew:
    """Loops on logs of one file, each drained at the end."""

    def __init__(self, factory: EmbeddedFactory) -> None:
        self.factory = factory
        self.metrics = ConsumerMetrics(CollectorRegistry())
        self.tasks: dict[ConsumeLoop, asyncio.Task[None]] = {}

    def run(self, log: Log, consumer: Consumer, settings: ConsumersSettings | None = None) -> ConsumeLoop:
        """Run a consumer."""
        loop = ConsumeLoop(log, consumer, settings or ConsumersSettings(), self.metrics, time.time)
        self.tasks[loop] = asyncio.create_task(loop.run())
        return loop

    async def stop(self, loop: ConsumeLoop) -> None:
        """Drain one loop."""
        loop.stop()
        async with asyncio.timeout(10):
            await self.tasks.pop(loop)


@pytest.fixture
async def crew(tmp_path: Path) -> AsyncIterator[Crew]:
    """Give a crew on a file with all topics of the catalogue."""
    async with embedded_logs(tmp_path) as factory:
        log = await factory.open()
        await log.apply_topics(await log.plan_topics([_spec(topic) for topic in CATALOGUE]))
        made = Crew(factory)
        yield made
        for loop in list(made.tasks):
            await made.stop(loop)


def _spec(topic: Topic) -> TopicSpec:
    return TopicSpec(topic.name, topic.partitions)


async def write(log: Log, count: int, *, people: bool = True) -> None:
    """Append messages written now, of as many people or of one."""
    now = from_clock(time.time)
    events = [inbound(n, key=f"+1666{n * people:07}", occurred_at=now, received_at=now) for n in range(count)]
    await log.append([event_to_record(event) for event in events], 5.0)


async def committed(log: Log, group: str) -> int:
    """Return how many inbound records the group has committed."""
    return sum([await log.committed(group, partition) or 0 for partition in await log.partitions(INBOUND.name)])


async def test_a_message_is_answered_and_its_result_stored(crew: Crew, tmp_path: Path) -> None:
    """From the inbound topic over a command to a text and its result."""
    log = await crew.factory.open()
    phone, database = Phone(), Database(f"sqlite:///{tmp_path / 'state.db'}")
    await database.open()
    ledger = Ledger(database)
    crew.run(log, answering(RULES, log, crew.metrics, time.time))
    sending = crew.run(log, send(SendSettings(), log, {"main": FakeSender(phone)}, ledger, crew.metrics, time.time))
    await write(log, 20)

    async def all_completed() -> bool:
        return len(await read_all(log, RESULTS.name)) == 20

    await until(all_completed)
    await crew.stop(sending)
    await database.close()
    results = [read_event(record).event for record in await read_all(log, RESULTS.name)]
    assert {event.outcome for event in results if isinstance(event, SendCompleted)} == {"sent"}
    assert phone.sent == len(phone.calls) == 20


class Seen:
    """A handler that notes records and holds all back until it is told to go on."""

    def __init__(self) -> None:
        self.records: list[StoredRecord] = []
        self.go = asyncio.Event()

    async def __call__(self, event: Delivered) -> None:
        """Handle one event."""
        self.records.append(event.record)
        await self.go.wait()


def _watcher(handle: Callable[[Delivered], Any]) -> Consumer:
    return Consumer("watch", (INBOUND,), handle, has_effects=True)


async def test_the_order_of_a_key_holds_on_the_embedded_log(crew: Crew) -> None:
    """Of one person the messages come in the order in which they were stored."""
    log, seen = await crew.factory.open(), Seen()
    seen.go.set()
    await write(log, 50, people=False)
    crew.run(log, _watcher(seen))

    async def all_committed() -> bool:
        return await committed(log, "watch") == 50

    await until(all_committed)
    assert [record.offset for record in seen.records] == list(range(50))


async def test_what_a_drained_member_left_goes_to_the_one_that_stands_by(crew: Crew) -> None:
    """Everything is handled, and what was committed is not handled again."""
    first_log, second_log = await crew.factory.open(), await crew.factory.open()
    first, second = Seen(), Seen()
    second.go.set()
    await write(first_log, 40)
    loop = crew.run(first_log, _watcher(first))
    await until(lambda: len(first.records) == ConsumersSettings().concurrency)
    crew.run(second_log, _watcher(second))
    first.go.set()
    await crew.stop(loop)

    async def all_committed() -> bool:
        return await committed(second_log, "watch") == 40

    await until(all_committed)
    places = [(record.partition, record.offset) for record in first.records + second.records]
    assert len(set(places)) == 40


async def test_what_a_killed_member_had_in_hand_comes_again(crew: Crew) -> None:
    """A member that dies without a commit loses nothing."""
    dying, log = await crew.factory.open(), await crew.factory.open()
    first, second = Seen(), Seen()
    second.go.set()
    await write(log, 8)
    loop = crew.run(dying, _watcher(first))
    await until(lambda: len(first.records) == 8)
    await dying.stop()
    task = crew.tasks.pop(loop)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    crew.run(log, _watcher(second))

    async def all_committed() -> bool:
        return await committed(log, "watch") == 8

    await until(all_committed)
    assert len(second.records) == 8


async def test_the_order_of_a_key_holds_through_a_retry_and_another_owner(crew: Crew) -> None:
    """What waits in the retry topic when its owner leaves is known to the next one, and ends first."""
    first_log, second_log = await crew.factory.open(), await crew.factory.open()
    settings = ConsumersSettings(attempts=1, retry=RetrySettings(delays=(3.0, 0.1)))
    done: list[tuple[str, int]] = []

    async def handle(event: Delivered) -> None:
        if event.envelope.id == "event-0" and (event.record.topic == INBOUND.name or not done):
            done.append(("failed", 0))
            raise ValueError("not yet")
        done.append(("done", int(event.envelope.id.removeprefix("event-"))))

    await write(first_log, 5, people=False)
    loop = crew.run(first_log, _watcher(handle), settings)

    async def all_committed() -> bool:
        return await committed(first_log, "watch") == 5

    await until(all_committed)
    await crew.stop(loop)
    assert done == [("failed", 0)]
    crew.run(second_log, _watcher(handle), settings)
    await write(second_log, 1, people=False)
    await until(lambda: len(done) == 7)
    assert done[1:6] == [("done", n) for n in range(5)]
