"""What is said while topics are missing on Kafka."""

from collections.abc import Sequence

import pytest

from broker.log import PlannedTopic, TopicChange, TopicSpec
from broker.settings import BrokerSettings, KafkaSettings
from hookline.process.topic_watch import TopicWatch
from hookline.topics import all_topics, log_exists, missing_names, wanted_topics
from schemas.topics import CATALOGUE

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


def test_only_what_is_to_be_created_is_missing() -> None:
    """A topic that is to be altered is there."""
    plan = [PlannedTopic(TopicSpec(change, 1), change) for change in TopicChange]
    assert missing_names(plan) == ("create",)


def test_every_topic_has_a_dead_letter_topic_for_its_reader() -> None:
    """And every name stands once."""
    names = [spec.name for spec in wanted_topics()]
    assert len(names) == len(set(names)) == len(CATALOGUE) + 2


def test_no_topic_has_a_limit_by_size_of_its_own() -> None:
    """On Kafka it is the operator's disk; the embedded log has its own setting, which spares compacted topics."""
    assert {spec.retention_bytes for spec in wanted_topics()} == {None}


def test_a_log_on_kafka_counts_as_there() -> None:
    """Only a file can be looked for without asking."""
    assert log_exists(BrokerSettings(url=KAFKA))
    assert not log_exists(BrokerSettings(url="sqlite:////no/such/file.db"))
