"""The topics that an installation needs: the catalogue, and two of each consumer for what it could not process."""

from collections.abc import Iterable

from broker.log import PlannedTopic, TopicChange, TopicSpec
from broker.settings import BrokerSettings
from consumers.catalogue import CONSUMERS
from schemas.topics import CATALOGUE, Topic, dead_letter_topic, retry_topic
from schemas.urls import sqlite_path

SAFE_COPIES = 2
"""Copies that must hold a record so that the loss of one broker loses nothing (P1)."""


def wanted_topics() -> tuple[TopicSpec, ...]:
    """Return what the topics should be, on either log."""
    return tuple(_spec(topic) for topic in all_topics())


def all_topics() -> tuple[Topic, ...]:
    """Return every topic that we write, those of our consumers included."""
    return (*CATALOGUE, *(each for item in CONSUMERS for each in group_topics(item.name, item.topics)))


def group_topics(group: str, topics: Iterable[Topic]) -> tuple[Topic, ...]:
    """Return what a consumer group needs beside the topics that it reads: of each its retry and dead-letter topic."""
    return tuple(make(topic, group) for topic in topics for make in (retry_topic, dead_letter_topic))


def log_exists(settings: BrokerSettings) -> bool:
    """Tell whether the embedded log's file is there; a log on Kafka always counts as there."""
    path = sqlite_path(settings.url)
    return path is None or path.exists()


def missing_names(plan: Iterable[PlannedTopic]) -> tuple[str, ...]:
    """Return the topics of the plan that are not there."""
    return tuple(item.spec.name for item in plan if item.change is TopicChange.CREATE)


def _spec(topic: Topic) -> TopicSpec:
    return TopicSpec(
        name=topic.name,
        partitions=topic.partitions,
        retention_ms=topic.retention_ms,
        compacted=topic.compacted,
        max_message_bytes=topic.max_message_bytes,
    )
