"""The table out of the topics: states from the compacted topic, and lives from what was told.

Both only merge, so nothing goes back, and both can be run beside track itself and again at any time. What a tombstone
took is not brought back, also where the log has not compacted it away yet.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from broker.log import Log
from consumers.state.database import Database
from consumers.track import table
from consumers.track.consumer import Tracker
from consumers.track.places import Place, Sighting, sighting_of
from consumers.track.states import StateRow, key_of, row_of
from schemas.codec import CodecError
from schemas.envelope import Delivered, read_event
from schemas.events import StateChanged
from schemas.records import StoredRecord
from schemas.topics import DELIVERY, RESULTS, STATES, Topic

_BATCH = 500


@dataclass(slots=True)
class Rebuilt:
    """What was read: records, those that could not be, and the rows that were written."""

    read: int = 0
    unreadable: int = 0
    changed: int = 0


async def rebuild_states(log: Log, database: Database, tell: Callable[[Rebuilt], None]) -> Rebuilt:
    """Merge every state of the compacted topic into the table. Raises LogError, StateError."""
    rebuilt = Rebuilt()
    taken = await _tombstones(log)
    async for batch in _batches(log, STATES, taken.before):
        rows: dict[object, StateRow] = {}
        for delivered in _events(batch, rebuilt):
            row = row_of(delivered.event) if isinstance(delivered.event, StateChanged) else None
            # Of a key the last record holds, as for every reader of the topic.
            rows |= {} if row is None else {row.place: row}
        told = {row.place: row for row in rows.values()}
        _, changed = await database.run(partial(table.merge, told=told))
        rebuilt.changed += len(changed)
        tell(rebuilt)
    return rebuilt


async def rebuild_lives(log: Log, tracker: Tracker, tell: Callable[[Rebuilt], None]) -> Rebuilt:
    """Note every event that the log still has, as track itself does; states that they change are published.

    Raises LogError, StateError.
    """
    rebuilt = Rebuilt()
    taken = await _tombstones(log)
    for topic in (DELIVERY, RESULTS):
        async for batch in _batches(log, topic):
            found: list[Sighting] = []
            for delivered in _events(batch, rebuilt):
                sighting = sighting_of(delivered.event, delivered.envelope)
                if sighting is None or delivered.envelope.replay_id is not None or taken.last(sighting.note.place):
                    continue
                found.append(sighting)
            rebuilt.changed += len((await tracker.note(found)).changed)
            tell(rebuilt)
    return rebuilt


def _events(batch: Sequence[StoredRecord], rebuilt: Rebuilt) -> Sequence[Delivered]:
    found: list[Delivered] = []
    for record in batch:
        rebuilt.read += 1
        try:
            found += () if record.value is None else (read_event(record),)
        except CodecError:
            rebuilt.unreadable += 1
    return found


@dataclass(frozen=True, slots=True)
class _Taken:
    """The last tombstone of each key of the states topic, and the keys that have no record behind it.

    There are few: the log drops tombstones after a day.
    """

    offsets: Mapping[bytes, int]
    bare: frozenset[bytes]

    def before(self, record: StoredRecord) -> bool:
        """Tell whether the record is a tombstone, or stands before one of its key."""
        return record.offset <= self.offsets.get(record.key or b"", -1)

    def last(self, place: Place) -> bool:
        """Tell whether the topic's last word of a place is that it is to be forgotten."""
        return key_of(place) in self.bare


async def _tombstones(log: Log) -> _Taken:
    offsets: dict[bytes, int] = {}
    bare: set[bytes] = set()
    async for batch in _batches(log, STATES):
        for record in batch:
            key = record.key or b""
            if record.value is None:
                offsets[key] = record.offset
                bare.add(key)
            else:
                bare.discard(key)
    return _Taken(offsets, frozenset(bare))


def _none(_record: StoredRecord) -> bool:
    return False


async def _batches(
    log: Log, topic: Topic, passed_over: Callable[[StoredRecord], bool] = _none
) -> AsyncIterator[Sequence[StoredRecord]]:
    """Yield all records that a topic has now, partition by partition."""
    for partition in await log.partitions(topic.name):
        bounds = await log.bounds(partition)
        batch: list[StoredRecord] = []
        async for record in log.read(partition, bounds.first, bounds.end):
            if passed_over(record):
                continue
            batch.append(record)
            if len(batch) == _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch
