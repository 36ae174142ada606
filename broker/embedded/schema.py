"""The SQLite file: where it is, its tables, and how a connection is made."""

import contextlib
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from broker.embedded.failures import plain_error
from broker.log import LogError

VERSION = 1
_OLDEST_SQLITE = (3, 37, 0)
_APPLICATION_ID = 0x484F4F4B
OFFSET_BITS = 40
OFFSET_MASK = (1 << OFFSET_BITS) - 1

_TABLES = """
CREATE TABLE topics (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    partitions INTEGER NOT NULL,
    retention_ms INTEGER,
    retention_bytes INTEGER,
    compacted INTEGER NOT NULL,
    max_message_bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE partitions (
    id INTEGER PRIMARY KEY,
    topic_id INTEGER NOT NULL REFERENCES topics (id),
    number INTEGER NOT NULL,
    next_offset INTEGER NOT NULL DEFAULT 0,
    newest INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    cleaned INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic_id, number)
) STRICT;
CREATE TABLE records (
    id INTEGER PRIMARY KEY,
    timestamp INTEGER NOT NULL,
    newest INTEGER NOT NULL,
    key BLOB,
    headers BLOB NOT NULL,
    value BLOB
) STRICT;
CREATE TABLE offsets (
    group_name TEXT NOT NULL,
    partition_id INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (group_name, partition_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE leases (
    group_name TEXT NOT NULL,
    topic TEXT NOT NULL,
    member TEXT NOT NULL,
    beat INTEGER NOT NULL,
    timeout REAL NOT NULL,
    PRIMARY KEY (group_name, topic)
) STRICT, WITHOUT ROWID;
CREATE TABLE latest (
    partition_id INTEGER NOT NULL,
    key BLOB NOT NULL,
    record_id INTEGER NOT NULL UNIQUE,
    tombstone_seen_ms INTEGER,
    PRIMARY KEY (partition_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstones ON latest (partition_id, tombstone_seen_ms) WHERE tombstone_seen_ms IS NOT NULL;
CREATE VIEW log AS
    SELECT topics.name AS topic, partitions.number AS partition, records.id & 1099511627775 AS "offset",
        strftime('%Y-%m-%dT%H:%M:%fZ', records.timestamp / 1000.0, 'unixepoch') AS time,
        CAST(records.key AS TEXT) AS key, CAST(records.headers AS TEXT) AS headers,
        CAST(records.value AS TEXT) AS value
    FROM records
    JOIN partitions ON partitions.id = records.id >> 40
    JOIN topics ON topics.id = partitions.topic_id;
"""


@dataclass(slots=True)
class Store:
    """Where the file is. `max_pages` bounds it below what the disk would take, for tests of a full disk."""

    path: Path
    max_pages: int | None = None

    @staticmethod
    def from_url(url: str) -> "Store":
        """Return the store of `sqlite:///relative` or `sqlite:////absolute`.

        Raises LogError where the URL names no file.
        """
        scheme, _, path = url.partition(":///")
        if scheme != "sqlite" or not path or path.startswith(":memory:") or "\0" in path:
            raise LogError(f"broker url {url!r}: expected sqlite:///PATH, with a fourth slash for an absolute path")
        return Store(Path(path))

    def make_folder(self) -> None:
        """Create the folder of the file, for this user alone, and see to it that it survives a power cut.

        From here on the path is absolute, wherever the process goes.

        Raises LogError where that cannot be.
        """
        self.path = self.path.absolute()
        missing = [folder for folder in self.path.parents if not folder.exists()]
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in missing:
                sync_folder(folder.parent)
        except OSError as error:
            raise LogError(f"the log's folder {self.path.parent} cannot be made: {error.strerror}") from error

    def connect_writer(self) -> sqlite3.Connection:
        """Open the file for writing; make its tables where it is new.

        Raises LogError for a file that waiting cannot mend, LogUnavailableError for one that it may.
        """
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise LogError(f"the embedded log needs SQLite 3.37, this Python has {sqlite3.sqlite_version}")
        return self._connect(self._prepare_writer)

    def connect_reader(self) -> sqlite3.Connection:
        """Open the file for reading alone. Raises as `connect_writer` does."""
        return self._connect(_prepare_reader)

    def _connect(self, prepare: Callable[[sqlite3.Connection], object]) -> sqlite3.Connection:
        self._make_private()
        try:
            connection = sqlite3.connect(self.path, timeout=2.0, isolation_level=None, cached_statements=256)
        except sqlite3.Error as error:
            raise plain_error(error, self.path, opening=True) from error
        try:
            prepare(connection)
        except sqlite3.Error as error:
            connection.close()
            raise plain_error(error, self.path, opening=True) from error
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_private(self) -> None:
        """Create a missing file for this user alone: it holds what people wrote.

        SQLite gives `-wal` and `-shm` the same mode. A file that is there keeps the mode that its owner gave it.
        What fails here SQLite meets too, and names.
        """
        with contextlib.suppress(OSError):
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    def _prepare_writer(self, connection: sqlite3.Connection) -> None:
        self._check_kind(connection)
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise LogError(f"{self.path} is on a file system that cannot hold the log; use a local disk")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -16384")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        if self.max_pages is not None:
            connection.execute(f"PRAGMA max_page_count = {self.max_pages:d}")
        self._make_tables(connection)

    def _check_kind(self, connection: sqlite3.Connection) -> int:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (kind,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if kind not in (0, _APPLICATION_ID) or (tables and kind == 0):
            raise LogError(f"{self.path} is the database of another program; name another file in the broker url")
        if version > VERSION:
            raise LogError(
                f"{self.path} was written by a newer version (its layout is {version}, this program knows {VERSION}); "
                "use that version, or name another file in the broker url"
            )
        return int(version)

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        if self._check_kind(connection) == VERSION:
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have made them while this one waited.
            if self._check_kind(connection) != VERSION:
                for statement in _TABLES.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        # A commit syncs the file; that it has a name is up to its folder.
        sync_folder(self.path.parent)


def _prepare_reader(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA cache_size = -8192")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
