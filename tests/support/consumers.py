"""An in-memory log whose troubles a test switches on, and short words for events, commands and senders."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry

from broker.log import (
    Bounds,
    FencedError,
    LogState,
    LogUnavailableError,
    Partition,
    PlannedTopic,
    Position,
    Revoked,
    TopicChange,
    TopicSpec,
)
from broker.murmur2 import partition_of
from consumers.consumer import Consumer
from consumers.loop import ConsumeLoop
from consumers.loop.tempo import Tempo
from consumers.metrics import ConsumerMetrics
from consumers.settings import ConsumersSettings
from providers.contract import SendReceipt, SendStatus
from schemas.envelope import Delivered, event_to_record, read_event
from schemas.events import Event, MessageReceived, SendRequested
from schemas.records import Record, StoredRecord
from schemas.topics import INBOUND

PATIENCE = 10.0
NOW = datetime(2026, 1, 1, tzinfo=UTC)
QUICK = Tempo(
    handler_deadline=5.0,
    first_pause=0.002,
    longest_pause=0.02,
    log_wait=1.0,
    finish_wait=1.0,
    leave_wait=0.5,
    idle_poll=0.2,
    busy_poll=0.005,
    commit_every=0.0,
    keep_alive=0.02,
)
MAIN, PERSON = "+15550000001", "+15550000002"


async def until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait until the condition is true."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - a condition of any kind has no event
            await asyncio.sleep(0.002)


class MemoryLog:
    """A log in memory. `away` makes every call fail, `refuse_topics` appends to some topics alone.

    `hang` makes commits and polls never come back.
    """

    def __init__(self, partitions: int = 1) -> None:
        self.count = partitions
        self.records: dict[Partition, list[StoredRecord]] = {}
        self.offsets: dict[tuple[str, Partition], int] = {}
        self.commits: list[dict[Partition, int]] = []
        self.members: list[MemorySubscription] = []
        self.joined = 0
        self.away = False
        self.hang = False
        self.fence_next_commit = False
        self.refuse_topics: set[str] = set()
        self.grown = asyncio.Event()

    @property
    def state(self) -> LogState:
        """What the test has set."""
        return LogState.AWAY if self.away else LogState.HEALTHY

    @property
    def reason(self) -> str:
        """Why it is not healthy."""
        return "away" if self.away else ""

    async def settled(self, wait: float) -> LogState:
        """Return the state."""
        assert wait > 0
        await asyncio.sleep(0)
        return self.state

    def check(self) -> None:
        """Fail as the test asks."""
        if self.away:
            raise LogUnavailableError("away")

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def append(self, records: Sequence[Record], wait: float) -> Sequence[Position]:
        """Store the records."""
        assert wait > 0
        await asyncio.sleep(0)
        self.check()
        if any(record.topic in self.refuse_topics for record in records):
            raise LogUnavailableError("this topic is away")
        return [self.put(record) for record in records]

    def put(self, record: Record) -> Position:
        """Store one record at once."""
        number = partition_of(record.key, self.count) if record.key is not None else 0
        partition = Partition(record.topic, number if record.partition is None else record.partition)
        stored = self.records.setdefault(partition, [])
        stored.append(
            StoredRecord(
                partition.topic,
                partition.number,
                len(stored),
                record.timestamp,
                record.key,
                record.value,
                record.headers,
            )
        )
        self.grown.set()
        return Position(partition, len(stored) - 1)

    async def subscribe(
        self, group: str, topics: Sequence[str], on_revoked: Revoked | None = None
    ) -> "MemorySubscription":
        """Join; the first member of all reads everything until it is told otherwise."""
        await asyncio.sleep(0)
        self.check()
        assigned = {Partition(topic, number) for topic in topics for number in range(self.count)}
        member = MemorySubscription(self, group, frozenset(assigned), on_revoked)
        self.members.append(member)
        self.joined += 1
        return member

    async def partitions(self, topic: str) -> Sequence[Partition]:
        """Return all partitions."""
        return [Partition(topic, number) for number in range(self.count)]

    async def bounds(self, partition: Partition) -> Bounds:
        """Return where the partition begins and ends."""
        return Bounds(0, len(self.records.get(partition, ())))

    async def offset_at(self, partition: Partition, timestamp: int) -> int:
        """Not used here."""
        raise NotImplementedError

    async def read(self, partition: Partition, offset: int, end: int) -> AsyncIterator[StoredRecord]:
        """Yield a range of records."""
        for stored in self.records.get(partition, ())[offset:end]:
            yield stored

    async def committed(self, group: str, partition: Partition) -> int | None:
        """Return the committed offset."""
        return self.offsets.get((group, partition))

    async def plan_topics(self, specs: Sequence[TopicSpec]) -> Sequence[PlannedTopic]:
        """Every topic is as it should be."""
        return [PlannedTopic(spec, TopicChange.KEEP) for spec in specs]

    async def apply_topics(self, plan: Sequence[PlannedTopic]) -> None:
        """Nothing to do."""

    def on(self, topic: str) -> list[StoredRecord]:
        """Return all records of a topic."""
        return [stored for partition, kept in self.records.items() if partition.topic == topic for stored in kept]

    def done(self, group: str) -> int:
        """Return how many records the group has committed."""
        return sum(offset for (name, _), offset in self.offsets.items() if name == group)


class MemorySubscription:
    """A member of a group of the in-memory log."""

    def __init__(self, log: MemoryLog, group: str, assigned: frozenset[Partition], on_revoked: Revoked | None) -> None:
        self.log = log
        self.group = group
        self.assignment = assigned
        self.closed = False
        self.polls = 0
        self._on_revoked = on_revoked
        self._positions = {partition: log.offsets.get((group, partition), 0) for partition in assigned}

    async def poll(self, max_records: int, wait: float) -> Sequence[StoredRecord]:
        """Return new records, or none after `wait` seconds."""
        self.polls += 1
        await self._hang_if_asked()
        self.log.check()
        found = self._next(max_records)
        if not found:
            self.log.grown.clear()
            try:
                async with asyncio.timeout(wait):
                    await self.log.grown.wait()
            except TimeoutError:
                self.log.check()
                return []
            found = self._next(max_records)
        return found

    def _next(self, most: int) -> list[StoredRecord]:
        found: list[StoredRecord] = []
        for partition in sorted(self.assignment):
            at = self._positions[partition]
            part = self.log.records.get(partition, [])[at : at + most - len(found)]
            self._positions[partition] = at + len(part)
            found += part
        return found

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store the offsets."""
        await self._hang_if_asked()
        self.log.check()
        if self.log.fence_next_commit:
            self.log.fence_next_commit = False
            raise FencedError("another member owns it")
        if not offsets.keys() <= self.assignment:
            raise FencedError("not assigned")
        self.log.commits.append(dict(offsets))
        for partition, offset in offsets.items():
            self.log.offsets[self.group, partition] = offset

    async def revoke(self, partitions: frozenset[Partition]) -> None:
        """Take partitions away, as a rebalance does."""
        if self._on_revoked is not None:
            await self._on_revoked(partitions)
        self.assignment -= partitions

    def give(self, partitions: frozenset[Partition]) -> None:
        """Give partitions, read from what is committed."""
        self.assignment |= partitions
        self._positions |= {partition: self.log.offsets.get((self.group, partition), 0) for partition in partitions}
        self.log.grown.set()

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from `offset`."""
        assert partition in self.assignment
        self._positions[partition] = offset

    async def close(self) -> None:
        """Leave."""
        await self._hang_if_asked()
        self.closed = True

    async def _hang_if_asked(self) -> None:
        if self.log.hang:
            await asyncio.Event().wait()


def inbound(number: int = 0, *, key: str = PERSON, **fields: Any) -> MessageReceived:
    """Return a message that a person wrote; `key` is who wrote it."""
    given: dict[str, Any] = {
        "id": f"event-{number}",
        "provider": "telnyx",
        "account": "main",
        "tenant": "acme",
        "message_id": f"message-{number}",
        "occurred_at": NOW,
        "received_at": NOW,
        "from_": key,
        "to": MAIN,
        "text": "hours",
        "channel": "sms",
        "direction": "inbound",
    }
    return MessageReceived(**given | fields)


def command(number: int = 0, **fields: Any) -> SendRequested:
    """Return a command to send a text."""
    given: dict[str, Any] = {
        "id": f"command-{number}",
        "provider": "telnyx",
        "account": "main",
        "tenant": "acme",
        "received_at": NOW,
        "from_": MAIN,
        "to": PERSON,
        "text": "Open 9 to 17.",
        "in_reply_to": f"message-{number}",
    }
    return SendRequested(**given | fields)


def delivered(event: Event) -> Delivered:
    """Return the event as a consumer gets it."""
    log = MemoryLog()
    place = log.put(event_to_record(event))
    return read_event(log.records[place.partition][place.offset])


def with_header(record: Record, name: str, value: bytes) -> Record:
    """Return the record with one more header."""
    return replace(record, headers=(*record.headers, (name, value)))


@dataclass
class Phone:
    """The other side of a sender: knows each id once, as a provider with idempotency keys does."""

    effects: dict[str, bytes] = field(default_factory=dict[str, bytes])
    calls: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])
    remembers: bool = True
    sent: int = 0

    def take(self, command_id: str, body: bytes) -> str:
        """Send, unless this id was sent; return the message's id."""
        self.calls.append((command_id, body))
        if self.remembers and command_id in self.effects:
            assert self.effects[command_id] == body, "other bytes under one id"
        else:
            self.sent += 1
            self.effects[command_id] = body
        return f"sent-{command_id}"


class FakeSender:
    """A sender that answers from a script, and when that ends sends."""

    def __init__(self, phone: Phone, *answers: SendReceipt, idempotent: bool = True) -> None:
        self.phone = phone
        self.answers = list(answers)
        self._idempotent = idempotent

    @property
    def idempotent(self) -> bool:
        """Whether the phone tells repeats apart."""
        return self._idempotent

    def prepare(self, command: SendRequested) -> bytes:
        """Return a body."""
        return f"{command.from_}|{command.to}|{command.text}".encode()

    async def send(self, command_id: str, body: bytes) -> SendReceipt:
        """Answer as the script says; UNKNOWN has had its effect."""
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if self.answers else SendReceipt(status=SendStatus.ACCEPTED)
        if answer.status in {SendStatus.RETRY, SendStatus.REFUSED}:
            self.phone.calls.append((command_id, body))
            return answer
        return replace(answer, message_id=self.phone.take(command_id, body))

    async def close(self) -> None:
        """Nothing to close."""


class Bench:
    """A loop on an in-memory log, with a consumer whose handler the test gives."""

    def __init__(self, partitions: int = 1, tempo: Tempo = QUICK, *, concurrency: int = 16) -> None:
        self.log = MemoryLog(partitions)
        self.tempo = tempo
        self.settings = ConsumersSettings(attempts=3, concurrency=concurrency)
        self.registry = CollectorRegistry()
        self.metrics = ConsumerMetrics(self.registry)
        self.now = NOW.timestamp()
        self._tasks: list[tuple[ConsumeLoop, asyncio.Task[None]]] = []

    def fill(self, *events: Event) -> None:
        """Put events on their topics."""
        for event in events:
            self.log.put(event_to_record(event))

    def start(
        self, handle: Callable[[Delivered], Any], *, has_effects: bool = True, tempo: Tempo | None = None
    ) -> ConsumeLoop:
        """Run a consumer of inbound messages."""
        return self.run(Consumer("group", (INBOUND,), handle, has_effects), tempo)

    def run(self, consumer: Consumer, tempo: Tempo | None = None) -> ConsumeLoop:
        """Run a consumer."""
        loop = ConsumeLoop(self.log, consumer, self.settings, self.metrics, lambda: self.now, tempo=tempo or self.tempo)
        self._tasks.append((loop, asyncio.create_task(loop.run())))
        return loop

    async def stop(self) -> None:
        """Drain every loop; one that does not end in time is a failure."""
        for loop, task in self._tasks:
            loop.stop()
            async with asyncio.timeout(PATIENCE):
                await task
        self._tasks.clear()

    async def kill(self) -> None:
        """End the loops as a crash does: nothing more is committed."""
        for _, task in self._tasks:
            self.log.away = True
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self.log.away = False
        self._tasks.clear()

    def count(self, name: str, **labels: str) -> float:
        """Return the value of a metric."""
        return self.registry.get_sample_value(f"hookline_consumer_{name}", labels) or 0.0
