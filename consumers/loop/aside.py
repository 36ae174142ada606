"""Where a record goes that is not handled now: the retry topic, behind others of its key there, or the dead letters."""

import asyncio
from dataclasses import replace

import structlog

from broker.log import Position, RecordRefusedError
from consumers.loop.deadletter import Cause, dead_letter
from consumers.loop.failures import Failure
from consumers.loop.flood import FloodGate
from consumers.loop.origin import attempt_of
from consumers.loop.parked import Parked
from consumers.loop.parts import LoopParts
from consumers.loop.retries import retry_record
from consumers.loop.stops import LetterRefusedError
from consumers.loop.storing import Store
from consumers.loop.waiting import Waiting
from consumers.metrics import LetterReason, RecordOutcome, RetryKind
from schemas.records import Record, StoredRecord

_log = structlog.get_logger()
RETRY_NOT_STORED = "retry_not_stored"
DEAD_LETTER_NOT_STORED = "dead_letter_not_stored"
_BEHIND = Failure("behind_its_key", counts=False)


class Aside:
    """Puts records of one consumer aside. Each method answers None where the record is left, its lane closing."""

    def __init__(self, parts: LoopParts, waiting: Waiting) -> None:
        self._routes = parts.routes
        self._metrics = parts.metrics
        self._clock = parts.clock
        self._store = Store(parts, waiting)
        self._consumer = parts.consumer.name
        self.gate = FloodGate(parts.settings.flood)

    async def later(  # noqa: PLR0913 - what a retry record says, each by its name
        self,
        record: StoredRecord,
        failure: Failure,
        *,
        rounds: int,
        delay: float,
        closing: asyncio.Event,
        parked: Parked,
    ) -> RecordOutcome | None:
        """Let the record be tried again after `delay` seconds. Raises FloodError."""
        self.gate.failure(asyncio.get_running_loop().time())
        wanted = self._retry(record, rounds, delay, failure)
        try:
            outcome = await self._put_off(wanted, record, closing, parked)
        except RecordRefusedError:
            # No waiting makes the retry topic take it.
            return await self._letter(record, failure, closing)
        if outcome is not None:
            self._metrics.retries[RetryKind.LATER].inc()
        return outcome

    async def until(
        self, record: StoredRecord, wish: Failure, pause: float, closing: asyncio.Event, parked: Parked
    ) -> RecordOutcome | None:
        """Let the record wait for `pause` seconds in the retry topic, as its handler wishes: it has not failed."""
        wanted = self._retry(record, attempt_of(record), pause, wish)
        return await self._waiting_there(wanted, record, closing, parked)

    async def behind(self, record: StoredRecord, closing: asyncio.Event, parked: Parked) -> RecordOutcome | None:
        """Put the record behind those of its key that wait in the retry topic."""
        return await self._waiting_there(self._retry(record, 0, 0.0, _BEHIND), record, closing, parked)

    async def _waiting_there(
        self, wanted: Record, record: StoredRecord, closing: asyncio.Event, parked: Parked
    ) -> RecordOutcome | None:
        try:
            outcome = await self._put_off(wanted, record, closing, parked)
        except RecordRefusedError:
            failure = Failure("retry_refused", detail="the retry topic does not take it")
            return await self._letter(record, failure, closing)
        if outcome is not None:
            self._metrics.retries[RetryKind.BEHIND].inc()
        return outcome

    async def bury(self, record: StoredRecord, failure: Failure, closing: asyncio.Event) -> RecordOutcome | None:
        """Give the record to the dead letters. Raises FloodError, LetterRefusedError."""
        self.gate.failure(asyncio.get_running_loop().time())
        return await self._letter(record, failure, closing)

    def _retry(self, record: StoredRecord, rounds: int, delay: float, why: Failure) -> Record:
        now, topic = self._now(), self._routes.of(record.topic).retry
        due = now + int(delay * 1000)
        return retry_record(record, topic, attempt=rounds, due=due, reason=why.reason, now=now, tries=why.tries)

    async def _put_off(
        self, wanted: Record, record: StoredRecord, closing: asyncio.Event, parked: Parked
    ) -> RecordOutcome | None:
        position = await self._store.put(wanted, record, RETRY_NOT_STORED, closing)
        if position is None:
            return None
        parked.add(record.key, position.offset)
        return RecordOutcome.PUT_OFF

    async def _letter(self, record: StoredRecord, failure: Failure, closing: asyncio.Event) -> RecordOutcome | None:
        cause = Cause(f"{failure.reason}: {failure.detail}", failure.digest, failure.tries)
        letter = dead_letter(record, self._routes.of(record.topic).dead, cause, now=self._now())
        if await self._stored(letter, record, closing) is None:
            return None
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        _log.error("dead_letter", consumer=self._consumer, **place, reason=failure.reason, traceback=failure.digest)
        self._metrics.dead_letters[LetterReason(failure.reason)].inc()
        return RecordOutcome.DEAD_LETTER

    async def _stored(self, letter: Record, record: StoredRecord, closing: asyncio.Event) -> Position | None:
        """Store the letter, where its own partition is missing in another one. Raises LetterRefusedError."""
        try:
            return await self._store.put(letter, record, DEAD_LETTER_NOT_STORED, closing)
        except RecordRefusedError:
            pass
        try:
            return await self._store.put(replace(letter, partition=None), record, DEAD_LETTER_NOT_STORED, closing)
        except RecordRefusedError as error:
            place = f"{record.topic} [{record.partition}] at {record.offset}"
            raise LetterRefusedError(f"{letter.topic} does not take the letter of {place}: {error}") from error

    def _now(self) -> int:
        return int(self._clock() * 1000)
