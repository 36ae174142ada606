"""One record to its end: skipped, handled, put off to the retry topic, or given to the dead letters.

A settled record may be committed. A record whose lane is closing is left as it is and comes again.
"""

import asyncio
from dataclasses import replace

from consumers.loop.aside import Aside
from consumers.loop.failures import CLOSING, Failure, Trouble, failure_of
from consumers.loop.origin import as_first, attempt_of, due_of, tries_of, with_attempt
from consumers.loop.parked import Parked
from consumers.loop.parts import LoopParts
from consumers.loop.settings import LONGEST_DELAY
from consumers.loop.trying import Tries
from consumers.loop.turns import Turn, Turns
from consumers.loop.waiting import Waiting
from consumers.metrics import RecordOutcome, RetryKind
from schemas.envelope import Delivered, read_event
from schemas.events import EVENT_CLASSES
from schemas.records import StoredRecord
from schemas.times import to_millis
from schemas.vocabulary import EventType

_KNOWN_TYPES = frozenset(map(str, (*EVENT_CLASSES, EventType.WEBHOOK_RECEIVED)))


class Settler:
    """Settles the records of one consumer."""

    def __init__(self, parts: LoopParts) -> None:
        self._routes = parts.routes
        self._has_effects = parts.consumer.has_effects
        self._keeps_order = parts.keeps_order
        self._puts_off_after = parts.consumer.puts_off_after
        self._delays = parts.settings.retry.delays
        self._metrics = parts.metrics
        self._clock = parts.clock
        self.waiting = Waiting()
        self._tries = Tries(parts, self.waiting)
        self._aside = Aside(parts, self.waiting)
        self._turns = Turns()
        self.last_progress: float | None = None

    async def none_left(self) -> None:
        """Wait until no handler can be called any more, then raise HandlersStuckError.

        The records of those that are stuck are put aside all the same: `settle` brings them to their end.
        """
        await self._tries.none_left()

    async def settle(self, record: StoredRecord, closing: asyncio.Event, parked: Parked) -> bool:
        """Return True when the record is done; False when it was left because `closing` is set.

        Raises ConsumerStopError.
        """
        if not self._routes.is_retry(record.topic):
            record = as_first(record)
        outcome = self._skipped(record, parked) or await self._outcome(record, closing, parked)
        if outcome is None:
            return False
        if self._routes.is_retry(record.topic):
            parked.done(record.key, record.offset)
        self._metrics.records[outcome].inc()
        self.last_progress = self._clock()
        return True

    def _skipped(self, record: StoredRecord, parked: Parked) -> RecordOutcome | None:
        """Return why the record needs nothing done, None where it does."""
        if self._has_effects and record.header("ce_replayid") is not None:
            return RecordOutcome.REPLAY_SKIPPED
        if record.value is None and self._routes.of(record.topic).origin.compacted:
            return RecordOutcome.TOMBSTONE
        if not self._routes.is_retry(record.topic) and parked.stands_in_both(record):
            return RecordOutcome.PUT_OFF
        return None

    async def _outcome(self, record: StoredRecord, closing: asyncio.Event, parked: Parked) -> RecordOutcome | None:
        try:
            delivered = read_event(record)
        except Exception as error:  # noqa: BLE001 - whatever bytes do to the decoder, the record is at fault
            if _is_unknown(record):
                return RecordOutcome.UNKNOWN_TYPE
            return await self._aside.bury(record, failure_of(Trouble.UNDECODABLE, error, str(error)), closing)
        if self._routes.is_retry(record.topic):
            return await self._try_again(delivered, closing, parked)
        if self._keeps_order and parked.holds(record.key):
            return await self._aside.behind(record, closing, parked)
        async with self._turns.of(turn := self._turn(record)):
            # Who waited for a turn may have to wait for more by now.
            if turn is not None and parked.holds(record.key):
                return await self._aside.behind(record, closing, parked)
            return await self._try_first(delivered, closing, parked)

    async def _try_first(self, delivered: Delivered, closing: asyncio.Event, parked: Parked) -> RecordOutcome | None:
        failure = await self._tries.round(delivered, closing, self._puts_off_after)
        if failure is None:
            return self._handled(delivered)
        if failure is CLOSING:
            return None
        if not failure.counts and failure.pause is not None:
            return await self._aside.until(delivered.record, failure, failure.pause, closing, parked)
        delay = self._delay(delivered.record, failure, 1)
        if delay is None:
            return await self._aside.bury(delivered.record, failure, closing)
        return await self._aside.later(delivered.record, failure, rounds=1, delay=delay, closing=closing, parked=parked)

    async def _try_again(self, delivered: Delivered, closing: asyncio.Event, parked: Parked) -> RecordOutcome | None:
        """Bring a record of a retry topic to its end.

        Where order is kept it waits in its lane, others of its key behind it; else it goes to the end of the topic, so
        that those behind it get their turn.
        """
        record, rounds, tries = delivered.record, attempt_of(delivered.record), tries_of(delivered.record)
        wait = min(due_of(record) / 1000 - self._clock(), LONGEST_DELAY)
        while await self.waiting.due(record, wait, closing):
            # A record that has had rounds in its place tells of them as one that was written anew for each.
            again = replace(delivered, record=with_attempt(record, rounds))
            async with self._turns.of(self._turn(record)):
                failure = await self._tries.round(again, closing, self._puts_off_after)
            if failure is None:
                return self._handled(delivered)
            if failure is CLOSING:
                return None
            tries += failure.tries
            failure = replace(failure, tries=tries)
            if not failure.counts and failure.pause is not None:
                if not self._keeps_order:
                    return await self._aside.until(record, failure, failure.pause, closing, parked)
                wait = failure.pause
                continue
            rounds += 1
            delay = self._delay(record, failure, rounds)
            # What brings the consumer to its end a second time would do so to each process that comes.
            if delay is None or (self._tries.full and failure.runs_on):
                return await self._aside.bury(record, failure, closing)
            if not self._keeps_order:
                return await self._aside.later(
                    record, failure, rounds=rounds, delay=delay, closing=closing, parked=parked
                )
            self._metrics.retries[RetryKind.LATER].inc()
            wait = delay
        return None

    def _turn(self, record: StoredRecord) -> Turn | None:
        """Return whose turn a record needs; with order given up a key has none."""
        if not self._keeps_order or record.key is None:
            return None
        return self._routes.of(record.topic).origin.name, record.partition, record.key

    def _delay(self, record: StoredRecord, failure: Failure, rounds: int) -> float | None:
        """Return the seconds until the next round; None where there is none.

        What has been in a retry topic for half of the time that the topic keeps it waits no more: it must get to the
        dead letters, with those behind it, before the topic drops it.
        """
        if failure.hopeless or rounds > len(self._delays):
            return None
        kept = self._routes.of(record.topic).retry.retention_ms
        aged = self._routes.is_retry(record.topic) and self._clock() * 1000 - record.timestamp
        if kept is not None and aged > kept / 2:
            return None
        return self._delays[rounds - 1]

    def _handled(self, delivered: Delivered) -> RecordOutcome:
        received = to_millis(delivered.event.received_at) / 1000
        self._metrics.age.observe(max(0.0, self._clock() - received))
        self._aside.gate.success()
        return RecordOutcome.HANDLED


def _is_unknown(record: StoredRecord) -> bool:
    """Tell whether the record says that it is of a type which this version does not know."""
    kind = record.text_header("ce_type")
    return bool(kind and record.text_header("ce_id")) and kind not in _KNOWN_TYPES
