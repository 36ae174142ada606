"""The two SQLite files of an installation, looked at without changing them, and their troubles in plain words."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

_LOCK_WAIT = 2.0
# Reading all of a large file takes longer than anybody waits for a doctor.
_READ_ALL_BELOW = 256 << 20
_NO_RIGHT = ("may not be opened or written", "check its owner, its rights and the mount")
_DAMAGED = ("is damaged, or no SQLite file", "put a copy back, or move it away and a new one is made at the next start")
_LOCKED = ("is locked by another process", "end what holds it; `fuser FILE` names it")
_WORDS = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_READONLY: _NO_RIGHT,
    sqlite3.SQLITE_CANTOPEN: _NO_RIGHT,
    sqlite3.SQLITE_PERM: _NO_RIGHT,
    sqlite3.SQLITE_AUTH: _NO_RIGHT,
    sqlite3.SQLITE_FULL: ("has no room: the disk is full", "make room on the disk"),
    sqlite3.SQLITE_IOERR: ("cannot be read or written: the disk reports an error", "check the disk"),
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a file, to be read behind its path, and what to do."""

    what: str
    advice: str


def trouble_of(error: BaseException) -> Trouble:
    """Return what an error tells, be it SQLite's own or one that it caused."""
    cause = error if isinstance(error, sqlite3.Error) else error.__cause__
    code = getattr(cause, "sqlite_errorcode", None)
    found = None if code is None else _WORDS.get(code & 0xFF)
    return Trouble(*(found or (f"cannot be used: {error}", "see what the error says")))


def examine(path: Path, table: str) -> Trouble | None:
    """Tell what is wrong with a file that should have this table, or be empty. Blocks; changes nothing.

    A file that is not there is sound: the next start makes it.
    """
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(_uri(path), uri=True, timeout=_LOCK_WAIT, isolation_level=None)) as connection:
            return next(_troubles(connection, path, table), None)
    except sqlite3.Error as error:
        return trouble_of(error)


def _troubles(connection: sqlite3.Connection, path: Path, table: str) -> Iterator[Trouble]:
    # The lock is let go of without a change; it alone tells whether somebody else holds it.
    connection.execute("BEGIN IMMEDIATE")
    names = {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if names and table not in names:
        yield Trouble("is the database of another program", "name another file in the configuration")
    connection.execute("ROLLBACK")
    if path.stat().st_size < _READ_ALL_BELOW and connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        yield Trouble(*_DAMAGED)


def _uri(path: Path) -> str:
    # `rw` makes no file where there is none.
    return f"{path.absolute().as_uri()}?mode=rw"
