"""What the publisher knows and says before its first append, on a producer that fails as told."""

import asyncio

import pytest
from aiokafka.protocol.metadata import MetadataRequest_v5

from broker.kafka.connection import Names
from broker.kafka.evidence import Verdict
from broker.kafka.publisher import Publisher
from broker.log import LogState
from tests.support.fake_producer import CONNECTION, FakeCluster, fails, put_in_place
from tests.support.logs import record


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    """Put the fake in the place of aiokafka's producer, and do not make tests wait."""
    return put_in_place(FakeCluster(), monkeypatch)


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
