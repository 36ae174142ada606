"""A producer that fails as told, in the place of aiokafka's; no Kafka is needed."""

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import Any

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
)
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.structs import PartitionMetadata, RecordMetadata, TopicPartition

from broker.kafka.connection import Connection
from broker.log import LogUnavailableError
from broker.settings import KafkaSettings

CONNECTION = Connection(("kafka.test:9092",), KafkaSettings())


class Batch:
    """A batch that has room for all."""

    def append(self, **fields: Any) -> object:
        """Take the record."""
        return fields

    def close(self) -> None:
        """Take no more."""


class FakeClient:
    """Answers questions, if the cluster is there."""

    def __init__(self, cluster: "FakeCluster") -> None:
        self.cluster = cluster
        self.topics: list[str] = []
        self.connected: list[int] = []

    def get_random_node(self) -> int:
        """Name a broker."""
        return 1

    async def send(self, node: int, question: MetadataRequest) -> MetadataRequest:
        """Answer a question about topics; the answer is the question here."""
        assert node == 1
        self.cluster.questions.append(question)
        return question

    async def set_topics(self, topics: list[str]) -> bool:
        """Note what is asked from now on."""
        self.topics = topics
        return True

    async def ready(self, node: int) -> bool:
        """Connect."""
        self.connected.append(node)
        return True

    async def force_metadata_update(self) -> bool:
        """Answer a probe."""
        self.cluster.probes += 1
        return self.cluster.up


class FakeProducer:
    """Behaves as the next word of its script says: `ok`, `silent`, or an error for the record's future."""

    def __init__(self, cluster: "FakeCluster") -> None:
        self.cluster = cluster
        self.client = FakeClient(cluster)
        self.stopped = False

    async def start(self) -> None:
        """Connect, if the cluster is there."""
        if self.cluster.gate is not None:
            await self.cluster.gate.wait()
        if not self.cluster.up:
            raise KafkaConnectionError("refused")

    async def stop(self) -> None:
        """Close."""
        self.stopped = True

    async def partitions_for(self, topic: str) -> set[int]:
        """Every topic has one partition."""
        del topic
        return {0}

    async def send(self, topic: str, *_: object, **__: object) -> asyncio.Future[RecordMetadata]:
        """Do what the script says next."""
        return self._next(topic)

    def create_batch(self) -> Batch:
        """Make a batch."""
        return Batch()

    async def send_batch(self, _batch: Batch, topic: str, *, partition: int) -> asyncio.Future[RecordMetadata]:
        """Do what the script says next, for a record by itself."""
        assert partition == 0
        return self._next(topic)

    def _next(self, topic: str) -> asyncio.Future[RecordMetadata]:
        future: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        word = self.cluster.script.popleft() if self.cluster.script else "ok"
        if isinstance(word, Exception):
            future.set_exception(word)
        elif word == "ok":
            future.set_result(RecordMetadata(topic, 0, TopicPartition(topic, 0), 7, 0, 0, 0))
        return future


class FakeCluster:
    """Makes producers and tells them what to do."""

    def __init__(self) -> None:
        self.up = True
        self.leader = 1
        self.in_sync = [1, 2, 3]
        self.script: deque[str | Exception] = deque()
        self.made: list[FakeProducer] = []
        self.questions: list[MetadataRequest] = []
        self.gate: asyncio.Event | None = None
        self.probes = 0

    def update_metadata(self, answer: MetadataRequest) -> None:
        """Take the answer to a question."""
        assert answer in self.questions

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """Return the numbers of a topic that is known."""
        return set(self._partitions[topic]) if topic in self._partitions else None

    @property
    def _partitions(self) -> dict[str, dict[int, PartitionMetadata]]:
        """What aiokafka's ClusterMetadata keeps."""
        part = PartitionMetadata("site.topic", 0, self.leader, [1, 2, 3], self.in_sync, 0)
        return {"site.topic": {0: part}, "foreign": {0: PartitionMetadata("foreign", 0, -1, [1], [], 5)}}

    def new_producer(self, _connection: Connection) -> FakeProducer:
        """Make one more."""
        self.made.append(FakeProducer(self))
        return self.made[-1]


async def fails(append: Awaitable[object]) -> LogUnavailableError:
    """Return the error of an append that must fail as unavailable."""
    with pytest.raises(LogUnavailableError) as caught:
        await append
    return caught.value


def put_in_place(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    """Let the keeper make the cluster's producers, probe it often, and wait for little."""
    monkeypatch.setattr("broker.kafka.keeper.new_producer", cluster.new_producer)
    monkeypatch.setattr("broker.kafka.keeper.PROBE_SECONDS", 0.05)
    monkeypatch.setattr("broker.kafka.evidence.Evidence.telling", 0.01)
    return cluster
