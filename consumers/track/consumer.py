"""Track: delivery news in, one state for each message and recipient out: a table, and the compacted topic.

**Table and topic agree**, whatever dies between the two. The table is written first, then the topic, then the table is
read again; what it says by then, if it is something else, is written to the topic too. Only after that is the event
done. So the last record of a key says what the table says: whoever wrote it saw so afterwards, or died before; then its
event was not done, comes again, is known already, and its row is written once more. Two members that meet in a
rebalance, or a late result beside a report, are no exception: the last writer of the topic looks again.

A row that was erased meanwhile is gone by then, and a tombstone follows its record.

What is written is the row as it is, never the event: an older event that comes late changes nothing and writes nothing.

**Speed**: events of different messages are noted together (`state.batching`): one transaction, one append.
"""

from collections import Counter as Tally
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial

import structlog

from broker.log import Log
from consumers.catalogue import TRACK
from consumers.consumer import Consumer, TryLater
from consumers.metrics import ConsumerMetrics, TrackOutcome
from consumers.state.batching import Batcher
from consumers.state.database import Database, StateError
from consumers.track import table
from consumers.track.places import Place, Sighting, sighting_of
from consumers.track.settings import TrackSettings
from consumers.track.states import StateRow, joined, record_of, tombstone_of
from schemas.envelope import Delivered

APPEND_WAIT = 10.0
"""Seconds that the states of a batch may take to be stored."""

STATE_PAUSE = 5.0
LOOKS = 5
"""How often the table is looked at again in one batch: others may change it for as long as they like."""

_log = structlog.get_logger(__name__)


class Tracker:
    """Notes sightings and publishes the states that they change."""

    def __init__(self, settings: TrackSettings, database: Database, log: Log, metrics: ConsumerMetrics) -> None:
        """Use the database, which somebody else opens and closes."""
        self.batch = settings.batch
        self._database = database
        self._log = log
        self._counters = metrics.tracked()
        self._batcher = Batcher(self.take, most=settings.batch)

    async def handle(self, delivered: Delivered) -> None:
        """Note one event, together with others. Raises TryLater, LogError; the event is then not done."""
        sighting = sighting_of(delivered.event, delivered.envelope)
        if sighting is None:
            self._counters[TrackOutcome.NO_MESSAGE].inc()
            return
        try:
            await self._batcher.do(sighting)
        except StateError as error:
            _log.error("state_failed", consumer=TRACK.name, error=str(error))
            raise TryLater(STATE_PAUSE, "state_unavailable") from error

    async def take(self, sightings: Sequence[Sighting]) -> Sequence[None]:
        """Note a batch and publish what it changed. Raises StateError, LogError."""
        noted = await self.note(sightings)
        for outcome, count in _tally(sightings, noted).items():
            self._counters[outcome].inc(count)
        return [None] * len(sightings)

    async def note(self, sightings: Sequence[Sighting]) -> table.Noted:
        """Do the same, count nothing, and return what changed. Raises StateError, LogError."""
        noted = await self._database.run(lambda connection: table.note(connection, sightings))
        await self.publish(noted.to_publish)
        return noted

    async def note_known(self, sightings: Sequence[Sighting]) -> table.Noted:
        """Do the same with the events alone whose messages have states. Raises StateError, LogError."""
        noted = await self._database.run(lambda connection: table.note_known(connection, sightings))
        await self.publish(noted.to_publish)
        return noted

    async def merge(self, rows: Iterable[StateRow]) -> tuple[Mapping[Place, StateRow], frozenset[Place]]:
        """Merge rows that were published into the table; return what they are now, and which changed.

        Publishes nothing. Raises StateError.
        """
        told = table.together(rows, joined)
        return await self._database.run(partial(table.merge, told=told, join=joined))

    async def forget(self, places: Collection[Place]) -> None:
        """Delete the rows of these places, and publish nothing. Raises StateError."""
        await self._database.run(partial(table.forget, places=places))

    async def publish_places(self, places: Collection[Place]) -> None:
        """Write the rows of these places to the topic, as they are now. Raises StateError, LogError."""
        await self.publish(await self._database.run(partial(table.rows_of, places=places)))

    async def publish(self, rows: Mapping[Place, StateRow]) -> None:
        """Write rows to the topic until it says what the table says. Raises StateError, LogError."""
        for _ in range(LOOKS):
            if not rows:
                return
            await self._log.append([record_of(row) for row in rows.values()], APPEND_WAIT)
            now = await self._database.run(partial(table.rows_of, places=tuple(rows)))
            # A row that is gone was erased, or tidied away, while its record was written.
            gone = [tombstone_of(row) for place, row in rows.items() if place not in now]
            if gone:
                await self._log.append(gone, APPEND_WAIT)
            rows = {place: row for place, row in now.items() if row != rows[place]}
        if rows:
            raise StateError("others change the same states too quickly")

    async def close(self) -> None:
        """Give up what is under way; it comes again."""
        await self._batcher.close()


def track(tracker: Tracker) -> Consumer:
    """Return the consumer that keeps the states."""
    # A batch that is to fill needs as many events in hand.
    return Consumer(TRACK.name, TRACK.topics, tracker.handle, has_effects=True, concurrency=2 * tracker.batch)


def _tally(sightings: Sequence[Sighting], noted: table.Noted) -> Mapping[TrackOutcome, int]:
    found: Tally[TrackOutcome] = Tally()
    for sighting in sightings:
        if sighting.note.key in noted.repeated:
            found[TrackOutcome.REPEATED] += 1
        elif noted.changed.isdisjoint(sighting.standings):
            found[TrackOutcome.UNCHANGED] += 1
        else:
            found[TrackOutcome.CHANGED] += 1
    return found
