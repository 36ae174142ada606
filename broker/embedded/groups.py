"""Leases and committed offsets of consumer groups, inside the writer's transaction or the reader's thread."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from broker.embedded.reading import place, positions_of
from broker.embedded.session import WriteSession
from broker.log import FencedError, Partition


@dataclass(frozen=True, slots=True)
class Lease:
    """Who reads a topic for a group, how often it has said so, and after how many seconds of silence it has lost it.

    The time is the holder's own setting: both sides must go by the same one.
    """

    member: str
    beat: int
    timeout: float


def leases(connection: sqlite3.Connection, group: str, topics: Sequence[str]) -> dict[str, Lease]:
    """Return the leases on the topics, by topic."""
    rows = connection.execute(
        "SELECT topic, member, beat, timeout FROM leases WHERE group_name = ?", (group,)
    ).fetchall()
    return {topic: Lease(member, beat, timeout) for topic, member, beat, timeout in rows if topic in topics}


def take(
    session: WriteSession, group: str, topics: Sequence[str], mine: Lease, stale: Mapping[str, Lease]
) -> dict[Partition, int] | None:
    """Take the leases on all the topics, where each is free, ours, or still as it was when it was seen stale.

    Returns where the group stands, None where the leases were not to be had.
    """
    held = leases(session.connection, group, topics)
    if any(lease.member != mine.member and stale.get(topic) != lease for topic, lease in held.items()):
        return None
    session.connection.executemany(
        "INSERT INTO leases (group_name, topic, member, beat, timeout) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (group_name, topic) DO UPDATE SET member = excluded.member, beat = beat + 1, "
        "timeout = excluded.timeout",
        [(group, topic, mine.member, mine.beat, mine.timeout) for topic in topics],
    )
    return positions_of(session.connection, group, topics)


def beat(session: WriteSession, group: str, topics: Sequence[str], member: str) -> bool:
    """Say that the member lives. False where it has lost a lease; then nothing is changed."""
    held = leases(session.connection, group, topics)
    if len(held) != len(topics) or any(lease.member != member for lease in held.values()):
        return False
    session.connection.execute("UPDATE leases SET beat = beat + 1 WHERE group_name = ? AND member = ?", (group, member))
    return True


def release(session: WriteSession, group: str, member: str) -> None:
    """Give up the member's leases."""
    session.connection.execute("DELETE FROM leases WHERE group_name = ? AND member = ?", (group, member))


def commit(session: WriteSession, group: str, member: str, offsets: Mapping[Partition, int]) -> None:
    """Store the offsets. Raises FencedError, before any change, where the member holds no lease."""
    held = leases(session.connection, group, sorted({partition.topic for partition in offsets}))
    found = [(place(session.connection, partition), offset) for partition, offset in offsets.items()]
    for partition, (at, _) in zip(offsets, found, strict=True):
        lease = held.get(partition.topic)
        if at is None or lease is None or lease.member != member:
            raise FencedError(f"group {group} has no lease on {partition.topic} for this member any more")
    session.connection.executemany(
        "INSERT INTO offsets (group_name, partition_id, next_offset) VALUES (?, ?, ?) "
        "ON CONFLICT (group_name, partition_id) DO UPDATE SET next_offset = excluded.next_offset",
        [(group, at.id, offset) for at, offset in found if at is not None],
    )
