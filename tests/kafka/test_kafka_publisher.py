"""How the publisher judges its producer, on a producer that fails as told; no Kafka is needed."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    NotEnoughReplicasError,
    OutOfOrderSequenceNumber,
    PolicyViolationError,
    TopicAuthorizationFailedError,
    UnknownError,
    for_code,
)
from aiokafka.structs import PartitionMetadata, RecordMetadata, TopicPartition

from broker import background
from broker.kafka.connection import Connection, Names
from broker.kafka.publisher import Publisher
from broker.log import LogState, LogUnavailableError, Position, RecordRefusedError
from broker.settings import KafkaSettings
from tests.support.logs import record, until

CONNECTION = Connection(("kafka.test:9092",), KafkaSettings())


class Batch:
    """A batch of one record."""

    def append(self, **fields: Any) -> None:
        """Take the record."""

    def close(self) -> None:
        """Take no more."""


class FakeProducer:
    """Behaves as the next word of its script says: `ok`, `silent`, or an error for the record's future."""

    def __init__(self, cluster: "FakeCluster") -> None:
        self.cluster = cluster
        self.client = self
        self.stopped = False

    async def start(self) -> None:
        """Connect, if the cluster is there."""
        if not self.cluster.up:
            raise KafkaConnectionError("refused")

    async def stop(self) -> None:
        """Close."""
        self.stopped = True

    async def partitions_for(self, topic: str) -> set[int]:
        """Every topic has one partition."""
        del topic
        return {0}

    async def force_metadata_update(self) -> bool:
        """Answer a probe."""
        return self.cluster.up

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

    @property
    def _partitions(self) -> dict[str, dict[int, PartitionMetadata]]:
        """What aiokafka's ClusterMetadata keeps."""
        part = PartitionMetadata("site.topic", 0, self.leader, [1, 2, 3], self.in_sync, 0)
        return {"site.topic": {0: part}, "foreign": {0: PartitionMetadata("foreign", 0, -1, [1], [], 5)}}

    def new_producer(self, _connection: Connection) -> FakeProducer:
        """Make one more."""
        self.made.append(FakeProducer(self))
        return self.made[-1]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    """Put the fake in the place of aiokafka's producer, and do not make tests wait."""
    cluster = FakeCluster()
    monkeypatch.setattr("broker.kafka.publisher.new_producer", cluster.new_producer)
    monkeypatch.setattr("broker.kafka.publisher.PROBE_SECONDS", 0.05)
    return cluster


@pytest.fixture
async def publisher(cluster: FakeCluster) -> AsyncIterator[Publisher]:
    """Give a started publisher."""
    assert cluster.up
    publisher = Publisher(Names("site."))
    await publisher.start(CONNECTION)
    yield publisher
    await publisher.stop()


async def fails(append: Awaitable[object]) -> LogUnavailableError:
    """Return the error of an append that must fail as unavailable."""
    with pytest.raises(LogUnavailableError) as caught:
        await append
    return caught.value


async def test_a_confirmed_append_gives_its_place(publisher: Publisher) -> None:
    """The place is under our name of the topic."""
    (place,) = await publisher.append([record("topic")], 1)
    assert isinstance(place, Position)
    assert (place.partition.topic, place.offset) == ("topic", 7)


@pytest.mark.parametrize(
    "error", [OutOfOrderSequenceNumber(), KafkaError("unexpected"), RuntimeError("bug"), OSError()]
)
async def test_an_unexpected_error_throws_the_producer_away(
    cluster: FakeCluster, publisher: Publisher, error: Exception
) -> None:
    """A producer that is poisoned would fail for ever; the next one works."""
    cluster.script.append(error)
    await fails(publisher.append([record("topic")], 1))
    assert publisher.state is LogState.AWAY
    await until(lambda: publisher.state is LogState.HEALTHY, 5)
    await until(lambda: cluster.made[0].stopped, 5)
    assert len(cluster.made) == 2
    await publisher.append([record("topic")], 1)


@pytest.mark.parametrize("error", [NotEnoughReplicasError(), TopicAuthorizationFailedError("site.topic")])
async def test_an_error_that_a_new_producer_would_meet_too_keeps_the_old_one(
    cluster: FakeCluster, publisher: Publisher, error: Exception
) -> None:
    """One such failure is unavailable and no more."""
    cluster.script.append(error)
    await fails(publisher.append([record("topic")], 1))
    await publisher.append([record("topic")], 1)
    assert len(cluster.made) == 1


async def test_silence_several_times_throws_the_producer_away(cluster: FakeCluster, publisher: Publisher) -> None:
    """Deadlines that pass one after another mean a producer that hangs, though the cluster answers questions."""
    cluster.script.extend(["silent"] * 3)
    for _ in range(3):
        await fails(publisher.append([record("topic")], 0.02))
    assert publisher.state is LogState.AWAY
    await until(lambda: publisher.state is LogState.HEALTHY, 5)
    assert len(cluster.made) == 2


async def test_one_confirmation_forgives_the_silence_before_it(cluster: FakeCluster, publisher: Publisher) -> None:
    """Only failures in a row count."""
    cluster.script.extend(["silent", "silent", "ok", "silent", "silent", "ok"])
    for wait in (0.02, 0.02, 1, 0.02, 0.02, 1):
        if wait == 1:
            await publisher.append([record("topic")], wait)
        else:
            await fails(publisher.append([record("topic")], wait))
    assert len(cluster.made) == 1


async def test_after_silence_one_append_tries_while_others_are_refused(
    cluster: FakeCluster, publisher: Publisher
) -> None:
    """A cluster that answers questions and stores nothing costs one waiting append, not all."""
    cluster.script.extend(["silent"] * 4)
    for _ in range(3):
        await fails(publisher.append([record("topic")], 0.02))
    await until(lambda: publisher.state is LogState.HEALTHY, 5)
    trying = asyncio.create_task(fails(publisher.append([record("topic")], 0.3)))
    await asyncio.sleep(0)
    assert "one append at a time" in str(await fails(publisher.append([record("topic")], 0.3)))
    await trying


async def test_a_cluster_that_is_gone_is_noticed_and_found_again(cluster: FakeCluster, publisher: Publisher) -> None:
    """Probes tell of it, and appends are refused at once with the reason."""
    cluster.up = False
    await until(lambda: publisher.state is LogState.AWAY, 5)
    assert "away" in str(await fails(publisher.append([record("topic")], 10)))
    cluster.up = True
    await until(lambda: publisher.state is LogState.HEALTHY, 5)
    await publisher.append([record("topic")], 1)


async def test_a_refusal_of_a_batch_is_checked_with_the_record_by_itself(
    cluster: FakeCluster, publisher: Publisher
) -> None:
    """Refused in company and stored alone: it was a neighbour's fault."""
    cluster.script.extend([MessageSizeTooLargeError(), "ok"])
    assert len(await publisher.append([record("topic")], 1)) == 1


async def test_a_record_that_is_refused_alone_too_is_refused(cluster: FakeCluster, publisher: Publisher) -> None:
    """Then it can never be stored, and the producer is not to blame."""
    cluster.script.extend([MessageSizeTooLargeError(), MessageSizeTooLargeError()])
    with pytest.raises(RecordRefusedError):
        await publisher.append([record("topic")], 1)
    assert publisher.state is LogState.HEALTHY
    assert len(cluster.made) == 1


async def test_an_append_that_waits_is_answered_when_its_producer_is_thrown_away(
    cluster: FakeCluster, publisher: Publisher
) -> None:
    """A long wait does not outlive the producer that it waits for."""
    cluster.script.extend(["silent", OutOfOrderSequenceNumber()])
    waiting = asyncio.create_task(fails(publisher.append([record("topic")], 50)))
    await asyncio.sleep(0)
    await fails(publisher.append([record("topic")], 1))
    async with asyncio.timeout(5):
        await waiting


@pytest.mark.parametrize("error", [for_code(87)(), PolicyViolationError()])
async def test_a_record_that_the_broker_finds_invalid_is_the_records_fault(
    cluster: FakeCluster, publisher: Publisher, error: Exception
) -> None:
    """Such as one without a key on a compacted topic: asking again helps nobody, and the log is well."""
    cluster.script.extend([error, error])
    with pytest.raises(RecordRefusedError, match=r"invalid|policy"):
        await publisher.append([record("topic")], 1)
    assert publisher.state is LogState.HEALTHY
    assert len(cluster.made) == 1


async def test_an_error_without_a_name_is_checked_with_the_record_by_itself(
    cluster: FakeCluster, publisher: Publisher
) -> None:
    """Alone it is stored; and where it is not, that is one failure and no reason for a new producer."""
    cluster.script.extend([UnknownError(), "ok", UnknownError(), UnknownError()])
    assert len(await publisher.append([record("topic")], 1)) == 1
    await fails(publisher.append([record("topic")], 1))
    await publisher.append([record("topic")], 1)
    assert len(cluster.made) == 1


async def test_too_few_copies_are_not_ready_until_they_are_back(cluster: FakeCluster, publisher: Publisher) -> None:
    """The first refusal tells, new producers change nothing, and no append is needed to be healthy again."""
    await publisher.append([record("topic")], 1)
    cluster.in_sync = [1]
    cluster.script.extend([NotEnoughReplicasError()] * 3)
    await fails(publisher.append([record("topic")], 1))
    await until(lambda: publisher.state is LogState.STARTING, 5)
    await fails(publisher.append([record("topic")], 1))
    await fails(publisher.append([record("topic")], 1))
    seen = {LogState.AWAY, LogState.STARTING}
    async with asyncio.timeout(5):
        while len(cluster.made) < 2 or publisher.state is LogState.AWAY:
            assert publisher.state in seen
            await asyncio.sleep(0.005)
    assert publisher.state is LogState.STARTING
    cluster.in_sync = [1, 2]
    await until(lambda: publisher.state is LogState.HEALTHY, 5)


async def test_a_partition_in_use_that_loses_its_leader_is_noticed_while_idle(
    cluster: FakeCluster, publisher: Publisher
) -> None:
    """Only topics that we store in count; somebody else's without a leader never did."""
    await publisher.append([record("topic")], 1)
    assert publisher.state is LogState.HEALTHY
    cluster.leader = -1
    await until(lambda: publisher.state is LogState.STARTING, 5)
    cluster.leader = 2
    await until(lambda: publisher.state is LogState.HEALTHY, 5)


async def test_a_confirmation_is_the_better_proof(cluster: FakeCluster, publisher: Publisher) -> None:
    """What was just stored tells more than metadata that lags behind."""
    cluster.in_sync = [1]
    await publisher.append([record("topic")], 1)
    await until(lambda: publisher.state is LogState.STARTING, 5)
    await publisher.append([record("topic")], 1)
    assert publisher.state is LogState.HEALTHY


async def test_the_supervisor_survives_a_fault_of_its_own(
    cluster: FakeCluster, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is down the log says so, and then it builds the next producer."""
    monkeypatch.setattr(background, "PAUSE", 0.05)

    async def broken(_: object) -> bool:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("broker.kafka.publisher._answers", broken)
        await until(lambda: publisher.state is LogState.AWAY, 5)
    await until(lambda: publisher.state is LogState.HEALTHY, 5)
    await publisher.append([record("topic")], 1)
    assert cluster.made[0].stopped


async def test_a_cancelled_append_leaves_the_producer_well(cluster: FakeCluster, publisher: Publisher) -> None:
    """A client that hangs up is no evidence against Kafka."""
    cluster.script.append("silent")
    waiting = asyncio.create_task(publisher.append([record("topic")], 50))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    await publisher.append([record("topic")], 1)
    assert len(cluster.made) == 1
