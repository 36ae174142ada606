"""What goes, and when: age, size, and compaction. Bounded passes, so that no append waits long for one."""

import sqlite3
from dataclasses import dataclass

from broker.embedded.reading import place
from broker.embedded.rows import SIZE, record_id
from broker.embedded.session import PartitionState, WriteSession
from broker.log import Partition, TopicSpec

PASS_RECORDS = 500
_PASS_BYTES = 8 * 1024 * 1024
TOMBSTONE_MS = 24 * 60 * 60 * 1000
_AHEAD_MS = 24 * 60 * 60 * 1000
"""A record stamped further ahead of the clock than this was stamped by a clock that was wrong."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the passes go by: the time now in milliseconds, and the bytes that any partition may have."""

    now_ms: int
    max_bytes: int

    def oldest(self, spec: TopicSpec) -> int:
        """Return the timestamp before which records go."""
        return 0 if spec.retention_ms is None else self.now_ms - spec.retention_ms

    def most(self, spec: TopicSpec) -> int | None:
        """Return the bytes that a partition may keep, None for any number."""
        if spec.compacted:
            return spec.retention_bytes
        return min(self.max_bytes, spec.retention_bytes or self.max_bytes)


def has_work(connection: sqlite3.Connection, rules: Rules) -> list[Partition]:
    """Return the partitions for which a pass would do something. Costs no write."""
    rows = connection.execute(
        "SELECT topics.name, partitions.number, partitions.id, partitions.next_offset, partitions.bytes, "
        "partitions.cleaned, retention_ms, retention_bytes, compacted "
        "FROM partitions JOIN topics ON topics.id = partitions.topic_id WHERE partitions.next_offset > 0"
    ).fetchall()
    found: list[Partition] = []
    for name, number, row_id, end, size, cleaned, age, most_bytes, compacted in rows:
        spec = TopicSpec(name, 1, age, most_bytes, bool(compacted))
        most = rules.most(spec)
        is_large = most is not None and size > most
        is_dirty = spec.compacted and (cleaned < end or _due_tombstones(connection, row_id, rules, 1) != [])
        if is_large or is_dirty or _old_until(connection, row_id, end, rules, spec) >= 0:
            found.append(Partition(name, number))
    return found


def _old_until(connection: sqlite3.Connection, partition_id: int, end: int, rules: Rules, spec: TopicSpec) -> int:
    """Return the row up to which all is too old, as far as the oldest end shows; -1 for none.

    A record from far ahead of the clock tells no age: it goes with the first one behind it that does. Else one
    moment of a wrong clock would keep the whole partition until that time comes.
    """
    row = connection.execute(
        "SELECT id, timestamp FROM records WHERE id >= ? AND id < ? AND timestamp <= ? ORDER BY id LIMIT 1",
        (record_id(partition_id, 0), record_id(partition_id, end), rules.now_ms + _AHEAD_MS),
    ).fetchone()
    return row[0] if row is not None and row[1] < rules.oldest(spec) else -1


def one_pass(session: WriteSession, partition: Partition, rules: Rules) -> int:
    """Do a bounded part of the work on a partition and return how many records were taken in hand.

    Less than PASS_RECORDS may still leave work: call until it returns 0.
    """
    topic = session.topic(partition.topic)
    if topic is None or place(session.connection, partition) is None:
        return 0
    # What this transaction has appended must be in the table before it is counted there.
    session.flush()
    state = topic.partitions[partition.number]
    done = _trim(session, state, topic.spec, rules)
    if topic.spec.compacted:
        done += _clean(session, state, rules) + _drop_tombstones(session, state, rules)
    return done


def _trim(session: WriteSession, state: PartitionState, spec: TopicSpec, rules: Rules) -> int:
    """Delete the oldest records while they are too old or the partition too large."""
    rows = session.connection.execute(
        f"SELECT id, timestamp, {SIZE} FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",  # noqa: S608 - a constant
        (record_id(state.id, 0), record_id(state.id, state.next_offset), PASS_RECORDS),
    ).fetchall()
    oldest, most = rules.oldest(spec), rules.most(spec)
    old_until = _old_until(session.connection, state.id, state.next_offset, rules, spec)
    freed, last, count = 0, -1, 0
    for row_id, timestamp, size in rows:
        is_over = most is not None and state.size - freed > most
        if not (row_id <= old_until or timestamp < oldest or is_over) or freed > _PASS_BYTES:
            break
        freed, last, count = freed + size, row_id, count + 1
    if count:
        first = record_id(state.id, 0)
        session.connection.execute("DELETE FROM records WHERE id >= ? AND id <= ?", (first, last))
        session.connection.execute("DELETE FROM latest WHERE record_id >= ? AND record_id <= ?", (first, last))
        session.resize(state, -freed)
    return count


def _clean(session: WriteSession, state: PartitionState, rules: Rules) -> int:
    """Go on behind the last pass: of each key met, delete the record that was the latest before."""
    connection = session.connection
    (cleaned,) = connection.execute("SELECT cleaned FROM partitions WHERE id = ?", (state.id,)).fetchone()
    rows = connection.execute(
        "SELECT id, key, value IS NULL FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
        (record_id(state.id, cleaned), record_id(state.id, state.next_offset), PASS_RECORDS),
    ).fetchall()
    for row_id, key, is_tombstone in rows:
        if key is not None:
            _supersede(session, state, key, row_id)
            connection.execute(
                "INSERT INTO latest (partition_id, key, record_id, tombstone_seen_ms) VALUES (?, ?, ?, ?) ON CONFLICT "
                "DO UPDATE SET record_id = excluded.record_id, tombstone_seen_ms = excluded.tombstone_seen_ms",
                (state.id, key, row_id, rules.now_ms if is_tombstone else None),
            )
    reached = state.next_offset if len(rows) < PASS_RECORDS else rows[-1][0] - record_id(state.id, 0) + 1
    if reached != cleaned:
        connection.execute("UPDATE partitions SET cleaned = ? WHERE id = ?", (reached, state.id))
    return len(rows)


def _supersede(session: WriteSession, state: PartitionState, key: bytes, row_id: int) -> None:
    row = session.connection.execute(
        "SELECT record_id FROM latest WHERE partition_id = ? AND key = ?", (state.id, key)
    ).fetchone()
    if row is not None and row[0] < row_id:
        _delete(session, state, row[0])


def _drop_tombstones(session: WriteSession, state: PartitionState, rules: Rules) -> int:
    due = _due_tombstones(session.connection, state.id, rules, PASS_RECORDS)
    for row_id in due:
        _delete(session, state, row_id)
        session.connection.execute("DELETE FROM latest WHERE record_id = ?", (row_id,))
    return len(due)


def _due_tombstones(connection: sqlite3.Connection, partition_id: int, rules: Rules, limit: int) -> list[int]:
    rows = connection.execute(
        "SELECT record_id FROM latest WHERE partition_id = ? AND tombstone_seen_ms <= ? LIMIT ?",
        (partition_id, rules.now_ms - TOMBSTONE_MS, limit),
    ).fetchall()
    return [row_id for (row_id,) in rows]


def _delete(session: WriteSession, state: PartitionState, row_id: int) -> None:
    row = session.connection.execute(
        f"DELETE FROM records WHERE id = ? RETURNING {SIZE}",  # noqa: S608 - a constant
        (row_id,),
    ).fetchall()
    session.resize(state, -sum(size for (size,) in row))
