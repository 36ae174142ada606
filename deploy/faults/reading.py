"""Reads what is new in Kafka into the books, with a fresh consumer each time: none is met twice by a fault."""

import asyncio
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from broker.kafka.connection import Names
from broker.kafka.records import stored_record
from deploy.faults.stored import TOPICS, Stored
from schemas.topics import PARTITIONS

_NAMES = Names("")
_PATIENCE = 120.0
_BATCH = 300


class Reader:
    """Goes on where it was. `made_again` begins a topic at its first offset."""

    def __init__(self, servers: str, stored: Stored) -> None:
        self._servers, self._stored = servers, stored
        self._places = {TopicPartition(topic, number): 0 for topic in TOPICS for number in range(PARTITIONS)}

    def made_again(self, topic: str) -> None:
        """Begin the topic anew: it was deleted and made again."""
        self._places.update({TopicPartition(topic, number): 0 for number in range(PARTITIONS)})
        self._stored.topic_made_again(topic)

    async def catch_up(self) -> int:
        """Read up to what is the end now; return how many records that were.

        Raises KafkaError, TimeoutError where Kafka does not give them within two minutes.
        """
        async with asyncio.timeout(_PATIENCE):
            while True:
                try:
                    return await self._read_once()
                except KafkaError:
                    await asyncio.sleep(0.5)

    async def _read_once(self) -> int:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._servers,
            group_id=None,
            enable_auto_commit=False,
            request_timeout_ms=10_000,
            fetch_max_bytes=8 << 20,
            max_partition_fetch_bytes=1 << 20,
        )
        await consumer.start()
        try:
            consumer.assign(list(self._places))
            ends = await consumer.end_offsets(list(self._places))
            for place, offset in self._places.items():
                consumer.seek(place, offset)
            return await self._until(consumer, ends)
        finally:
            await consumer.stop()

    async def _until(self, consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> int:
        count = 0
        while any(self._places[place] < end for place, end in ends.items()):
            batches = await consumer.getmany(timeout_ms=500, max_records=_BATCH)
            for place, records in batches.items():
                for number, record in enumerate(records):
                    self._stored.take(stored_record(record, _NAMES))
                    self._places[place] = record.offset + 1
                    if number % 20 == 19:
                        # The sender shares this loop: no answer may be timed late because of us.
                        await asyncio.sleep(0)
                count += len(records)
        return count
