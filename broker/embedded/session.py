"""What the writer knows of topics and partitions inside a transaction, and the rows that it is about to store."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from broker.embedded.rows import record_id
from broker.log import TopicSpec

NewRow = tuple[int, int, int, bytes | None, bytes, bytes | None]
_CHUNKS = (64, 8, 1)
"""Rows of one INSERT. Each statement gives up the interpreter's lock once, so few large ones are faster."""


@dataclass(slots=True)
class PartitionState:
    """One partition as the transaction in hand leaves it."""

    id: int
    topic_id: int
    number: int
    next_offset: int
    newest: int
    size: int


@dataclass(slots=True)
class TopicState:
    """One topic with its partitions in order."""

    id: int
    spec: TopicSpec
    partitions: list[PartitionState]


class WriteSession:
    """The writer's connection with what it remembers. Every method is called between BEGIN and COMMIT.

    What it remembers holds until another process commits (`PRAGMA data_version`) or a transaction fails.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._topics: dict[str, TopicState] = {}
        self._rows: list[NewRow] = []
        self._touched: dict[int, PartitionState] = {}
        self._version = -1

    def refresh(self) -> None:
        """Forget what another process may have changed. Called first in a transaction."""
        (version,) = self.connection.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._topics.clear()
            self._version = version

    def forget(self) -> None:
        """Forget everything: the transaction was undone."""
        self._topics.clear()
        self._rows.clear()
        self._touched.clear()

    def topic(self, name: str) -> TopicState | None:
        """Return the topic, None where there is none."""
        known = self._topics.get(name) or load_topic(self.connection, name)
        if known is not None:
            self._topics[name] = known
        return known

    def create_topic(self, spec: TopicSpec) -> TopicState:
        """Create a topic that is not there."""
        limits = (spec.retention_ms, spec.retention_bytes, spec.compacted, spec.max_message_bytes)
        cursor = self.connection.execute(
            "INSERT INTO topics (name, partitions, retention_ms, retention_bytes, compacted, max_message_bytes) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (spec.name, spec.partitions, *limits),
        )
        self.connection.executemany(
            "INSERT INTO partitions (topic_id, number) VALUES (?, ?)",
            [(cursor.lastrowid, number) for number in range(spec.partitions)],
        )
        created = self.topic(spec.name)
        assert created is not None  # noqa: S101 - it was inserted above, in this transaction
        return created

    def alter_topic(self, spec: TopicSpec) -> None:
        """Give a topic other limits."""
        self.connection.execute(
            "UPDATE topics SET retention_ms = ?, retention_bytes = ?, compacted = ?, max_message_bytes = ? "
            "WHERE name = ?",
            (spec.retention_ms, spec.retention_bytes, spec.compacted, spec.max_message_bytes, spec.name),
        )
        self.flush()
        self._topics.pop(spec.name, None)

    def add(self, state: PartitionState, timestamp: int, key: bytes | None, headers: bytes, value: bytes | None) -> int:
        """Take a record into the transaction and return its offset."""
        offset = state.next_offset
        state.next_offset += 1
        state.newest = max(state.newest, timestamp)
        self._rows.append((record_id(state.id, offset), timestamp, state.newest, key, headers, value))
        self.resize(state, len(key or b"") + len(headers) + len(value or b""))
        return offset

    def resize(self, state: PartitionState, change: int) -> None:
        """Note that the partition's bytes grew or shrank."""
        state.size += change
        self._touched[state.id] = state

    def flush(self) -> None:
        """Hand all that was added to SQLite. Called before a COMMIT, and before a statement that must see it."""
        _insert(self.connection, "INSERT INTO records (id, timestamp, newest, key, headers, value)", 6, self._rows)
        states = [(s.id, s.topic_id, s.number, s.next_offset, s.newest, s.size) for s in self._touched.values()]
        _insert(
            self.connection,
            "INSERT INTO partitions (id, topic_id, number, next_offset, newest, bytes)",
            6,
            states,
            " ON CONFLICT (id) DO UPDATE SET next_offset = excluded.next_offset, newest = excluded.newest,"
            " bytes = excluded.bytes",
        )
        self._rows.clear()
        self._touched.clear()


def _insert(
    connection: sqlite3.Connection, head: str, width: int, rows: Sequence[tuple[object, ...]], tail: str = ""
) -> None:
    at = 0
    one = f"({', '.join('?' * width)})"
    for chunk in _CHUNKS:
        statement = f"{head} VALUES {', '.join([one] * chunk)}{tail}"
        while len(rows) - at >= chunk:
            connection.execute(statement, [value for row in rows[at : at + chunk] for value in row])
            at += chunk


def load_topic(connection: sqlite3.Connection, name: str) -> TopicState | None:
    """Return the topic as the file has it, None where there is none."""
    row = connection.execute(
        "SELECT id, partitions, retention_ms, retention_bytes, compacted, max_message_bytes FROM topics WHERE name = ?",
        (name,),
    ).fetchone()
    if row is None:
        return None
    states = connection.execute(
        "SELECT id, topic_id, number, next_offset, newest, bytes FROM partitions WHERE topic_id = ? ORDER BY number",
        (row[0],),
    ).fetchall()
    spec = TopicSpec(name, row[1], row[2], row[3], bool(row[4]), row[5])
    return TopicState(row[0], spec, [PartitionState(*state) for state in states])
