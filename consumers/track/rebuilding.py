"""The table out of the topics: states from the compacted topic, and lives from what was told.

Both only merge, so nothing goes back, and both can be run beside track itself and again at any time. What a tombstone
took is not brought back, neither while the log has not compacted it away nor when the tombstone itself is gone, nor
where it is written meanwhile.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from broker.log import Log, Partition
from consumers.track.consumer import Tracker
from consumers.track.places import EventNote, Place, Sighting, sighting_of
from consumers.track.states import StateRow, key_of, place_of, row_of
from schemas.codec import CodecError
from schemas.envelope import Delivered, read_event
from schemas.events import StateChanged
from schemas.records import StoredRecord
from schemas.topics import DELIVERY, RESULTS, STATES, Topic

_BATCH = 500

_MOST_BEHIND = 10_000
"""Places whose last record may be to come: of more some are published too often, which does no harm."""


@dataclass(slots=True)
class Rebuilt:
    """What was read: records, those that could not be, the rows that were written, and those that were published."""

    read: int = 0
    unreadable: int = 0
    changed: int = 0
    published: int = 0


async def rebuild_states(log: Log, tracker: Tracker, tell: Callable[[Rebuilt], None]) -> Rebuilt:
    """Merge every state of the compacted topic into the table, and publish where its last record says otherwise.

    It does where track has lost its table and gone on: then a late event was the first that it knew. Raises LogError,
    StateError.
    """
    rebuilt = Rebuilt()
    ends = {partition: (await log.bounds(partition)).end for partition in await log.partitions(STATES.name)}
    taken = await _tombstones(log)
    behind = set[Place]()
    async for batch in _batches(log, STATES, taken.before):
        rows = _rows(batch, rebuilt)
        now, changed = await tracker.merge(rows)
        rebuilt.changed += len(changed)
        # A record that another follows is behind too, until that one is read: mostly soon.
        last = {row.place: row for row in rows}
        behind -= last.keys()
        behind |= {place for place, row in last.items() if row != now[place]}
        if len(behind) > _MOST_BEHIND:
            behind -= await _forgotten(log, tracker, ends)
            await _publish(tracker, behind, rebuilt)
        tell(rebuilt)
    behind -= await _forgotten(log, tracker, ends)
    await _publish(tracker, behind, rebuilt)
    return rebuilt


async def rebuild_lives(log: Log, tracker: Tracker, tell: Callable[[Rebuilt], None]) -> Rebuilt:
    """Note every event that the log still has, as track itself does; states that they change are published.

    Only of messages that have a state, so the states come first: one without was erased, and its tombstone may be gone
    by now, or track has not come to it. Raises LogError, StateError.
    """
    rebuilt = Rebuilt()
    taken = await _tombstones(log)
    for topic in (DELIVERY, RESULTS):
        async for batch in _batches(log, topic):
            found: list[Sighting] = []
            for delivered in _events(batch, rebuilt):
                sighting = sighting_of(delivered.event, delivered.envelope)
                if sighting is None or delivered.envelope.replay_id is not None or taken.took(sighting.note):
                    continue
                found.append(sighting)
            rebuilt.changed += len((await tracker.note_known(found)).changed)
            tell(rebuilt)
    return rebuilt


async def _forgotten(log: Log, tracker: Tracker, ends: Mapping[Partition, int]) -> AbstractSet[Place]:
    """Delete what was merged of those who were erased since, which is what the topic tells from `ends` on.

    Whoever is erased after this look has their rows deleted by that, as the tombstones are written first.
    """
    bare = set[bytes]()
    for partition, end in ends.items():
        async for record in log.read(partition, end, (await log.bounds(partition)).end):
            (bare.add if record.value is None else bare.discard)(record.key or b"")
    places = frozenset(place for key in bare if (place := place_of(key)) is not None)
    await tracker.forget(places)
    return places


async def _publish(tracker: Tracker, behind: set[Place], rebuilt: Rebuilt) -> None:
    places = sorted(behind)
    behind.clear()
    rebuilt.published += len(places)
    for start in range(0, len(places), _BATCH):
        await tracker.publish_places(places[start : start + _BATCH])


def _rows(batch: Sequence[StoredRecord], rebuilt: Rebuilt) -> Sequence[StateRow]:
    events = (delivered.event for delivered in _events(batch, rebuilt))
    rows = (row_of(event) for event in events if isinstance(event, StateChanged))
    return [row for row in rows if row is not None]


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

    last: Mapping[bytes, StoredRecord]
    bare: frozenset[bytes]

    def before(self, record: StoredRecord) -> bool:
        """Tell whether the record is a tombstone, or stands before one of its key."""
        tombstone = self.last.get(record.key or b"")
        return tombstone is not None and record.offset <= tombstone.offset

    def took(self, note: EventNote) -> bool:
        """Tell whether what was told is forgotten: it came before the tombstone, or that is the topic's last word."""
        key = key_of(note.place)
        tombstone = self.last.get(key)
        return tombstone is not None and (key in self.bare or note.received_ms <= tombstone.timestamp)


async def _tombstones(log: Log) -> _Taken:
    last: dict[bytes, StoredRecord] = {}
    bare: set[bytes] = set()
    async for batch in _batches(log, STATES):
        for record in batch:
            key = record.key or b""
            if record.value is None:
                last[key] = record
                bare.add(key)
            else:
                bare.discard(key)
    return _Taken(last, frozenset(bare))


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
