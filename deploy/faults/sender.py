"""Delivers the traffic at a steady rate, signed, retried and repeated as each provider does, and keeps the ledger."""

import asyncio
import contextlib
import hashlib
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field

from deploy.faults.latency import Latencies
from deploy.faults.ledger import Ledger, Sent
from deploy.faults.traffic import Item
from deploy.faults.wire import Wire, request_bytes
from hookline.simulator.deliveries import content_digest
from hookline.simulator.engine import delivery_headers
from schemas.ids import digest_id
from schemas.vocabulary import EventType

MOST_IN_HAND = 8_000
MOST_AT_ONCE = 700
_REPEAT_AFTER = 0.2
_COARSE = 0.01


@dataclass(slots=True)
class Target:
    """A receiver that is delivered to; `worker` names it in the ledger, anew after each restart that breaks order."""

    port: int
    worker: int = 0
    idle: list[Wire] = field(default_factory=list[Wire])

    def forget_connections(self) -> None:
        """Drop what is kept for the next request."""
        for wire in self.idle:
            wire.close()
        self.idle.clear()


@dataclass(slots=True)
class Answers:
    """What was seen of one scenario."""

    all: Latencies = field(default_factory=Latencies)
    away: Latencies = field(default_factory=Latencies)
    words: Counter[str] = field(default_factory=Counter[str])
    late: list[str] = field(default_factory=list[str])
    issued: int = 0


@dataclass(slots=True)
class _Delivery:
    """One webhook on its way: its number in the ledger is known from its first attempt on."""

    item: Item
    scenario: int
    number: int = -1
    attempt: int = 1
    copies_left: int = 0


class Sending:
    """Sends until it is stopped. `scenario` and `away` say under what the answers of the moment are counted."""

    def __init__(self, ledger: Ledger, traffic: Iterator[Item], rate: float) -> None:
        self._ledger, self._traffic, self._rate = ledger, traffic, rate
        self.targets: Sequence[Target] = ()
        self.scenario = 0
        self.away = False
        self.paused = False
        self.answers: dict[int, Answers] = {}
        self.lag = 0.0
        self._turn = 0
        self._in_hand = 0
        self._running = set[asyncio.Task[None]]()
        self._timers = set[asyncio.TimerHandle]()
        self.cut: list[float] = []
        """When each request began that was sent whole and whose connection ended without an answer."""
        self._pacer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to send."""
        self._pacer = asyncio.create_task(self._pace(), name="traffic")

    @contextlib.contextmanager
    def pausing(self) -> Generator[None]:
        """Send nothing new inside; what failed is tried again all the same."""
        self.paused = True
        try:
            yield
        finally:
            self.paused = False

    async def settle(self, wait: float) -> bool:
        """Send nothing new from now on, and wait until nothing is in hand; tell whether that came."""
        self.paused = True
        end = time.monotonic() + wait
        while self._in_hand and time.monotonic() < end:  # noqa: ASYNC110 - a few looks at the end of a run
            await asyncio.sleep(0.05)
        return not self._in_hand

    async def stop(self) -> None:
        """Give up what is in hand. Raises what the pacer broke on."""
        pacer, self._pacer = self._pacer, None
        for timer in self._timers:
            timer.cancel()
        tasks = [*self._running, *([pacer] if pacer else [])]
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        for target in self.targets:
            target.forget_connections()
        for end in ends:
            if isinstance(end, Exception):
                raise end

    @property
    def in_flight(self) -> int:
        """Requests that wait for their answers now."""
        return len(self._running)

    def check(self) -> None:
        """Raise what sending broke on: a bug of the bench."""
        if self._pacer is not None and self._pacer.done():
            self._pacer.result()

    def of(self, scenario: int) -> Answers:
        """Return the answers of a scenario, which go on growing."""
        return self.answers.setdefault(scenario, Answers())

    async def _pace(self) -> None:
        due = time.monotonic()
        while True:
            now = time.monotonic()
            if self.paused or self._in_hand >= MOST_IN_HAND or len(self._running) >= MOST_AT_ONCE:
                due = now
            while due <= now:
                self._submit(_Delivery(next(self._traffic), self.scenario))
                due += 1 / self._rate
                # What a busy machine missed is not made up for in one burst.
                due = max(due, now - 0.5)
            before = time.monotonic()
            await asyncio.sleep(_COARSE)
            self.lag = max(self.lag, time.monotonic() - before - _COARSE)

    def _submit(self, delivery: _Delivery) -> None:
        self._in_hand += 1
        delivery.copies_left = delivery.item.outgoing.copies - 1
        self._later(delivery, delivery.item.outgoing.after)

    def _later(self, delivery: _Delivery, after: float) -> None:
        if after <= 0:
            self._attempt_now(delivery)
            return
        timer: asyncio.TimerHandle

        def run() -> None:
            self._timers.discard(timer)
            self._attempt_now(delivery)

        timer = asyncio.get_running_loop().call_later(after, run)
        self._timers.add(timer)

    def _attempt_now(self, delivery: _Delivery) -> None:
        task = asyncio.create_task(self._attempt(delivery))
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            task.get_loop().call_exception_handler({"message": "delivery broke", "exception": task.exception()})

    async def _attempt(self, delivery: _Delivery) -> None:
        target = self._next_target()
        item, outgoing = delivery.item, delivery.item.outgoing
        body = outgoing.body(delivery.attempt)
        answers = self.of(delivery.scenario)
        away, began = self.away, time.monotonic()
        if delivery.number < 0:
            answers.issued += 1
            delivery.number = self._ledger.issue(began, delivery.scenario, target.worker, item.events)
        else:
            self._ledger.attempt(delivery.number, target.worker)
        word = await self._post(target, item, body)
        took = time.monotonic() - began
        answers.words[word] += 1
        self._time(answers, word, took, item, away=away)
        succeeded = word.isdigit() and item.sender.cloud.retry.succeeded(int(word))
        if succeeded:
            # `body` makes the same bytes of an attempt whenever it is asked.
            attempts = [sent_by(item, number) for number in range(delivery.attempt, 0, -1)]
            self._ledger.acknowledge(delivery.number, attempts[0], began + took, attempts[1:])
        self._go_on(delivery, succeeded=succeeded)

    def _time(self, answers: Answers, word: str, took: float, item: Item, *, away: bool) -> None:
        if not word.isdigit() and word != "timeout":
            return
        answers.all.add(took)
        if away:
            answers.away.add(took)
        if took > item.sender.policy.deadline or word == "timeout":
            answers.late.append(f"{item.sender.provider} {word} after {took:.2f} s")

    def _go_on(self, delivery: _Delivery, *, succeeded: bool) -> None:
        pauses = delivery.item.sender.cloud.retry.pauses
        if succeeded and delivery.copies_left > 0:
            # Real repeats come both ways: with the same bytes, and with a higher attempt in the body.
            delivery.attempt += delivery.copies_left % 2
            delivery.copies_left -= 1
            self._later(delivery, _REPEAT_AFTER)
        elif succeeded or self._ledger.is_acknowledged(delivery.number) or delivery.attempt > len(pauses):
            self._in_hand -= 1
        else:
            delivery.attempt += 1
            self._later(delivery, pauses[delivery.attempt - 2])

    def _next_target(self) -> Target:
        self._turn += 1
        return self.targets[self._turn % len(self.targets)]

    async def _post(self, target: Target, item: Item, body: bytes) -> str:
        """Return the status, or one word for an answer that did not come."""
        outgoing, sender = item.outgoing, item.sender
        path = f"{sender.path}?{outgoing.query}" if outgoing.query else sender.path
        headers = delivery_headers(sender.cloud, outgoing, body, time.time(), path)
        request = request_bytes(outgoing.method, path, target.port, headers, body)
        sent = time.monotonic()
        try:
            async with asyncio.timeout(sender.cloud.retry.timeout):
                return await self._ask(target, request)
        except TimeoutError:
            return "timeout"
        except ConnectionRefusedError:
            return "refused"
        except OSError:
            self.cut.append(sent)
            return "cut"

    async def _ask(self, target: Target, request: bytes) -> str:
        while True:
            fresh = True
            wire = None
            while target.idle and wire is None:
                kept = target.idle.pop()
                wire, fresh = (kept, False) if kept.open else (None, True)
            wire = wire or await Wire.connect(target.port)
            try:
                answer = await wire.ask(request)
            except ConnectionError:
                # A kept connection may be closed just as it is used (RFC 9112, 9.3.1): once more on a new one.
                if fresh:
                    raise
                continue
            except BaseException:
                wire.close()
                raise
            if wire.open:
                target.idle.append(wire)
            return str(answer.status)


def sent_by(item: Item, attempt: int) -> Sent:
    """Return the content of an attempt."""
    body, query = item.outgoing.body(attempt), item.outgoing.query
    return Sent(content_digest(body, query), webhook_id(item.sender.account, body, query))


def webhook_id(account: str, body: bytes, query: str) -> bytes:
    """Return the id of the raw record that holds this content, 16 bytes; as `Webhook.id` has it."""
    content, mark = (body, ()) if body or not query else (query.encode("utf-8", "surrogateescape"), ("query",))
    digest = hashlib.sha256(content).hexdigest()
    return bytes.fromhex(digest_id(account, EventType.WEBHOOK_RECEIVED, digest, *mark))


@contextlib.contextmanager
def broker_away(sending: Sending) -> Generator[None]:
    """Count the answers of what begins inside as given while the broker is away."""
    sending.away = True
    try:
        yield
    finally:
        sending.away = False
