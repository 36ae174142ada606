"""Where dead letters stand: the topics of a group, and the place of one letter. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from broker.log import Partition
from consumers.catalogue import CONSUMERS
from schemas.topics import CATALOGUE, Topic, dead_letter_topic, retry_topic

_ENDING = ".dlq"
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where one letter stands in the log. As text `TOPIC:PARTITION:OFFSET`."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"

    @property
    def at(self) -> Partition:
        """The partition in which it stands."""
        return Partition(self.topic, self.partition)


@dataclass(frozen=True, slots=True)
class Box:
    """What a group could not process of one topic."""

    origin: Topic
    group: str

    @property
    def letters(self) -> Topic:
        """The dead-letter topic."""
        return dead_letter_topic(self.origin, self.group)

    @property
    def retries(self) -> Topic:
        """The group's retry topic, where a redriven letter goes."""
        return retry_topic(self.origin, self.group)


def parse_place(text: str) -> Place:
    """Return the place that a text names. Raises ValueError with what may be written."""
    topic, _, rest = text.partition(":")
    partition, _, offset = rest.partition(":")
    if not topic or not _NUMBER.fullmatch(partition) or not _NUMBER.fullmatch(offset):
        raise ValueError(f"{text!r}: a letter's place is TOPIC:PARTITION:OFFSET, as `hookline dlq list` prints it")
    if box_of(topic) is None:
        raise ValueError(f"{text!r}: {topic} is no dead-letter topic; those are named ORIGIN.GROUP{_ENDING}")
    return Place(topic, int(partition), int(offset))


def box_of(name: str) -> Box | None:
    """Return whose letters a topic holds, None where it is no dead-letter topic of a topic of the contract."""
    for topic in CATALOGUE:
        before = f"{topic.name}."
        if name.startswith(before) and name.endswith(_ENDING):
            group = name[len(before) : -len(_ENDING)]
            return Box(topic, group) if group else None
    return None


def boxes_of(groups: Iterable[str]) -> tuple[Box, ...]:
    """Return every box that the groups may have; without a group those of all our own consumers.

    Which topics a group of somebody else's reads only the log can tell: all are given.
    """
    asked = dict.fromkeys(groups)
    if not asked:
        return tuple(Box(topic, ours.name) for ours in CONSUMERS for topic in ours.topics)
    return tuple(Box(topic, group) for group in asked for topic in CATALOGUE)
