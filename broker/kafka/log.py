"""The log on Apache Kafka."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence

from broker.kafka.alone import Alone
from broker.kafka.connection import Connection, Names, connect_with
from broker.kafka.lookup import Lookup
from broker.kafka.marking import Mark
from broker.kafka.publisher import Publisher
from broker.kafka.subscription import KafkaSubscription
from broker.kafka.topics import Topics
from broker.log import (
    Bounds,
    Holder,
    LogState,
    LogUnavailableError,
    Partition,
    PlannedTopic,
    Position,
    Revoked,
    TopicChange,
    TopicSpec,
)
from broker.settings import BrokerSettings
from schemas.records import Record, StoredRecord


class KafkaLog:
    """A `Log` on a cluster. Every call ends in time, whatever the cluster does.

    While the cluster is away `append` refuses at once and the log looks for it in the background; it becomes
    healthy by itself.
    """

    def __init__(self, settings: BrokerSettings, topics: Iterable[str] = ()) -> None:
        """Take the settings, and the topics to know before the log turns healthy; `start` opens."""
        self._settings = settings
        self._names = Names(settings.topic_prefix)
        self._publisher = Publisher(self._names, topics)
        self._connection: Connection | None = None
        self._lookup: Lookup | None = None
        self._members = set[KafkaSubscription]()
        self._alone = dict[str, Alone]()

    @property
    def state(self) -> LogState:
        """What the cluster has shown last: see `broker.kafka.evidence`."""
        return self._publisher.verdict.state

    @property
    def reason(self) -> str:
        """Why it is not healthy, in words."""
        return self._publisher.verdict.reason

    async def start(self) -> None:
        """Begin to connect, in the background: the log is starting then. Kafka may be away.

        Raises LogError for settings that cannot work.
        """
        self._connection = await asyncio.to_thread(connect_with, self._settings)
        self._lookup = Lookup(self._connection, self._names)
        self._publisher.start(self._connection)

    async def settled(self, wait: float) -> LogState:
        """Return the state as soon as the cluster has shown one, after 3 s at most, or after `wait` seconds."""
        await self._publisher.settled(wait)
        return self.state

    async def stop(self) -> None:
        """Close everything, within about 6 s."""
        lookup, self._lookup, self._connection = self._lookup, None, None
        self._alone.clear()
        members, self._members = self._members, set()
        ending = [member.close() for member in members]
        if lookup is not None:
            ending.append(lookup.stop())
        await asyncio.gather(self._publisher.stop(), *ending)

    async def append(self, records: Sequence[Record], wait: float) -> Sequence[Position]:
        """Send the records together and wait until every copy that must have them has confirmed.

        Where one fails, others of the same append may be stored. Nothing is sent again here but a record that was
        refused in company: who appends is told LogUnavailableError, and appends all of it again under the same ids.
        After RecordRefusedError records may be stored out of their order in a partition, because those that shared a
        batch with the refused one are missing or came later.
        """
        return await self._publisher.append(records, wait) if records else []

    async def append_many(self, records: Sequence[Record], wait: float) -> Sequence[Position]:
        """Send the records of a drain in batches of our own, see `broker.kafka.bulk`, where there are many.

        An append beside it may overtake it: its batches queue behind an open one, which takes up what comes.
        """
        return await self._publisher.append(records, wait, many=True) if records else []

    async def subscribe(
        self, group: str, topics: Sequence[str], on_revoked: Revoked | None = None, *, holder: Holder | None = None
    ) -> KafkaSubscription:
        """Begin to join the group; the partitions come while the member polls."""
        lookup, connection = self._open()
        for topic in topics:
            if not await lookup.partitions(topic):
                raise LogUnavailableError(f"Kafka has no topic {topic} (hookline topics apply makes it)")
        self._members = {member for member in self._members if not member.closed}
        outer, alone, mark = self._names.outer(group), None, None
        if holder is not None:
            mark = Mark(lookup, outer, [self._names.outer(topic) for topic in topics], holder)
            alone = self._alone.setdefault(group, Alone(lookup, outer)) if holder.alone else None
        member = KafkaSubscription(connection, self._names, group, topics, on_revoked, alone, mark)
        self._members.add(member)
        try:
            await member.start()
        except BaseException:
            # Whoever is kept out comes again every few seconds, for as long as it takes.
            await member.close()
            raise
        return member

    async def partitions(self, topic: str) -> Sequence[Partition]:
        """Return the topic's partitions by number."""
        return await self._open()[0].partitions(topic)

    async def bounds(self, partition: Partition) -> Bounds:
        """Return the oldest and the next offset."""
        return await self._open()[0].bounds(partition)

    async def offset_at(self, partition: Partition, timestamp: int) -> int:
        """Return the first offset whose record is not older, else the end."""
        return await self._open()[0].offset_at(partition, timestamp)

    def read(self, partition: Partition, offset: int, end: int) -> AsyncIterator[StoredRecord]:
        """Yield the records of a range."""
        return self._open()[0].read(partition, offset, end)

    async def committed(self, group: str, partition: Partition) -> int | None:
        """Return the group's committed offset."""
        return await self._open()[0].committed(group, partition)

    async def plan_topics(self, specs: Sequence[TopicSpec]) -> Sequence[PlannedTopic]:
        """Compare what is wanted with what the cluster has."""
        return await self._topics().plan(specs)

    async def apply_topics(self, plan: Sequence[PlannedTopic]) -> None:
        """Create and alter as planned. Returns when every new partition has a leader that answers."""
        await self._topics().apply(plan)
        lookup, _ = self._open()
        for line in plan:
            if line.change is TopicChange.CREATE:
                await lookup.leaders([Partition(line.spec.name, number) for number in range(line.spec.partitions)])

    def _topics(self) -> Topics:
        return Topics(self._open()[0].admin, self._names, self._settings.kafka)

    def _open(self) -> tuple[Lookup, Connection]:
        if self._lookup is None or self._connection is None:
            raise LogUnavailableError("the log is not open")
        return self._lookup, self._connection
