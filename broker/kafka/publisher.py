"""Appends to Kafka under deadlines of our own, through a producer that is thrown away when it misbehaves.

The producer is the keeper's (`broker.kafka.keeper`), the state follows from what appends and questions have shown
(`broker.kafka.evidence`). While no producer works an append is refused at once. One that came back and has confirmed
nothing yet is tried by one append at a time: a cluster that answers questions and stores nothing costs no more.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import monotonic

from broker.kafka.bulk import Bulk, is_bulk
from broker.kafka.connection import Connection, Names
from broker.kafka.errors import PERHAPS_OF_THE_RECORD, REFUSED, TRANSIENT, UNWELL, words
from broker.kafka.evidence import UNPROVEN, Verdict
from broker.kafka.keeper import Keeper
from broker.kafka.line import Line, Sent
from broker.log import LogUnavailableError, Partition, Position, RecordRefusedError
from schemas.records import Record

TRIAL_SECONDS = 1.0
"""So long the one append that tries a producer keeps others out; what it waits for may be its own topic only."""


class Publisher:
    """Appends through one producer at a time. `topics` are known before it turns healthy, where they are there."""

    def __init__(self, names: Names, topics: Iterable[str] = ()) -> None:
        self._names = names
        self._keeper = Keeper()
        self._keeper.topics.update(map(names.outer, topics))
        self._watch: asyncio.TimerHandle | None = None

    @property
    def verdict(self) -> Verdict:
        """The state now, and why."""
        return self._keeper.evidence.verdict(monotonic())

    def start(self, connection: Connection) -> None:
        """Begin to look for the cluster."""
        self._keeper.start(connection)

    async def settled(self, wait: float) -> None:
        """Return when the first verdict is there, or after `wait` seconds."""
        await self._keeper.settled(wait)

    async def stop(self) -> None:
        """Send what is left and close, within about 5 s."""
        if self._watch is not None:
            self._watch.cancel()
        await self._keeper.stop()

    # --- appending

    async def append(self, records: Sequence[Record], wait: float, *, many: bool = False) -> Sequence[Position]:
        """Send all records, then wait for all confirmations. With `many` in batches of our own, if it is worth it."""
        line = self._admit(records)
        evidence, began = self._keeper.evidence, _loop_time()
        flight = evidence.began(monotonic())
        self._watch_flights()
        store = self._store_many if many and is_bulk(records) else self._store
        try:
            positions = await store(line, records, _Deadline(began, began + wait))
            self._confirmed(line)
        finally:
            evidence.ended(flight)
        return positions

    def _admit(self, records: Sequence[Record]) -> Line:
        line, now = self._keeper.line, monotonic()
        if line is None:
            raise LogUnavailableError(f"Kafka is away: {self.verdict.reason}")
        if not self._keeper.evidence.proven:
            if line.records and now - line.tried_at < TRIAL_SECONDS:
                raise LogUnavailableError(f"{UNPROVEN}: one append at a time")
            line.tried_at = now
        if not line.has_room(records):
            raise LogUnavailableError("too much is in flight to Kafka already")
        return line

    async def _store_many(self, line: Line, records: Sequence[Record], deadline: "_Deadline") -> list[Position]:
        bulk = Bulk(line, records, self._outer, self._partition)
        try:
            async with asyncio.timeout_at(deadline.at):
                failure = await bulk.store()
        except TimeoutError:
            raise self._too_slow(line, deadline, "not confirmed in time") from None
        if failure is not None:
            record, error = failure.record, failure.error
            refused = isinstance(error, REFUSED)
            raise (_refusal(record, error) if refused else self._unwell(line, record, error)) from error
        return bulk.positions

    async def _store(self, line: Line, records: Sequence[Record], deadline: "_Deadline") -> list[Position]:
        sent = await self._send_all(line, records, deadline)
        await asyncio.wait(sent, timeout=max(0.0, deadline.at - _loop_time()))
        if not all(each.done() for each in sent):
            raise self._too_slow(line, deadline, "not confirmed in time")
        failed = [n for n, each in enumerate(sent) if each.cancelled() or each.exception() is not None]
        for n in failed:
            sent[n] = await self._once_more(line, records[n], sent[n], deadline)
        return [self._position(each) for each in sent]

    async def _send_all(self, line: Line, records: Sequence[Record], deadline: "_Deadline") -> list[Sent]:
        sent: list[Sent] = []
        for record in records:
            line.reserve(record)
        try:
            async with asyncio.timeout_at(deadline.at):
                for record in records:
                    sent.append(await line.send(self._outer(record), record))  # noqa: PERF401 - what was sent counts on failure
        except TimeoutError:
            what = f"topic {records[len(sent)].topic}: not known, or no room, in time"
            raise self._too_slow(line, deadline, what) from None
        except REFUSED as error:
            raise _refusal(records[len(sent)], error) from error
        except UNWELL as error:
            raise self._unwell(line, records[len(sent)], error) from error
        finally:
            for record in records[len(sent) :]:
                line.release(record)
        return sent

    async def _once_more(self, line: Line, record: Record, failed: Sent, deadline: "_Deadline") -> Sent:
        """Send a refused record again by itself: the broker refuses a batch for any one record in it."""
        error = None if failed.cancelled() else failed.exception()
        if not isinstance(error, PERHAPS_OF_THE_RECORD):
            raise self._unwell(line, record, error) from error
        try:
            async with asyncio.timeout_at(deadline.at):
                alone = await line.send_alone(self._outer(record), record)
                await asyncio.wait([alone])
        except TimeoutError:
            raise self._too_slow(line, deadline, f"topic {record.topic}: not confirmed in time") from None
        except UNWELL as again:
            raise self._unwell(line, record, again) from again
        error = None if alone.cancelled() else alone.exception()
        if isinstance(error, REFUSED):
            raise _refusal(record, error) from error
        if alone.cancelled() or error is not None:
            raise self._unwell(line, record, error) from error
        return alone

    def _outer(self, record: Record) -> str:
        outer = self._names.outer(record.topic)
        self._keeper.topics.add(outer)
        return outer

    def _position(self, sent: Sent) -> Position:
        stored = sent.result()
        return Position(self._partition(stored.topic, stored.partition), stored.offset)

    def _partition(self, topic: str, number: int) -> Partition:
        return Partition(self._names.inner(topic), number)

    # --- evidence

    def _confirmed(self, line: Line) -> None:
        line.confirmed = True
        if self._keeper.line is line:
            self._keeper.evidence.confirmed(monotonic())

    def _too_slow(self, line: Line, deadline: "_Deadline", what: str) -> LogUnavailableError:
        if _loop_time() - deadline.began >= self._keeper.evidence.telling:
            self._keeper.strike(line, what)
        return LogUnavailableError(f"Kafka: {what}")

    def _unwell(self, line: Line, record: Record, error: BaseException | None) -> LogUnavailableError:
        what = f"topic {record.topic}: {'given up' if error is None else words(error)}"
        if isinstance(error, TRANSIENT) or getattr(error, "retriable", False):
            self._keeper.strike(line, what)
        else:
            self._keeper.give_up(line, what)
        return LogUnavailableError(f"Kafka: {what}")

    def _watch_flights(self) -> None:
        """Let one timer, however many appends wait, see when nothing is confirmed for too long."""
        if self._watch is None:
            loop = asyncio.get_running_loop()
            self._watch = loop.call_later(self._keeper.evidence.stuck_at() - monotonic(), self._look)

    def _look(self) -> None:
        self._watch = None
        evidence = self._keeper.evidence
        if evidence.is_stuck(monotonic()):
            evidence.tell(monotonic())
            self._keeper.doubt()
        elif evidence.flying:
            self._watch_flights()


@dataclass(frozen=True, slots=True)
class _Deadline:
    began: float
    at: float


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


def _refusal(record: Record, error: BaseException) -> RecordRefusedError:
    return RecordRefusedError(f"a record for topic {record.topic} ({record.size} bytes): {words(error)}")
