"""Appending what must be stored before a record counts as done: for as long as it takes, or until the lane closes."""

import asyncio

import structlog

from broker.log import LogError, LogUnavailableError, Position, RecordRefusedError
from consumers.loop.parts import LoopParts
from consumers.loop.waiting import Waiting
from schemas.records import Record, StoredRecord

_log = structlog.get_logger()
_MARGIN = 1.0


class Store:
    """Appends for one consumer."""

    def __init__(self, parts: LoopParts, waiting: Waiting) -> None:
        self._log = parts.log
        self._tempo = parts.tempo
        self._consumer = parts.consumer.name
        self._waiting = waiting

    async def put(self, wanted: Record, record: StoredRecord, trouble: str, closing: asyncio.Event) -> Position | None:
        """Store what is to be kept of `record`; None where it is to be left because `closing` is set.

        `trouble` is the word for a log that does not take it. Raises RecordRefusedError where it never will.
        """
        tries = 0
        while True:
            try:
                return await self._append(wanted)
            except RecordRefusedError:
                raise
            except LogError as error:
                tries += 1
                place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
                _log.warning(trouble, consumer=self._consumer, **place, error=type(error).__name__)
            if not await self._waiting.pause(record, trouble, self._tempo.pause(tries), closing):
                return None

    async def _append(self, wanted: Record) -> Position:
        try:
            # The log keeps to its deadline by itself; this one is for the day on which it does not.
            async with asyncio.timeout(self._tempo.log_wait + _MARGIN):
                (position,) = await self._log.append([wanted], self._tempo.log_wait)
        except TimeoutError as error:
            raise LogUnavailableError("an append took too long") from error
        return position
