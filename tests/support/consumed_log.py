"""An in-memory log for consumers, whose troubles a test switches on."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence

from broker.log import (
    AnotherHolderError,
    AnotherMemberError,
    Bounds,
    FencedError,
    Holder,
    LogState,
    LogUnavailableError,
    Partition,
    PlannedTopic,
    Position,
    RecordRefusedError,
    Revoked,
    TopicChange,
    TopicSpec,
)
from broker.murmur2 import partition_of
from schemas.records import Record, StoredRecord


class MemoryLog:
    """A log in memory. `away` makes every call fail, `refuse_topics` appends to some topics alone.

    `hang` makes commits and polls never come back. A `tail` of offsets without records ends each partition.
    An `occupied` one has another member already, for those that want to be the only one; `holder` is what was committed
    with. Of `narrow` topics it has so
    many partitions, and refuses records for others as the logs do.
    """

    def __init__(self, partitions: int = 1) -> None:
        self.count = partitions
        self.records: dict[Partition, list[StoredRecord]] = {}
        self.offsets: dict[tuple[str, Partition], int] = {}
        self.commits: list[dict[Partition, int]] = []
        self.members: list[MemorySubscription] = []
        self.joined = 0
        self.away = False
        self.hang = False
        self.tail = 0
        self.occupied = False
        self.holder = ""
        self.fence_next_commit = False
        self.refuse_topics: set[str] = set()
        self.narrow: dict[str, int] = {}
        self.grown = asyncio.Event()

    @property
    def state(self) -> LogState:
        """What the test has set."""
        return LogState.AWAY if self.away else LogState.HEALTHY

    @property
    def reason(self) -> str:
        """Why it is not healthy."""
        return "away" if self.away else ""

    async def settled(self, wait: float) -> LogState:
        """Return the state."""
        assert wait > 0
        await asyncio.sleep(0)
        return self.state

    def check(self) -> None:
        """Fail as the test asks."""
        if self.away:
            raise LogUnavailableError("away")

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def append(self, records: Sequence[Record], wait: float) -> Sequence[Position]:
        """Store the records."""
        assert wait > 0
        await asyncio.sleep(0)
        self.check()
        if any(record.topic in self.refuse_topics for record in records):
            raise LogUnavailableError("this topic is away")
        if any((record.partition or 0) >= self.narrow.get(record.topic, sys.maxsize) for record in records):
            raise RecordRefusedError("there is no such partition")
        return [self.put(record) for record in records]

    async def append_many(self, records: Sequence[Record], wait: float) -> Sequence[Position]:
        """Store them as `append` does."""
        return await self.append(records, wait)

    def put(self, record: Record) -> Position:
        """Store one record at once."""
        count = self.narrow.get(record.topic, self.count)
        number = partition_of(record.key, count) if record.key is not None and count else 0
        partition = Partition(record.topic, number if record.partition is None else record.partition)
        stored = self.records.setdefault(partition, [])
        stored.append(
            StoredRecord(
                partition.topic,
                partition.number,
                len(stored),
                record.timestamp,
                record.key,
                record.value,
                record.headers,
            )
        )
        self.grown.set()
        return Position(partition, len(stored) - 1)

    async def subscribe(
        self, group: str, topics: Sequence[str], on_revoked: Revoked | None = None, *, holder: Holder | None = None
    ) -> "MemorySubscription":
        """Join; the first member of all reads everything until it is told otherwise."""
        await asyncio.sleep(0)
        self.check()
        if holder and holder.alone and self.occupied:
            raise AnotherMemberError("another is there")
        if holder and self.holder not in {"", holder.name, holder.heir_of}:
            raise AnotherHolderError("another has read it")
        assigned = {Partition(topic, number) for topic in topics for number in range(self.count)}
        member = MemorySubscription(self, group, frozenset(assigned), on_revoked)
        self.members.append(member)
        self.joined += 1
        return member

    async def partitions(self, topic: str) -> Sequence[Partition]:
        """Return all partitions."""
        return [Partition(topic, number) for number in range(self.count)]

    async def bounds(self, partition: Partition) -> Bounds:
        """Return where the partition begins and ends."""
        self.check()
        return Bounds(0, len(self.records.get(partition, ())) + self.tail)

    async def offset_at(self, partition: Partition, timestamp: int) -> int:
        """Not used here."""
        raise NotImplementedError

    async def read(self, partition: Partition, offset: int, end: int) -> AsyncIterator[StoredRecord]:
        """Yield a range of records."""
        for stored in self.records.get(partition, ())[offset:end]:
            yield stored

    async def committed(self, group: str, partition: Partition) -> int | None:
        """Return the committed offset."""
        return self.offsets.get((group, partition))

    async def plan_topics(self, specs: Sequence[TopicSpec]) -> Sequence[PlannedTopic]:
        """Every topic is as it should be."""
        return [PlannedTopic(spec, TopicChange.KEEP) for spec in specs]

    async def apply_topics(self, plan: Sequence[PlannedTopic]) -> None:
        """Nothing to do."""

    def on(self, topic: str) -> list[StoredRecord]:
        """Return all records of a topic."""
        return [stored for partition, kept in self.records.items() if partition.topic == topic for stored in kept]

    def done(self, group: str) -> int:
        """Return how many records the group has committed."""
        return sum(offset for (name, _), offset in self.offsets.items() if name == group)


class MemorySubscription:
    """A member of a group of the in-memory log. A `deaf` one gives nothing, as a client that has lost its fetches."""

    def __init__(self, log: MemoryLog, group: str, assigned: frozenset[Partition], on_revoked: Revoked | None) -> None:
        self.log = log
        self.group = group
        self.assignment = assigned
        self.closed = False
        self.certain = True
        self.read = 0
        self.polls = 0
        self.paused: set[Partition] = set()
        self.deaf = False
        self._on_revoked = on_revoked
        self._positions = {partition: log.offsets.get((group, partition), 0) for partition in assigned}

    async def poll(self, max_records: int, wait: float) -> Sequence[StoredRecord]:
        """Return new records, or none after `wait` seconds."""
        self.polls += 1
        await self._hang_if_asked()
        self.log.check()
        found = self._next(max_records)
        if not found:
            self.log.grown.clear()
            try:
                async with asyncio.timeout(wait):
                    await self.log.grown.wait()
            except TimeoutError:
                self.log.check()
                return []
            found = self._next(max_records)
        return found

    def _next(self, most: int) -> list[StoredRecord]:
        found: list[StoredRecord] = []
        for partition in sorted(self.assignment - self.paused) if not self.deaf else ():
            at = self._positions[partition]
            part = self.log.records.get(partition, [])[at : at + most - len(found)]
            self._positions[partition] = at + len(part)
            self.read += len(part)
            found += part
        return found

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store the offsets."""
        await self._hang_if_asked()
        self.log.check()
        if self.log.fence_next_commit:
            self.log.fence_next_commit = False
            raise FencedError("another member owns it")
        if not offsets.keys() <= self.assignment:
            raise FencedError("not assigned")
        self.log.commits.append(dict(offsets))
        for partition, offset in offsets.items():
            self.log.offsets[self.group, partition] = offset

    async def revoke(self, partitions: frozenset[Partition]) -> None:
        """Take partitions away, as a rebalance does."""
        if self._on_revoked is not None:
            await self._on_revoked(partitions)
        self.assignment -= partitions
        self.paused -= partitions

    def give(self, partitions: frozenset[Partition]) -> None:
        """Give partitions, read from what is committed."""
        self.assignment |= partitions
        self._positions |= {partition: self.log.offsets.get((self.group, partition), 0) for partition in partitions}
        self.log.grown.set()

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from `offset`."""
        assert partition in self.assignment
        self._positions[partition] = offset

    def pause(self, partition: Partition) -> None:
        """Give no more of the partition."""
        assert partition in self.assignment
        self.paused.add(partition)

    def resume(self, partition: Partition) -> None:
        """Give its records again."""
        assert partition in self.assignment
        self.paused.discard(partition)
        self.log.grown.set()

    async def close(self) -> None:
        """Leave."""
        await self._hang_if_asked()
        self.closed = True

    async def _hang_if_asked(self) -> None:
        if self.log.hang:
            await asyncio.Event().wait()
