"""The embedded log, put together: see the package's docstring for the design."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial

import structlog

from broker.background import keep_going
from broker.embedded import appending, reading, retention, topics
from broker.embedded.changes import Changes
from broker.embedded.claim import IngestClaim
from broker.embedded.lane import Reader
from broker.embedded.lease import Desk
from broker.embedded.proving import keep_proving
from broker.embedded.schema import Store
from broker.embedded.subscription import EmbeddedSubscription
from broker.embedded.writer import Writer
from broker.log import (
    Bounds,
    Holder,
    LogError,
    LogState,
    LogUnavailableError,
    Partition,
    PlannedTopic,
    Position,
    Revoked,
    TopicSpec,
)
from broker.settings import BrokerSettings
from schemas.records import Record, StoredRecord
from schemas.times import Clock

_WAIT = 10.0
_UPKEEP_EVERY = 30.0
_READS = 1024

_log = structlog.get_logger(__name__)


class EmbeddedLog:
    """A log in one SQLite file. With `ingesting` it claims the file's one place for ingest and does its upkeep."""

    def __init__(self, settings: BrokerSettings, *, ingesting: bool, clock: Clock) -> None:
        """Take the settings; nothing is opened yet. Raises LogError for a URL that names no file."""
        self.store = Store.from_url(settings.url)
        self._settings = settings.embedded
        self._clock = clock
        self._claim = IngestClaim(self.store.path) if ingesting else None
        self._changes = Changes()
        self._writer = Writer(self.store, self._changes.notice)
        self._reader = Reader("hookline-log-reader", self.store, max_jobs=_READS, max_bytes=_READS)
        self._members: list[EmbeddedSubscription] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._appended = 0

    @property
    def state(self) -> LogState:
        """What the log can do now: how the last transaction ended. While idle, the ingesting process proves it anew."""
        return self._writer.state

    @property
    def reason(self) -> str:
        """Why it is not healthy, in words."""
        return self._writer.reason

    async def settled(self, wait: float) -> LogState:
        """Return the state at once: the start has waited for the first transaction."""
        del wait
        return self.state

    @property
    def transactions(self) -> int:
        """How many transactions this log has committed; fewer than appends, under load."""
        return self._writer.transactions

    async def start(self) -> None:
        """Open the file, claim the place for ingest, begin the upkeep.

        Raises LogError for a path, a file or a second ingest process that waiting cannot mend. With the file
        locked or the disk full it returns all the same, and `state` tells.
        """
        await asyncio.to_thread(self._prepare)
        self._writer.start()
        self._reader.start()
        try:
            await self._writer.submit(lambda _: None, _WAIT)
        except LogUnavailableError as error:
            _log.warning("log_away_at_start", reason=str(error))
        except LogError:
            await self.stop()
            raise
        self._own("log watch", lambda: self._changes.watch(self._reader))
        if self._claim is not None:
            self._own("log upkeep", self._upkeep)
            self._own("log proof", lambda: keep_proving(self._writer))

    def _own(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.create_task(keep_going(name, work), name=name))

    def _prepare(self) -> None:
        self.store.make_folder()
        if self._claim is not None:
            self._claim.take()

    async def stop(self) -> None:
        """Close the members, finish queued writes, close the file. Within a few seconds; twice is as good as once."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await asyncio.gather(*(member.close() for member in self._members))
        self._members.clear()
        await asyncio.gather(self._writer.stop(), self._reader.stop())
        if self._claim is not None:
            await asyncio.to_thread(self._claim.release)

    async def append(self, records: Sequence[Record], wait: float) -> Sequence[Position]:
        """Store all the records or none, and return their places after the fsync.

        A topic that does not exist is made, with 12 partitions. Raises LogUnavailableError after `wait` seconds
        or when the queue is full, RecordRefusedError for a record that can never be stored.
        """
        if not records:
            return []
        turn, self._appended = self._appended, self._appended + len(records)
        work = partial(appending.append_records, records=records, turn=turn)
        return await self._writer.submit(work, wait, sum(record.size for record in records))

    async def append_many(self, records: Sequence[Record], wait: float) -> Sequence[Position]:
        """Store them as `append` does."""
        return await self.append(records, wait)

    async def subscribe(
        self, group: str, topics: Sequence[str], on_revoked: Revoked | None = None, *, holder: Holder | None = None
    ) -> EmbeddedSubscription:
        """Join the group, whose partitions one member has at a time in any case. Raises LogUnavailableError."""
        del holder
        desk = Desk(self._writer, self._reader, self._changes, self._settings.session_timeout)
        member = EmbeddedSubscription(desk, group, topics, on_revoked)
        await member.start()
        self._members = [*(one for one in self._members if not one.is_closed), member]
        return member

    async def partitions(self, topic: str) -> Sequence[Partition]:
        """Return the topic's partitions, none where there is no such topic. Raises LogUnavailableError."""
        found = await self._reader.submit(partial(reading.places, topics=[topic]), _WAIT)
        return [place.partition for place in found]

    async def bounds(self, partition: Partition) -> Bounds:
        """Return the oldest and the next offset. Raises LogUnavailableError."""
        return await self._reader.submit(partial(reading.bounds, partition=partition), _WAIT)

    async def offset_at(self, partition: Partition, timestamp: int) -> int:
        """Return the first offset whose record is not older than `timestamp` ms, else the end.

        Raises LogUnavailableError.
        """
        work = partial(reading.offset_at, partition=partition, timestamp=timestamp)
        return await self._reader.submit(work, _WAIT)

    async def read(self, partition: Partition, offset: int, end: int) -> AsyncIterator[StoredRecord]:
        """Yield the records from `offset` up to and without `end`, outside of any group; ends at the log's end.

        Raises LogUnavailableError.
        """
        while offset < end:
            work = partial(reading.page, partition=partition, offset=offset, end=end)
            records = await self._reader.submit(work, _WAIT)
            for record in records:
                yield record
            if not records:
                return
            offset = records[-1].offset + 1

    async def committed(self, group: str, partition: Partition) -> int | None:
        """Return the group's committed offset, None where it has none. Raises LogUnavailableError."""
        return await self._reader.submit(partial(reading.committed, group=group, partition=partition), _WAIT)

    async def plan_topics(self, specs: Sequence[TopicSpec]) -> Sequence[PlannedTopic]:
        """Return what has to happen so that the topics are as wanted. Raises LogUnavailableError."""
        return await self._reader.submit(partial(topics.plan, specs=specs), _WAIT)

    async def apply_topics(self, plan: Sequence[PlannedTopic]) -> None:
        """Create and alter as planned; a CONFLICT is left alone. Raises LogUnavailableError."""
        await self._writer.submit(partial(topics.apply, lines=plan), _WAIT)

    async def enforce_retention(self) -> int:
        """Do all upkeep that is due now and return how many records were taken in hand. Raises LogUnavailableError."""
        rules = retention.Rules(int(self._clock() * 1000), self._settings.max_bytes)
        done = 0
        for partition in await self._reader.submit(partial(retention.has_work, rules=rules), _WAIT):
            work = partial(retention.one_pass, partition=partition, rules=rules)
            while count := await self._writer.submit(work, _WAIT):
                done += count
        return done

    async def _upkeep(self) -> None:
        while True:
            try:
                done = await self.enforce_retention()
            except LogUnavailableError as error:
                _log.warning("retention_put_off", reason=str(error))
            else:
                if done:
                    _log.info("retention_done", records=done)
            await asyncio.sleep(_UPKEEP_EVERY)
