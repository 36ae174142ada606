"""SQLite's errors in words that an operator can act on."""

import sqlite3
from pathlib import Path

from broker.log import LogError, LogUnavailableError

_WORDS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_BUSY: "another process holds the log's lock",
    sqlite3.SQLITE_LOCKED: "another connection holds the log's lock",
    sqlite3.SQLITE_READONLY: "the log's file may not be written; check its owner and the mount",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_CANTOPEN: "the log's file cannot be opened; check the path and its rights",
    sqlite3.SQLITE_PERM: "the log's file may not be opened; check its owner",
    sqlite3.SQLITE_AUTH: "the log's file may not be opened; check its owner",
    sqlite3.SQLITE_CORRUPT: "the log's file is damaged; move it away and start with a new one",
    sqlite3.SQLITE_NOTADB: "the file is not a log of ours, or its start is damaged",
}
_NOT_MENDED_BY_WAITING = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
}


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code, -1 where the module made the error itself."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else code & 0xFF


def is_of_the_store(error: sqlite3.Error) -> bool:
    """Tell whether the store is what failed, and not the statement or its values."""
    return primary_code(error) in _WORDS


def plain_error(error: sqlite3.Error, path: Path, *, opening: bool = False) -> LogError:
    """Return the error to raise instead: LogUnavailableError, or LogError where an opening can never work."""
    code = primary_code(error)
    words = f"{path}: {_WORDS.get(code, f'SQLite says {error}')}"
    if opening and code in _NOT_MENDED_BY_WAITING:
        return LogError(words)
    return LogUnavailableError(words)
