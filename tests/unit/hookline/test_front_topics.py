"""What is said while topics are missing on Kafka."""

import contextlib
from collections.abc import AsyncGenerator, Sequence

import pytest

from broker.log import LogError, LogState, LogUnavailableError, PlannedTopic, TopicChange, TopicSpec
from broker.settings import BrokerSettings, KafkaSettings
from consumers.catalogue import CONSUMERS
from hookline.process import topic_watch
from hookline.process.topic_watch import TopicWatch
from hookline.topics import all_topics, log_exists, missing_names, wanted_topics
from schemas.topics import CATALOGUE
from tests.support.logs import until

KAFKA = "kafka://127.0.0.1:9"
LETTERS = all_topics()[-1].name


class NoLog:
    """Stands where the watch is only asked what it has seen."""


def watch(missing: Sequence[str], copies: int = 2) -> TopicWatch:
    """Return a watch that has seen these topics missing."""
    settings = BrokerSettings(url=KAFKA, kafka=KafkaSettings(min_insync_replicas=copies))
    made = TopicWatch(NoLog(), settings)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - never called
    made.missing = tuple(missing)
    return made


@pytest.mark.parametrize(
    ("missing", "copies", "prevents", "said"),
    [
        ([CATALOGUE[0].name], 2, True, "hookline topics apply"),
        ([LETTERS], 2, False, "hookline topics apply"),
        ([], 1, False, "min_insync_replicas is 1"),
        ([], 2, False, ""),
    ],
)
def test_only_topics_that_are_stored_in_make_it_not_ready(
    missing: list[str], copies: int, prevents: bool, said: str
) -> None:
    """Missing dead letters and too few copies are shown, and do not keep webhooks out."""
    found = watch(missing, copies)
    assert found.prevent_storing is prevents
    assert said in found.trouble
    assert bool(found.trouble) is bool(said)


class ScriptedLog:
    """Answers each look by its script: the names of missing topics, or an error. The last word holds for ever."""

    def __init__(self, *script: Sequence[str] | LogError, state: LogState = LogState.HEALTHY) -> None:
        self.script = list(script)
        self.state = state
        self.looks = 0
        self.applied = 0

    async def plan_topics(self, specs: Sequence[TopicSpec]) -> Sequence[PlannedTopic]:
        """Give the plan of the script."""
        self.looks += 1
        word = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(word, LogError):
            raise word
        return [PlannedTopic(spec, TopicChange.CREATE if spec.name in word else TopicChange.KEEP) for spec in specs]

    async def apply_topics(self, plan: Sequence[PlannedTopic]) -> None:
        """Count."""
        assert plan
        self.applied += 1


@contextlib.asynccontextmanager
async def watching(log: ScriptedLog, url: str) -> AsyncGenerator[TopicWatch, None]:
    """Give a started watch."""
    made = TopicWatch(log, BrokerSettings(url=url))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - the part that is asked
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not make a test wait between two looks."""
    monkeypatch.setattr(topic_watch, "PAUSE", 0.01)
    monkeypatch.setattr(topic_watch, "REST", 0.02)


@pytest.mark.usefixtures("quick")
async def test_a_topic_that_is_deleted_later_is_seen() -> None:
    """There at first, then gone, then there again: readiness follows."""
    name = CATALOGUE[0].name
    log = ScriptedLog([], [name])
    async with watching(log, KAFKA) as watch:
        await until(lambda: watch.prevent_storing, 5)
        log.script = [[]]
        await until(lambda: not watch.prevent_storing, 5)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("state", [LogState.HEALTHY, LogState.AWAY])
async def test_a_locked_file_does_not_end_a_starting_process(state: LogState) -> None:
    """The topics are made as soon as that can be, and once."""
    log = ScriptedLog(LogUnavailableError("locked"), LogUnavailableError("locked"), [], state=state)
    async with watching(log, "sqlite:///log.db"):
        await until(lambda: log.applied, 5)
    assert (log.looks, log.applied) == (3, 1)


async def test_the_embedded_log_has_its_topics_when_the_start_returns() -> None:
    """Nothing is stored before, so that no topic is made by guess."""
    log = ScriptedLog([])
    async with watching(log, "sqlite:///log.db"):
        assert log.applied == 1


def test_only_what_is_to_be_created_is_missing() -> None:
    """A topic that is to be altered is there."""
    plan = [PlannedTopic(TopicSpec(change, 1), change) for change in TopicChange]
    assert missing_names(plan) == ("create",)


def test_every_topic_has_a_retry_and_a_dead_letter_topic_for_its_reader() -> None:
    """And every name stands once."""
    names = [spec.name for spec in wanted_topics()]
    letters = [
        f"{topic.name}.{consumer.name}.{word}"
        for consumer in CONSUMERS
        for topic in consumer.topics
        for word in ("retry", "dlq")
    ]
    assert names == [*(topic.name for topic in CATALOGUE), *letters]
    assert len(names) == len(set(names))


def test_no_topic_has_a_limit_by_size_of_its_own() -> None:
    """On Kafka it is the operator's disk; the embedded log has its own setting, which spares compacted topics."""
    assert {spec.retention_bytes for spec in wanted_topics()} == {None}


def test_a_log_on_kafka_counts_as_there() -> None:
    """Only a file can be looked for without asking."""
    assert log_exists(BrokerSettings(url=KAFKA))
    assert not log_exists(BrokerSettings(url="sqlite:////no/such/file.db"))
