"""One producer and what is in flight on it, bounded."""

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError, UnknownTopicOrPartitionError
from aiokafka.protocol.metadata import MetadataRequest

from broker.kafka.connection import Connection
from broker.log import RecordRefusedError
from broker.murmur2 import partition_of
from schemas.records import Record

MAX_RECORDS = 10_000
MAX_BYTES = 64 * 1024 * 1024
REQUEST_MS = 5_000
# Above any topic's max.message.bytes that we make: the broker refuses by its own limit, which it knows better.
MAX_RECORD_BYTES = 16 * 1024 * 1024
# Just below a topic's default max.message.bytes. Small batches make waiting senders wake each other in a herd.
BATCH_BYTES = 1024 * 1024

Sent = asyncio.Future[Any]
"""Holds aiokafka's RecordMetadata once the broker has confirmed."""


def new_producer(connection: Connection) -> AIOKafkaProducer:
    """Return a producer, not started: all copies confirm, no idempotence, nothing lingers."""
    return AIOKafkaProducer(
        **connection.arguments(),
        acks="all",
        enable_idempotence=False,
        linger_ms=0,
        max_batch_size=BATCH_BYTES,
        max_request_size=MAX_RECORD_BYTES,
        request_timeout_ms=REQUEST_MS,
        retry_backoff_ms=50,
        metadata_max_age_ms=30_000,
    )


class Line:
    """A started producer. `confirmed` tells that an append succeeded on it; `records` and `bytes` are in flight."""

    def __init__(self, producer: AIOKafkaProducer, on_stored: Callable[[float], None]) -> None:
        """Take the producer, and who is told of each record that the cluster confirms, late ones too.

        Told is when it was handed over, on the monotonic clock.
        """
        self.producer = producer
        self.confirmed = False
        self.tried_at = float("-inf")
        self.records = 0
        self.bytes = 0
        self._on_stored = on_stored
        self._partitions: dict[str, int] = {}
        self._pending = set[Sent]()

    def has_room(self, records: Sequence[Record]) -> bool:
        """Tell whether the records fit beside what is in flight; an empty line takes anything."""
        size = sum(record.size for record in records)
        return not self.records or (self.records + len(records) <= MAX_RECORDS and self.bytes + size <= MAX_BYTES)

    def reserve(self, record: Record) -> None:
        """Count a record as in flight."""
        self._count(1, record.size)

    def release(self, record: Record) -> None:
        """Count it no more."""
        self._count(-1, -record.size)

    def _count(self, records: int, size: int) -> None:
        self.records += records
        self.bytes += size

    def forget(self) -> None:
        """Cancel what will never be confirmed, once the producer has ended."""
        for sent in tuple(self._pending):
            sent.cancel()

    async def partitions(self, topic: str) -> int:
        """Return how many partitions Kafka's topic has. Waits for a topic that is not there yet.

        Raises UnknownTopicOrPartitionError.
        """
        known = self._partitions.get(topic)
        if known is None:
            found = await self.producer.partitions_for(topic)
            if not found:
                raise UnknownTopicOrPartitionError
            known = self._partitions[topic] = len(found)
        return known

    async def prepare(self, topics: Collection[str]) -> None:
        """Learn the topics and connect to the leaders of their partitions, so that no append has to wait for that.

        A topic that is not there is passed over, and not made. Raises aiokafka's errors where the cluster does not
        answer; a leader that cannot be reached is left to the append that needs it.
        """
        client: Any = self.producer.client
        node = client.get_random_node()
        if not topics or node is None:
            return
        question = MetadataRequest(sorted(topics), allow_auto_topic_creation=False)
        client.cluster.update_metadata(await client.send(node, question))
        found = {topic: client.cluster.partitions_for_topic(topic) for topic in topics}
        self._partitions |= {topic: len(numbers) for topic, numbers in found.items() if numbers}
        if self._partitions:
            # What is asked again and again later.
            await client.set_topics(list(self._partitions))
        for leader in {part.leader for parts in self._in_use().values() for part in parts.values()} - {-1}:
            await client.ready(leader)

    def _in_use(self) -> dict[str, dict[int, Any]]:
        cluster: Any = self.producer.client.cluster
        return {topic: cluster._partitions.get(topic, {}) for topic in self._partitions}  # noqa: SLF001 - the only place of copies

    def lacking(self, least: int) -> str:
        """Return what a partition in use lacks to be stored in, by the newest metadata, or nothing.

        A topic that is not there does not count: others may well be stored in.
        """
        for topic, parts in self._in_use().items():
            for number, part in parts.items():
                if part.leader == -1:
                    return f"partition {number} of {topic} has no leader"
                wanted = min(least, len(part.replicas))
                if len(part.isr) < wanted:
                    return f"partition {number} of {topic} has {len(part.isr)} copies in sync, not {wanted}"
        return ""

    async def send(self, topic: str, record: Record) -> Sent:
        """Hand a reserved record over; it is released when its future is done.

        Raises RecordRefusedError for a partition that is not there, and aiokafka's errors.
        """
        partition = await self.choose(topic, record)
        if record.key is None and record.value is None:
            # producer.send() refuses such a record.
            batch = self.producer.create_batch()
            _fill(batch, (record,))
            return self._hold(await self.producer.send_batch(batch, topic, partition=partition), 1, record.size)
        sent: Sent = await self.producer.send(
            topic,
            record.value,
            key=record.key,
            partition=partition,
            timestamp_ms=record.timestamp,
            headers=list(record.headers),
        )
        return self._hold(sent, 1, record.size)

    async def send_alone(self, topic: str, record: Record) -> Sent:
        """Hand a record over in a batch of its own, where no other record can make the broker refuse it."""
        return (await self.send_together(topic, await self.choose(topic, record), (record,)))[0]

    async def send_together(self, topic: str, partition: int, records: Sequence[Record]) -> tuple[Sent, int]:
        """Hand over as many of the first records as one batch takes, and no others with them; say how many those are.

        They count as in flight from now on. The future holds the metadata of the first.
        Raises MessageSizeTooLargeError, where the first is larger than any broker takes, and aiokafka's errors.
        """
        if records[0].size > MAX_RECORD_BYTES:
            raise MessageSizeTooLargeError
        batch = self.producer.create_batch()
        taken = records[: _fill(batch, records)]
        count, size = len(taken), sum(record.size for record in taken)
        self._count(count, size)
        try:
            return self._hold(await self.producer.send_batch(batch, topic, partition=partition), count, size), count
        except BaseException:
            self._count(-count, -size)
            raise

    async def choose(self, topic: str, record: Record) -> int:
        """Return the partition of a record. Raises as `send` does."""
        count = await self.partitions(topic)
        if record.partition is None:
            return random.randrange(count) if record.key is None else partition_of(record.key, count)  # noqa: S311 - spreads load
        if not 0 <= record.partition < count:
            raise RecordRefusedError(f"partition {record.partition} of {topic}: the topic has {count}")
        return record.partition

    def _hold(self, sent: Sent, records: int, size: int) -> Sent:
        """Let go of so many reserved records and bytes when their future is done."""
        handed_over = monotonic()

        def over(done: Sent) -> None:
            self._pending.discard(done)
            self._count(-records, -size)
            # Nobody may be waiting any more; an error that nobody reads would be reported as a leak.
            if not done.cancelled() and done.exception() is None:
                self._on_stored(handed_over)

        self._pending.add(sent)
        sent.add_done_callback(over)
        return sent


def _fill(batch: Any, records: Sequence[Record]) -> int:
    """Put records into a batch until it takes no more, one at least, and close it; return how many it took."""
    count = 0
    for record in records:
        took = batch.append(
            timestamp=record.timestamp, key=record.key, value=record.value, headers=list(record.headers)
        )
        if took is None:
            break
        count += 1
    batch.close()
    return count
