"""The page for other teams names everything that the contract has."""

import re
from pathlib import Path

import pytest

from consumers.loop.origin import OURS
from hookline.topics import group_topics
from schemas.codec import members_of
from schemas.envelope import event_to_record
from schemas.events import EVENT_CLASSES, Cost, Event, Media, ProviderError, ProviderNotified
from schemas.times import from_millis
from schemas.topics import CATALOGUE, INBOUND, PARTITIONS, Topic
from schemas.vocabulary import Autoresponse, Channel, DeliveryStatus, EventType, FailureClass, SendOutcome

PAGE = (Path(__file__).parents[2] / "docs" / "topics.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"`([^`\n]+)`", PAGE))


@pytest.mark.parametrize("topic", CATALOGUE, ids=lambda topic: topic.name)
def test_every_topic_is_documented(topic: Topic) -> None:
    """Name, time and compaction stand in one row."""
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{topic.name}`")]
    kept = f"{topic.retention_ms // 86_400_000} days" if topic.retention_ms else "compacted"
    assert kept in row
    assert ("compacted" in row) == topic.compacted
    assert topic.partitions == PARTITIONS


@pytest.mark.parametrize("topic", group_topics("group", [INBOUND]), ids=lambda topic: topic.name)
def test_every_topic_of_a_group_is_documented(topic: Topic) -> None:
    """Its name as a pattern, and its time."""
    pattern = topic.name.replace(INBOUND.name, "<topic>").replace("group", "<group>")
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{pattern}`")]
    assert f"{(topic.retention_ms or 0) // 86_400_000} days" in row


def test_the_partition_count_is_told() -> None:
    """Foreign writers need it."""
    assert f"has {PARTITIONS} partitions" in PAGE


@pytest.mark.parametrize("kind", EventType)
def test_every_type_is_documented(kind: EventType) -> None:
    """No event without a place on the page."""
    assert kind in WORDS


@pytest.mark.parametrize("cls", [*EVENT_CLASSES.values(), Cost, Media, ProviderError])
def test_every_member_is_documented(cls: type[Event]) -> None:
    """A member without documentation cannot be relied on."""
    assert {member.name for member in members_of(cls)} - WORDS == set()


def test_every_word_is_documented() -> None:
    """Statuses, classes, outcomes and channels by name, and the ends of the ranks."""
    assert {*DeliveryStatus, *FailureClass, *SendOutcome, *Autoresponse, *Channel} - WORDS == set()
    last = DeliveryStatus.READ
    assert f"0 for `{DeliveryStatus.UNKNOWN}`, {last.rank} for `{last}`" in PAGE
    assert last.rank == max(word.rank for word in DeliveryStatus)


def test_every_header_is_documented() -> None:
    """What stands in a record stands on the page."""
    event = ProviderNotified(id="i", provider="p", account="a", tenant="t", received_at=from_millis(0), notice="n")
    names = {name for name, _ in event_to_record(event, webhook_id="w", traceparent="t").headers}
    assert names - WORDS == set()


def test_every_header_of_retries_and_dead_letters_is_documented() -> None:
    """What a group adds to a record stands on the page too."""
    assert not OURS - WORDS
