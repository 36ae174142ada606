"""Topics: what is there, what has to change, and the change."""

import sqlite3
from collections.abc import Sequence

from broker.embedded.session import WriteSession, load_topic
from broker.log import PlannedTopic, TopicChange, TopicSpec

_LIMITS = ("retention_ms", "retention_bytes", "compacted", "max_message_bytes")


def plan(connection: sqlite3.Connection, specs: Sequence[TopicSpec]) -> list[PlannedTopic]:
    """Return one line for each spec, in order."""
    return [_planned(connection, spec) for spec in specs]


def _planned(connection: sqlite3.Connection, spec: TopicSpec) -> PlannedTopic:
    found = load_topic(connection, spec.name)
    if found is None:
        return PlannedTopic(spec, TopicChange.CREATE, f"{spec.partitions} partitions")
    has = found.spec
    if has.partitions != spec.partitions:
        detail = f"has {has.partitions} partitions, wanted {spec.partitions}: keys would move; make a new topic"
        return PlannedTopic(spec, TopicChange.CONFLICT, detail)
    changes = [
        f"{name} from {getattr(has, name)} to {getattr(spec, name)}"
        for name in _LIMITS
        if getattr(has, name) != getattr(spec, name)
    ]
    return PlannedTopic(spec, TopicChange.ALTER if changes else TopicChange.KEEP, ", ".join(changes))


def apply(session: WriteSession, lines: Sequence[PlannedTopic]) -> None:
    """Create and alter. What has become true since the plan was made is left alone, and so is a conflict."""
    for line in lines:
        if line.change is TopicChange.CONFLICT:
            continue
        found = session.topic(line.spec.name)
        if found is None:
            session.create_topic(line.spec)
        elif found.spec.partitions == line.spec.partitions and found.spec != line.spec:
            session.alter_topic(line.spec)
