"""Short words for events, commands and senders, and a loop of a consumer on the in-memory log."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry

from consumers.consumer import Consumer
from consumers.loop.run import ConsumeLoop
from consumers.loop.settings import FloodSettings, RetrySettings
from consumers.loop.tempo import Tempo
from consumers.metrics import ConsumerMetrics
from consumers.settings import ConsumersSettings
from providers.contract import SendReceipt, SendStatus
from schemas.envelope import Delivered, event_to_record, read_event
from schemas.events import Event, MessageReceived, SendRequested
from schemas.records import Record
from schemas.topics import INBOUND
from tests.support.consumed_log import MemoryLog

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
    cancel_wait=0.05,
    thread_wait=0.05,
    look_every=0.02,
    look_wait=1.0,
)
NEVER_LATER = RetrySettings(delays=())
FLOOD = FloodSettings(run=0, ratio=1.0)
MAIN, PERSON = "+15550000001", "+15550000002"


async def until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait until the condition is true."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - a condition of any kind has no event
            await asyncio.sleep(0.002)


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

    def __init__(
        self,
        partitions: int = 1,
        tempo: Tempo = QUICK,
        *,
        concurrency: int = 16,
        retry: RetrySettings = NEVER_LATER,
        flood: FloodSettings = FLOOD,
    ) -> None:
        self.log = MemoryLog(partitions)
        self.tempo = tempo
        self.settings = ConsumersSettings(attempts=3, concurrency=concurrency, retry=retry, flood=flood)
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
