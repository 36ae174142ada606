"""Topics of another team's consumer: made where the rights allow it, else named with the command that does it."""

from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from broker.log import LogError, LogState, LogUnavailableError, Partition, PlannedTopic, TopicChange, TopicSpec
from broker.settings import BrokerSettings, KafkaSettings
from hookline import Consumer, DeliveryUpdated, MessageReceived
from hookline.kit.finding import Found
from hookline.process import topic_watch
from hookline.process.topic_watch import TopicWatch
from hookline.topics import all_topics, topics_of_groups, wanted_topics
from schemas.topics import INBOUND
from tests.support.logs import until

KAFKA = BrokerSettings(url="kafka://127.0.0.1:9", kafka=KafkaSettings(min_insync_replicas=2))
OWN = ("messaging.inbound.v1.crm.retry", "messaging.inbound.v1.crm.dlq")


def crm() -> Found:
    """Return a consumer of messages."""
    made = Consumer("crm")

    @made.on(MessageReceived)
    async def note(event: MessageReceived) -> None:
        del event

    return Found("acme.crm:crm", made)


class Cluster:
    """A log whose topics are a set; making some fails with the error that a test sets."""

    def __init__(self, *there: str) -> None:
        self.there = set(there)
        self.made: list[str] = []
        self.looked: list[str] = []
        self.error: LogError | None = None
        self.away = False
        self.state = LogState.HEALTHY

    async def plan_topics(self, specs: Sequence[TopicSpec]) -> Sequence[PlannedTopic]:
        """Compare."""
        if self.away:
            raise LogUnavailableError("configurations: not authorized")
        return [
            PlannedTopic(spec, TopicChange.KEEP if spec.name in self.there else TopicChange.CREATE) for spec in specs
        ]

    async def partitions(self, topic: str) -> Sequence[Partition]:
        """Look for one."""
        self.looked.append(topic)
        return [Partition(topic, 0)] if topic in self.there else []

    async def apply_topics(self, plan: Sequence[PlannedTopic]) -> None:
        """Make them, or fail."""
        if self.error is not None:
            raise self.error
        self.made += [item.spec.name for item in plan]
        self.there |= {*self.made}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not make a test wait between two looks."""
    monkeypatch.setattr(topic_watch, "PAUSE", 0.01)
    monkeypatch.setattr(topic_watch, "REST", 0.02)


def watch(log: Cluster, *others: Found) -> TopicWatch:
    """Return a watch on that cluster."""
    return TopicWatch(log, KAFKA, others)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - the part that is asked


def test_each_topic_that_it_reads_has_two_of_its_own() -> None:
    """For what is tried again later, and for dead letters; with the partitions of the topic itself."""
    found = topics_of_groups([crm().listed])
    assert tuple(topic.name for topic in found) == OWN
    assert {topic.partitions for topic in found} == {INBOUND.partitions}
    names = [spec.name for spec in wanted_topics([crm().listed])]
    assert names == [*(topic.name for topic in all_topics()), *OWN]


async def test_they_are_there_when_the_start_returns() -> None:
    """A member that joins before learns of them late. Those of the catalogue are the operator's."""
    log = Cluster(*(topic.name for topic in all_topics() if topic is not INBOUND))
    made = watch(log, crm())
    await made.start()
    try:
        assert tuple(log.made) == OWN
        assert made.missing == (INBOUND.name,)
        assert made.trouble == f"topics missing, `hookline topics apply` makes them: {INBOUND.name}"
    finally:
        await made.stop()


async def test_without_the_right_to_make_them_the_command_is_named() -> None:
    """As it can be typed by somebody who may; once it was, all is well."""
    log = Cluster(*(topic.name for topic in all_topics()))
    log.error = LogUnavailableError("topic could not be made: not authorized")
    made = watch(log, crm())
    await made.start()
    try:
        assert made.missing == OWN
        assert not made.prevent_storing
        assert "`hookline topics apply --consumer acme.crm:crm` makes them: " in made.trouble
        log.there |= {*OWN}
        await until(lambda: not made.missing, 5)
    finally:
        await made.stop()


async def test_with_the_log_away_the_start_goes_on() -> None:
    """They are made once it is back."""
    log = Cluster(*(topic.name for topic in all_topics()))
    log.away = True
    made = watch(log, crm())
    await made.start()
    try:
        assert log.made == []
        log.away = False
        await until(lambda: tuple(log.made) == OWN, 5)
    finally:
        await made.stop()


async def test_alone_it_looks_at_its_own_topics_only() -> None:
    """With the rights of a reader: neither other topics nor configurations may be asked about."""
    log = Cluster(INBOUND.name)
    log.away = True
    made = TopicWatch(log, KAFKA, [crm()], alone=True)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - the part that is asked
    await made.start()
    try:
        assert set(log.looked) == {INBOUND.name, *OWN}
        assert tuple(log.made) == OWN
        assert made.missing == ()
    finally:
        await made.stop()


async def test_that_nobody_could_look_is_told_once() -> None:
    """With the command, which somebody with the rights may run."""
    log = Cluster()
    log.away = True
    made = watch(log, crm())
    with capture_logs() as lines:
        assert [await made._look() for _ in range(2)] == [False, False]
    assert [(line["event"], line["advice"]) for line in lines] == [
        ("topics_not_known", "hookline topics apply --consumer acme.crm:crm")
    ]


async def test_several_consumers_are_all_named() -> None:
    """One command makes what is missing of each."""
    other = Consumer("other")

    @other.on(DeliveryUpdated)
    async def note(event: DeliveryUpdated) -> None:
        del event

    made = watch(Cluster(), crm(), Found("b:other", other))
    made.missing = OWN
    assert "`hookline topics apply --consumer acme.crm:crm --consumer b:other`" in made.trouble
