"""How the publisher judges its producer, on a producer that fails as told; no Kafka is needed."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    NotEnoughReplicasError,
    OutOfOrderSequenceNumber,
    PolicyViolationError,
    TopicAuthorizationFailedError,
    UnknownError,
    for_code,
)
from structlog.testing import capture_logs

from broker import background
from broker.kafka.connection import Names
from broker.kafka.evidence import Verdict
from broker.kafka.publisher import Publisher
from broker.log import LogState, Position, RecordRefusedError
from tests.support.fake_producer import CONNECTION, FakeCluster, fails, put_in_place
from tests.support.logs import record, until


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    """Put the fake in the place of aiokafka's producer, and do not make tests wait."""
    return put_in_place(FakeCluster(), monkeypatch)


@pytest.fixture
async def publisher(cluster: FakeCluster) -> AsyncIterator[Publisher]:
    """Give a started publisher."""
    assert cluster.up
    publisher = Publisher(Names("site."))
    publisher.start(CONNECTION)
    await publisher.settled(5)
    yield publisher
    await publisher.stop()


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
