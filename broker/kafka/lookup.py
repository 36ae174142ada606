"""Questions about places in the log, and reading a range, outside of any group."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaTimeoutError, for_code

from broker.kafka.connection import Connection, Names
from broker.kafka.ending import end_admin, end_consumer
from broker.kafka.errors import plainly
from broker.kafka.kept import Kept
from broker.kafka.records import stored_record
from broker.log import Bounds, LogUnavailableError, Partition
from schemas.records import StoredRecord

LOOKUP_SECONDS = 10.0
READ_SECONDS = 10.0
LEADERS_SECONDS = 30.0
FETCH_BYTES = 8 * 1024 * 1024
PARTITION_FETCH_BYTES = 1024 * 1024
UNKNOWN_TOPIC = 3


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A member of a group as Kafka describes it, with the address that it comes from."""

    id: str
    host: str


def new_reader(connection: Connection) -> AIOKafkaConsumer:
    """Return a consumer without a group, not started."""
    return AIOKafkaConsumer(
        **connection.arguments(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        fetch_max_bytes=FETCH_BYTES,
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        request_timeout_ms=5_000,
    )


def new_admin(connection: Connection) -> AIOKafkaAdminClient:
    """Return an administrator's client, not started."""
    return AIOKafkaAdminClient(**connection.arguments(), request_timeout_ms=5_000)


class Lookup:
    """Answers with two kept clients, so that a question costs no connection."""

    def __init__(self, connection: Connection, names: Names) -> None:
        self.admin = Kept(connection, new_admin, end_admin)
        self._reader = Kept(connection, new_reader, end_consumer)
        self._connection = connection
        self._names = names

    async def stop(self) -> None:
        """Close both clients."""
        await asyncio.gather(self.admin.stop(), self._reader.stop())

    async def partitions(self, topic: str) -> list[Partition]:
        """Return the topic's partitions by number, none where there is no such topic."""
        outer = self._names.outer(topic)

        async def described(admin: AIOKafkaAdminClient) -> list[Partition]:
            (found,) = await admin.describe_topics([outer])
            if found["error_code"] == UNKNOWN_TOPIC:
                return []
            if found["error_code"]:
                raise for_code(found["error_code"])
            return sorted(Partition(topic, part["partition"]) for part in found["partitions"])

        return await self.admin.ask(f"partitions of {topic}", described, LOOKUP_SECONDS)

    async def leaders(self, partitions: Sequence[Partition]) -> None:
        """Return when the leader of each partition answers for it, which on a new topic takes a moment.

        Until then a producer is told NOT_LEADER_OR_FOLLOWER, and a first webhook would miss its deadline.
        """
        places = [self._at(partition) for partition in partitions]

        async def answered(reader: AIOKafkaConsumer) -> None:
            while True:
                # On a busy machine the leaders may need longer than a request may.
                with contextlib.suppress(KafkaTimeoutError):
                    await reader.end_offsets(places)
                    return

        await self._reader.ask("waiting for the leaders of new topics", answered, LEADERS_SECONDS)

    async def bounds(self, partition: Partition) -> Bounds:
        """Return the oldest and the next offset."""
        at = self._at(partition)

        async def ends(reader: AIOKafkaConsumer) -> Bounds:
            # The end first: what expires in between may not make the range negative.
            end, first = await reader.end_offsets([at]), await reader.beginning_offsets([at])
            return Bounds(min(first[at], end[at]), end[at])

        return await self._reader.ask(f"bounds of {_text(partition)}", ends, LOOKUP_SECONDS)

    async def offset_at(self, partition: Partition, timestamp: int) -> int:
        """Return the first offset not older than `timestamp` ms, else the end."""
        at = self._at(partition)

        async def sought(reader: AIOKafkaConsumer) -> int:
            found = (await reader.offsets_for_times({at: max(0, timestamp)}))[at]
            return int((await reader.end_offsets([at]))[at] if found is None else found.offset)

        return await self._reader.ask(f"times of {_text(partition)}", sought, LOOKUP_SECONDS)

    async def committed(self, group: str, partition: Partition) -> int | None:
        """Return the group's committed offset without joining it."""
        outer, at = self._names.outer(group), self._at(partition)

        async def fetched(admin: AIOKafkaAdminClient) -> int | None:
            found = (await admin.list_consumer_group_offsets(outer, partitions=[at])).get(at)
            return None if found is None or found.offset < 0 else int(found.offset)

        return await self.admin.ask(f"offsets of group {group}", fetched, LOOKUP_SECONDS)

    async def committed_by(self, outer: str, topics: Collection[str]) -> frozenset[str]:
        """Return what stands beside the offsets that Kafka's group `outer` committed for the topics, if anything."""

        async def fetched(admin: AIOKafkaAdminClient) -> frozenset[str]:
            found = await admin.list_consumer_group_offsets(outer)
            return frozenset(each.metadata for at, each in found.items() if at.topic in topics and each.metadata)

        return await self.admin.ask(f"offsets of group {outer}", fetched, LOOKUP_SECONDS)

    async def members(self, outer: str) -> list[GroupMember]:
        """Return who is in Kafka's group `outer`; in one that is not there, nobody."""

        async def described(admin: AIOKafkaAdminClient) -> list[GroupMember]:
            answer: Any
            (answer,) = await admin.describe_consumer_groups([outer])
            code, _, _, _, _, members, *_ = answer.groups[0]
            if code:
                raise for_code(code)
            return [GroupMember(member_id, host.removeprefix("/")) for member_id, _, host, *_ in members]

        return await self.admin.ask(f"members of group {outer}", described, LOOKUP_SECONDS)

    async def read(self, partition: Partition, offset: int, end: int) -> AsyncIterator[StoredRecord]:
        """Yield the records of a range; offsets that compaction or transactions left empty are passed over."""
        bounds = await self.bounds(partition)
        offset, end = max(offset, bounds.first), min(end, bounds.end)
        if offset >= end:
            return
        reader = new_reader(self._connection)
        try:
            with plainly(f"reading {_text(partition)}"):
                async with asyncio.timeout(LOOKUP_SECONDS):
                    await reader.start()
                at = self._at(partition)
                reader.assign([at])
                reader.seek(at, offset)
            while offset < end:
                batch, offset = await self._next(reader, partition)
                for stored in batch:
                    if stored.offset >= end:
                        return
                    yield stored
        finally:
            await end_consumer(reader, 1.0)

    async def _next(self, reader: AIOKafkaConsumer, partition: Partition) -> tuple[list[StoredRecord], int]:
        """Return what comes next and the offset after it. Silence for long is an error, not an end."""
        at = self._at(partition)
        with plainly(f"reading {_text(partition)}"):
            async with asyncio.timeout(READ_SECONDS):
                before = await reader.position(at)
                while True:
                    batch = (await reader.getmany(at, timeout_ms=1000)).get(at, [])
                    position = await reader.position(at)
                    if batch or position > before:
                        return [stored_record(record, self._names) for record in batch], position
        raise LogUnavailableError(f"reading {_text(partition)}")

    def _at(self, partition: Partition) -> TopicPartition:
        return TopicPartition(self._names.outer(partition.topic), partition.number)


def _text(partition: Partition) -> str:
    return f"{partition.topic} [{partition.number}]"
