"""One record to its end: skipped, handled, or given to the dead letters.

A settled record may be committed. A record whose lane is closing is left as it is and comes again.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from broker.log import LogError, LogUnavailableError
from consumers.consumer import TryLater
from consumers.loop.deadletter import dead_letter
from consumers.loop.flood import FloodGate
from consumers.loop.parts import LoopParts
from consumers.metrics import RecordOutcome
from schemas.envelope import Delivered, read_event
from schemas.events import EVENT_CLASSES
from schemas.records import StoredRecord
from schemas.topics import Topic, dead_letter_topic
from schemas.vocabulary import EventType

_log = structlog.get_logger()
_KNOWN_TYPES = frozenset(map(str, (*EVENT_CLASSES, EventType.WEBHOOK_RECEIVED)))
Place = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a try did not succeed. One that `counts` uses up a try; `pause` is what the handler asked for.

    `reason` is one word of ours, for logs and the health page. `detail` may quote the event: for its dead letter alone.
    """

    reason: str
    counts: bool
    pause: float | None = None
    detail: str = field(default="", repr=False)


_CLOSING = Failure("closing", counts=False, pause=0.0)


class Settler:
    """Settles the records of one consumer; at most `concurrency` handlers run at once.

    A record that waits for its next try holds none of these places.
    """

    def __init__(self, parts: LoopParts) -> None:
        self._log = parts.log
        self._consumer = parts.consumer
        self._attempts = max(1, parts.settings.attempts)
        self._slots = asyncio.Semaphore(parts.concurrency)
        self._metrics = parts.metrics
        self._clock = parts.clock
        self._tempo = parts.tempo
        self._gate = FloodGate(parts.tempo.flood_count, parts.tempo.flood_seconds)
        self._dead: Mapping[str, Topic] = {
            topic.name: dead_letter_topic(topic, parts.consumer.name) for topic in parts.consumer.topics
        }
        self._waiting: dict[Place, str] = {}
        self.last_progress: float | None = None

    @property
    def trouble(self) -> str | None:
        """Why the record that waits longest for its next try waits."""
        # Metrics ask from another thread: a copy, made in one step, does not change under the hands.
        return next(iter(tuple(self._waiting.values())), None)

    async def settle(self, record: StoredRecord, closing: asyncio.Event) -> bool:
        """Return True when the record is done; False when it was left because `closing` is set.

        Raises DeadLetterFloodError.
        """
        outcome = await self._outcome(record, closing)
        if outcome is None:
            return False
        self._metrics.records[outcome].inc()
        self.last_progress = self._clock()
        return True

    async def _outcome(self, record: StoredRecord, closing: asyncio.Event) -> RecordOutcome | None:
        if self._consumer.has_effects and record.header("ce_replayid") is not None:
            return RecordOutcome.REPLAY_SKIPPED
        try:
            delivered = read_event(record)
        except Exception as error:  # noqa: BLE001 - whatever bytes do to the decoder, the record is at fault
            if _is_unknown(record):
                return RecordOutcome.UNKNOWN_TYPE
            failure = Failure("undecodable", counts=True, detail=str(error))
            return await self._bury(record, failure, closing)
        return await self._handle(delivered, closing)

    async def _handle(self, delivered: Delivered, closing: asyncio.Event) -> RecordOutcome | None:
        failures = tries = 0
        while (failure := await self._try(delivered, closing)) is not None:
            tries += 1
            failures += failure.counts
            if failures >= self._attempts:
                return await self._bury(delivered.record, failure, closing)
            pause = self._tempo.pause(tries) if failure.pause is None else failure.pause
            if not await self._pause(delivered.record, failure.reason, pause, closing):
                return None
            self._metrics.retries.inc()
        self._metrics.age.observe(max(0.0, self._clock() - delivered.record.timestamp / 1000))
        return RecordOutcome.HANDLED

    async def _try(self, delivered: Delivered, closing: asyncio.Event) -> Failure | None:
        async with self._slots:
            if closing.is_set():
                return _CLOSING
            started = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(self._tempo.handler_deadline):
                    await self._consumer.handle(delivered)
            except TryLater as later:
                return Failure(later.reason, counts=False, pause=self._postponement(later.seconds))
            except LogUnavailableError:
                # The log is away for everyone: no fault of this event, so no dead letter.
                return Failure("log_unavailable", counts=False)
            except asyncio.CancelledError as error:
                if _is_cancelled():
                    raise
                # The handler leaked the end of a task of its own: a failure like any other.
                return self._failed(delivered, error)
            except Exception as error:  # noqa: BLE001 - a handler may fail in any way; the record must survive it
                return self._failed(delivered, error)
            finally:
                self._metrics.seconds.observe(asyncio.get_running_loop().time() - started)
        return None

    def _postponement(self, seconds: float) -> float:
        return min(max(seconds, 0.0), self._tempo.longest_postponement)

    def _failed(self, delivered: Delivered, error: BaseException) -> Failure:
        # The words of an error may quote a text or a number: the log gets its kind alone.
        kind = type(error).__name__
        _log.warning("handler_failed", consumer=self._consumer.name, event_id=delivered.envelope.id, error=kind)
        return Failure("handler_failed", counts=True, detail=f"{kind}: {error}")

    async def _bury(self, record: StoredRecord, failure: Failure, closing: asyncio.Event) -> RecordOutcome | None:
        self._gate.check(asyncio.get_running_loop().time())
        letter = dead_letter(record, self._dead[record.topic], f"{failure.reason}: {failure.detail}")
        tries = 0
        while True:
            try:
                await self._log.append([letter], self._tempo.log_wait)
            except LogError as error:
                tries += 1
                _log.warning("dead_letter_not_stored", **self._place_of(record), error=type(error).__name__)
                pause = self._tempo.pause(tries)
                if not await self._pause(record, "dead_letter_not_stored", pause, closing):
                    return None
            else:
                _log.error("dead_letter", **self._place_of(record), reason=failure.reason)
                return RecordOutcome.DEAD_LETTER

    async def _pause(self, record: StoredRecord, reason: str, seconds: float, closing: asyncio.Event) -> bool:
        """Wait; return False where the record is to be left because `closing` is set."""
        place = (record.topic, record.partition, record.offset)
        self._waiting[place] = reason
        try:
            async with asyncio.timeout(seconds):
                await closing.wait()
        except TimeoutError:
            return True
        finally:
            del self._waiting[place]
        return False

    def _place_of(self, record: StoredRecord) -> dict[str, str | int]:
        return {
            "consumer": self._consumer.name,
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
        }


def _is_unknown(record: StoredRecord) -> bool:
    """Tell whether the record says that it is of a type which this version does not know."""
    kind = record.text_header("ce_type")
    return bool(kind and record.text_header("ce_id")) and kind not in _KNOWN_TYPES


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
