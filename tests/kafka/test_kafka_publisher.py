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
from aiokafka.protocol.metadata import MetadataRequest, MetadataRequest_v5
from aiokafka.structs import PartitionMetadata, RecordMetadata, TopicPartition
from structlog.testing import capture_logs

from broker import background
from broker.kafka.connection import Connection, Names
from broker.kafka.evidence import Verdict
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


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    """Put the fake in the place of aiokafka's producer, and do not make tests wait."""
    cluster = FakeCluster()
    monkeypatch.setattr("broker.kafka.keeper.new_producer", cluster.new_producer)
    monkeypatch.setattr("broker.kafka.keeper.PROBE_SECONDS", 0.05)
    monkeypatch.setattr("broker.kafka.evidence.Evidence.telling", 0.01)
    return cluster


@pytest.fixture
async def publisher(cluster: FakeCluster) -> AsyncIterator[Publisher]:
    """Give a started publisher."""
    assert cluster.up
    publisher = Publisher(Names("site."))
    publisher.start(CONNECTION)
    await publisher.settled(5)
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
    assert publisher.verdict.state is LogState.AWAY
    await until(lambda: publisher.verdict.state is LogState.SUSPECT, 5)
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
    assert publisher.verdict.state is LogState.AWAY
    await until(lambda: publisher.verdict.state is LogState.SUSPECT, 5)
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
    await until(lambda: publisher.verdict.state is LogState.SUSPECT, 5)
    trying = asyncio.create_task(fails(publisher.append([record("topic")], 0.3)))
    await asyncio.sleep(0)
    assert "one append at a time" in str(await fails(publisher.append([record("topic")], 0.3)))
    await trying


async def test_a_cluster_that_is_gone_is_noticed_and_found_again(cluster: FakeCluster, publisher: Publisher) -> None:
    """Probes tell of it, and appends are refused at once with the reason."""
    cluster.up = False
    await until(lambda: publisher.verdict.state is LogState.AWAY, 5)
    assert "away" in str(await fails(publisher.append([record("topic")], 10)))
    cluster.up = True
    await until(lambda: publisher.verdict.state is LogState.SUSPECT, 5)
    await publisher.append([record("topic")], 1)
    assert publisher.verdict == Verdict(LogState.HEALTHY)


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
    assert publisher.verdict.state is LogState.HEALTHY
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
    assert publisher.verdict.state is LogState.HEALTHY
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
    """The first refusal tells, new producers change nothing, and only a confirmation is the end of it."""
    await publisher.append([record("topic")], 1)
    cluster.in_sync = [1]
    cluster.script.extend([NotEnoughReplicasError()] * 3)
    await fails(publisher.append([record("topic")], 1))
    await until(lambda: publisher.verdict.state is LogState.STARTING, 5)
    await fails(publisher.append([record("topic")], 1))
    await fails(publisher.append([record("topic")], 1))
    states: list[LogState] = []
    async with asyncio.timeout(5):
        while len(cluster.made) < 2 or states[-1] is LogState.AWAY:
            states.append(publisher.verdict.state)
            await asyncio.sleep(0.005)
    assert set(states) <= {LogState.AWAY, LogState.STARTING}
    assert states[-1] is LogState.STARTING
    cluster.in_sync = [1, 2]
    await until(lambda: publisher.verdict.state is LogState.SUSPECT, 5)
    await publisher.append([record("topic")], 1)
    assert publisher.verdict.state is LogState.HEALTHY


async def test_a_partition_in_use_that_loses_its_leader_is_noticed_while_idle(
    cluster: FakeCluster, publisher: Publisher
) -> None:
    """Only topics that we store in count; somebody else's without a leader never did."""
    await publisher.append([record("topic")], 1)
    assert publisher.verdict.state is LogState.HEALTHY
    cluster.leader = -1
    await until(lambda: publisher.verdict.state is LogState.STARTING, 5)
    cluster.leader = 2
    await until(lambda: publisher.verdict.state is LogState.HEALTHY, 5)


async def test_a_confirmation_is_the_better_proof(cluster: FakeCluster, publisher: Publisher) -> None:
    """What was just stored tells more than metadata that lags behind."""
    cluster.in_sync = [1]
    await publisher.append([record("topic")], 1)
    await until(lambda: publisher.verdict.state is LogState.STARTING, 5)
    await publisher.append([record("topic")], 1)
    assert publisher.verdict.state is LogState.HEALTHY


async def test_the_supervisor_survives_a_fault_of_its_own(
    cluster: FakeCluster, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is down the log says so, and then it builds the next producer."""
    monkeypatch.setattr(background, "PAUSE", 0.05)

    async def broken(_: object) -> bool:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("broker.kafka.keeper._answers", broken)
        await until(lambda: publisher.verdict.state is LogState.AWAY, 5)
    await until(lambda: publisher.verdict.state is LogState.SUSPECT, 5)
    await publisher.append([record("topic")], 1)
    assert cluster.made[0].stopped


@pytest.mark.parametrize("error", [NotEnoughReplicasError(), TopicAuthorizationFailedError("site.topic")])
async def test_a_failed_append_is_suspected_until_one_is_confirmed(
    cluster: FakeCluster, publisher: Publisher, error: Exception
) -> None:
    """The cluster goes on to say that all is well: its word does not outweigh what was seen."""
    cluster.script.append(error)
    await fails(publisher.append([record("topic")], 1))
    probes = cluster.probes
    await until(lambda: cluster.probes >= probes + 3, 5)
    assert publisher.verdict.state is LogState.SUSPECT
    assert publisher.verdict.reason.startswith("topic topic: ")
    await publisher.append([record("topic")], 1)
    assert publisher.verdict == Verdict(LogState.HEALTHY)


async def test_an_append_that_waits_for_a_moment_makes_it_suspect_before_its_deadline(
    cluster: FakeCluster, publisher: Publisher
) -> None:
    """A cluster that hangs is seen a quarter of a second later, told once, and asked at once whether it is there."""
    cluster.script.append("silent")
    with capture_logs() as lines:
        waiting = asyncio.create_task(publisher.append([record("topic")], 50))
        await until(lambda: lines, 5)
        assert publisher.verdict == Verdict(LogState.SUSPECT, "appends wait and nothing was confirmed for 0.25 s")
        assert await publisher.append([record("topic")], 1)
        assert publisher.verdict.state is LogState.HEALTHY
    assert [line["state"] for line in lines] == [LogState.SUSPECT, LogState.HEALTHY]
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_a_deadline_that_was_all_but_over_says_nothing_about_the_cluster(
    cluster: FakeCluster, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that sent slowly left the append no time: that is not Kafka's fault."""
    monkeypatch.setattr("broker.kafka.evidence.Evidence.telling", 0.25)
    cluster.script.extend(["silent"] * 4)
    for _ in range(4):
        await fails(publisher.append([record("topic")], 0.01))
    assert publisher.verdict.state is LogState.HEALTHY
    assert len(cluster.made) == 1


async def test_the_start_does_not_wait_and_who_wants_a_verdict_can(cluster: FakeCluster) -> None:
    """The state is starting until the cluster has shown something, or for 3 s."""
    cluster.gate = asyncio.Event()
    publisher = Publisher(Names(""))
    publisher.start(CONNECTION)
    await publisher.settled(0.02)
    assert publisher.verdict == Verdict(LogState.STARTING, "not asked yet")
    assert "not asked yet" in str(await fails(publisher.append([record("topic")], 10)))
    settled = asyncio.create_task(publisher.settled(50))
    cluster.gate.set()
    async with asyncio.timeout(5):
        await settled
    assert publisher.verdict.state is LogState.HEALTHY
    await publisher.stop()


async def test_a_cluster_that_does_not_answer_at_first_is_away_after_a_moment(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection may take long to fail; the verdict comes before that."""
    monkeypatch.setattr("broker.kafka.keeper.FIRST_VERDICT_SECONDS", 0.02)
    cluster.gate = asyncio.Event()
    publisher = Publisher(Names(""))
    publisher.start(CONNECTION)
    await publisher.settled(5)
    assert publisher.verdict == Verdict(LogState.AWAY, "no answer from kafka.test:9092 yet")
    await publisher.stop()


async def test_topics_are_known_and_leaders_connected_before_it_turns_healthy(cluster: FakeCluster) -> None:
    """The first append has nothing to ask; a topic that is not there is not made by asking, and not asked again."""
    cluster.gate = asyncio.Event()
    publisher = Publisher(Names("site."), ("topic", "absent"))
    publisher.start(CONNECTION)
    cluster.gate.set()
    await publisher.settled(5)
    (question,) = cluster.questions
    asked = question.build(MetadataRequest_v5)
    assert (asked.topics, asked.allow_auto_topic_creation) == (["site.absent", "site.topic"], False)
    client = cluster.made[0].client
    assert (client.topics, client.connected) == (["site.topic"], [1])
    await publisher.stop()


async def test_a_topic_without_a_leader_is_not_healthy_before_the_first_append(cluster: FakeCluster) -> None:
    """Topics that are named beforehand count as in use, and the reason names what is missing."""
    cluster.leader = -1
    publisher = Publisher(Names("site."), ["topic"])
    publisher.start(CONNECTION)
    await publisher.settled(5)
    assert publisher.verdict == Verdict(LogState.STARTING, "partition 0 of site.topic has no leader")
    await publisher.stop()


async def test_a_trial_that_takes_long_keeps_others_out_for_a_moment_only(
    cluster: FakeCluster, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it waits for may be a topic of its own."""
    monkeypatch.setattr("broker.kafka.publisher.TRIAL_SECONDS", 0.05)
    cluster.script.extend([KafkaError("unexpected"), "silent"])
    await fails(publisher.append([record("topic")], 1))
    await until(lambda: publisher.verdict.state is LogState.SUSPECT, 5)
    trial = asyncio.create_task(publisher.append([record("topic")], 50))
    await asyncio.sleep(0)
    assert "one append at a time" in str(await fails(publisher.append([record("topic")], 1)))
    await asyncio.sleep(0.06)
    await publisher.append([record("topic")], 1)
    assert publisher.verdict.state is LogState.HEALTHY
    trial.cancel()
    await asyncio.wait([trial])


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
