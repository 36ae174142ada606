"""The book of consents from its compacted topic, for a state that was lost.

Every statement is noted again; that changes nothing where the book has it, so it may run beside the consumer. What a
tombstone took is not brought back, also where the log has not compacted it away yet.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from broker.log import Log, Partition
from consumers.consent.book import ConsentBook
from consumers.consent.table import OneIdError
from consumers.state.database import StateValueError
from schemas.codec import CodecError
from schemas.envelope import read_event
from schemas.events import ConsentChanged
from schemas.records import StoredRecord
from schemas.topics import CONSENT


@dataclass(slots=True)
class Rebuilt:
    """How many records were noted, and how many were none that can be read."""

    noted: int = 0
    refused: int = 0


async def rebuild(log: Log, book: ConsentBook) -> Rebuilt:
    """Note every statement that the topic keeps. Raises LogUnavailableError, StateError."""
    told = Rebuilt()
    for partition in await log.partitions(CONSENT.name):
        bounds = await log.bounds(partition)
        taken = await _tombstones(log, partition, bounds.first, bounds.end)
        async for record in log.read(partition, bounds.first, bounds.end):
            if record.value is not None and record.offset > taken.get(record.key, -1):
                await _note(book, record, told)
    return told


async def _tombstones(log: Log, partition: Partition, first: int, end: int) -> dict[bytes | None, int]:
    """Return where the last tombstone of each key is. There are few: the log drops them after a day."""
    records: AsyncIterator[StoredRecord] = log.read(partition, first, end)
    return {record.key: record.offset async for record in records if record.value is None}


async def _note(book: ConsentBook, record: StoredRecord, told: Rebuilt) -> None:
    try:
        delivered = read_event(record)
        event = delivered.event
        if isinstance(event, ConsentChanged):
            await book.note(event, delivered.envelope.webhook_id)
            told.noted += 1
            return
    except (CodecError, OneIdError, StateValueError):
        pass
    told.refused += 1
