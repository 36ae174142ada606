"""Looking up and fetching, in the reader's thread. Every statement is short, so that no snapshot is held for long."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from broker.embedded.rows import offset_of, record_id, rows_between, to_stored
from broker.log import Bounds, Partition
from schemas.records import StoredRecord

PAGE_RECORDS = 500
_LAST_TIMESTAMP = (1 << 63) - 1
PAGE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """A partition as it is stored: the id that its rows begin with, and its next offset."""

    partition: Partition
    id: int
    end: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """New records, and where the reading of each partition of the topics stands after them."""

    records: list[StoredRecord]
    positions: dict[Partition, int]


def places(connection: sqlite3.Connection, topics: Sequence[str]) -> list[Place]:
    """Return the partitions of the topics that exist, in order."""
    return [one for topic in topics for one in _places_of(connection, topic)]


def _places_of(connection: sqlite3.Connection, topic: str) -> list[Place]:
    rows = connection.execute(
        "SELECT partitions.number, partitions.id, partitions.next_offset FROM topics "
        "JOIN partitions ON partitions.topic_id = topics.id WHERE topics.name = ? ORDER BY partitions.number",
        (topic,),
    ).fetchall()
    return [Place(Partition(topic, number), row_id, end) for number, row_id, end in rows]


def place(connection: sqlite3.Connection, partition: Partition) -> Place | None:
    """Return one partition, None where there is none."""
    found = places(connection, [partition.topic])
    return next((one for one in found if one.partition == partition), None)


def bounds(connection: sqlite3.Connection, partition: Partition) -> Bounds:
    """Return the oldest and the next offset; nothing at all counts as an empty partition."""
    found = place(connection, partition)
    if found is None:
        return Bounds(0, 0)
    row = connection.execute(
        "SELECT id FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT 1",
        (record_id(found.id, 0), record_id(found.id, found.end)),
    ).fetchone()
    return Bounds(found.end if row is None else offset_of(row[0]), found.end)


def offset_at(connection: sqlite3.Connection, partition: Partition, timestamp: int) -> int:
    """Return the first offset whose record is not older, else the end.

    `newest` never falls along a partition, so halving finds the first row that has reached the timestamp; no
    earlier record can be the answer. That row's own record may be gone, so a scan goes on from there.
    """
    found = place(connection, partition)
    if found is None:
        return 0
    timestamp = min(max(timestamp, 0), _LAST_TIMESTAMP)
    low, high = 0, found.end
    end = record_id(found.id, found.end)
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(
            "SELECT id, newest FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT 1",
            (record_id(found.id, middle), end),
        ).fetchone()
        if row is None or row[1] >= timestamp:
            high = middle
        else:
            low = offset_of(row[0]) + 1
    row = connection.execute(
        "SELECT id FROM records WHERE id >= ? AND id < ? AND timestamp >= ? ORDER BY id LIMIT 1",
        (record_id(found.id, low), end, timestamp),
    ).fetchone()
    return found.end if row is None else offset_of(row[0])


def page(connection: sqlite3.Connection, partition: Partition, offset: int, end: int) -> list[StoredRecord]:
    """Return the next records of a range, none at its end."""
    found = place(connection, partition)
    if found is None:
        return []
    first, last = record_id(found.id, offset), record_id(found.id, min(end, found.end))
    rows = rows_between(connection, first, last, PAGE_RECORDS, PAGE_BYTES)
    return [to_stored(partition.topic, partition.number, row) for row in rows]


def committed(connection: sqlite3.Connection, group: str, partition: Partition) -> int | None:
    """Return the group's offset in a partition, None where it has none."""
    found = place(connection, partition)
    return None if found is None else _committed(connection, group, found.id)


def _committed(connection: sqlite3.Connection, group: str, partition_id: int) -> int | None:
    row = connection.execute(
        "SELECT next_offset FROM offsets WHERE group_name = ? AND partition_id = ?", (group, partition_id)
    ).fetchone()
    return None if row is None else int(row[0])


def positions_of(connection: sqlite3.Connection, group: str, topics: Sequence[str]) -> dict[Partition, int]:
    """Return where a new member of the group starts in each partition."""
    return {one.partition: _committed(connection, group, one.id) or 0 for one in places(connection, topics)}


@dataclass(frozen=True, slots=True)
class Want:
    """What a member asks for: up to `limit` records after its positions, none of partitions that are `paused`.

    `turn` says which partition comes first.
    """

    group: str
    topics: Sequence[str]
    positions: Mapping[Partition, int]
    limit: int
    turn: int
    paused: frozenset[Partition] = frozenset()


def fetch(connection: sqlite3.Connection, want: Want) -> Fetched:
    """Return new records. While several partitions have some, none gives more than its share.

    Partitions that came to be since the last fetch are taken in.
    """
    known = places(connection, want.topics)
    standing = {one.partition: _standing(connection, want, one) for one in known}
    waiting = [one for one in known if standing[one.partition] < one.end and one.partition not in want.paused]
    turn = want.turn % max(len(waiting), 1)
    records: list[StoredRecord] = []
    for at, one in enumerate(waiting[turn:] + waiting[:turn]):
        share = -(-(want.limit - len(records)) // (len(waiting) - at))
        if share <= 0:
            break
        first, end = record_id(one.id, standing[one.partition]), record_id(one.id, one.end)
        rows = rows_between(connection, first, end, share, PAGE_BYTES // len(waiting))
        records += [to_stored(one.partition.topic, one.partition.number, row) for row in rows]
        # Retention may have emptied the range: then reading goes on at its end.
        standing[one.partition] = offset_of(rows[-1][0]) + 1 if rows else one.end
    return Fetched(records, standing)


def _standing(connection: sqlite3.Connection, want: Want, one: Place) -> int:
    known = want.positions.get(one.partition)
    return (_committed(connection, want.group, one.id) or 0) if known is None else known
