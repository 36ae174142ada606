"""The book of consents from its compacted topic, for a state that was lost.

Every statement is noted again; that changes nothing where the book has it, so it may run beside the consumer. Where the
topic's last word of a key is not the statement that counts, that one is published, as the consumer does: it has gone on
without its table, or died before it could. What a tombstone took is not brought back, also where the log has not
compacted it away yet.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from broker.log import Log, Partition
from consumers.consent.book import ConsentBook
from consumers.consent.publishing import corrections
from consumers.consent.table import OneIdError
from consumers.state.database import StateValueError
from schemas.codec import CodecError
from schemas.envelope import read_event
from schemas.events import ConsentChanged
from schemas.records import Record, StoredRecord
from schemas.topics import CONSENT

APPEND_WAIT = 10.0

_MOST_BEHIND = 10_000
"""Keys whose last record may be to come: of more some are published too often, which does no harm."""

_Behind = dict[bytes, tuple[Record, ...]]
"""What has to be published, by the key under which the topic says something else."""


@dataclass(slots=True)
class Rebuilt:
    """How many records were noted, how many were none that can be read, and how many keys were published anew."""

    noted: int = 0
    refused: int = 0
    published: int = 0


async def rebuild(log: Log, book: ConsentBook) -> Rebuilt:
    """Note every statement that the topic keeps. Raises LogError, StateError."""
    told = Rebuilt()
    for partition in await log.partitions(CONSENT.name):
        bounds = await log.bounds(partition)
        taken = await _tombstones(log, partition, bounds.first, bounds.end)
        behind: _Behind = {}
        async for record in log.read(partition, bounds.first, bounds.end):
            key = record.key or b""
            if record.value is None or record.offset <= taken.get(key, -1):
                continue
            behind.pop(key, None)
            if records := await _note(book, record, told):
                behind[key] = records
            if len(behind) > _MOST_BEHIND:
                await _publish(log, partition, bounds.end, behind, told)
        await _publish(log, partition, bounds.end, behind, told)
    return told


async def _publish(log: Log, partition: Partition, end: int, behind: _Behind, told: Rebuilt) -> None:
    """Publish what is behind, but for who was erased since, which is what the topic tells from `end` on."""
    erased = await _tombstones(log, partition, end, (await log.bounds(partition)).end)
    for key, records in behind.items():
        if key not in erased:
            await log.append(records, APPEND_WAIT)
            told.published += 1
    behind.clear()


async def _tombstones(log: Log, partition: Partition, first: int, end: int) -> dict[bytes, int]:
    """Return where the last tombstone of each key is. There are few: the log drops them after a day."""
    records: AsyncIterator[StoredRecord] = log.read(partition, first, end)
    return {record.key or b"": record.offset async for record in records if record.value is None}


async def _note(book: ConsentBook, record: StoredRecord, told: Rebuilt) -> tuple[Record, ...]:
    """Note what a record says; return what has to stand behind it."""
    try:
        delivered = read_event(record)
        event = delivered.event
        if isinstance(event, ConsentChanged):
            counting = await book.note(event, delivered.envelope.webhook_id)
            told.noted += 1
            return corrections(delivered, event, counting)
    except (CodecError, OneIdError, StateValueError):
        pass
    told.refused += 1
    return ()
