"""The table of the ledger, in SQLite. Everything here blocks and belongs to the ledger's own thread."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from consumers.state.database import StateError

VERSION = 2
_BUSY_WAIT = 5.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS commands (
    account TEXT NOT NULL,
    command_id TEXT NOT NULL,
    state TEXT NOT NULL,
    calls INTEGER NOT NULL,
    claimed_at REAL NOT NULL,
    called_at REAL NOT NULL,
    body BLOB NOT NULL,
    result BLOB,
    PRIMARY KEY (account, command_id)
) WITHOUT ROWID
"""
_INDEX = "CREATE INDEX IF NOT EXISTS commands_by_age ON commands (claimed_at)"
_OPEN, _CLAIMED, _UNKNOWN, _DONE = "open", "claimed", "unknown", "done"
_AT_REST = 0.0
"""The `called_at` of a command for which no call is under way."""


class LedgerError(StateError):
    """The ledger cannot do what was asked; nothing is known to be noted."""


@dataclass(frozen=True, slots=True)
class Row:
    """A command as a claim leaves it. `doubtful` says that an earlier call may have had its effect.

    With `busy` somebody's call may be under way; nothing was claimed then.
    """

    calls: int
    claimed_at: float
    doubtful: bool = False
    busy: bool = False
    body: bytes = field(default=b"", repr=False)
    result: bytes | None = field(default=None, repr=False)


class LedgerTable:
    """One connection. Every method raises LedgerError and leaves no transaction open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the file, make it where it is not there, for our user alone."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
            connection = sqlite3.connect(self._path, timeout=_BUSY_WAIT, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise LedgerError(f"cannot open {self._path}: {error}") from error
        self._connection = connection
        with self._transaction("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA secure_delete=ON"):
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in {0, VERSION}:
                raise LedgerError(f"{self._path} was made by another version of Hookline (schema {version})")
            connection.execute(_SCHEMA)
            connection.execute(_INDEX)
            connection.execute(f"PRAGMA user_version={VERSION}")

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def claim(self, account: str, command_id: str, body: bytes, now: float, call_time: float) -> Row:
        """Claim a command for one call with `body`; without a body note it alone.

        A call that was claimed less than `call_time` seconds ago, and not released, counts as under way.
        """
        with self._transaction() as connection:
            found = connection.execute(
                "SELECT state, calls, claimed_at, called_at, body, result FROM commands"
                " WHERE account=? AND command_id=?",
                (account, command_id),
            ).fetchone()
            if found is None:
                state, calls = (_CLAIMED, 1) if body else (_OPEN, 0)
                connection.execute(
                    "INSERT INTO commands VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
                    (account, command_id, state, calls, now, now, body),
                )
                return Row(calls, now, body=body)
            state, calls, claimed_at, called_at, kept, result = found
            if result is not None:
                return Row(calls, claimed_at, result=result)
            if state == _CLAIMED and abs(now - called_at) < call_time:
                return Row(calls, claimed_at, doubtful=True, busy=True)
            if state == _CLAIMED:
                return self._again(account, command_id, now, Row(calls + 1, claimed_at, doubtful=True, body=kept))
            # The first body stays: under one id the same bytes are sent again, also after a call without effect.
            row = Row(calls + bool(body), claimed_at, body=kept or body)
            return self._again(account, command_id, now, row) if body else row

    def release(self, account: str, command_id: str, *, doubtful: bool) -> None:
        """Note that the claimed call is over. It had no effect, and with `doubtful` that is not certain."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE commands SET state=?, called_at=? WHERE account=? AND command_id=? AND state=?",
                (_CLAIMED if doubtful else _OPEN, _AT_REST, account, command_id, _CLAIMED),
            )

    def complete(self, account: str, command_id: str, result: bytes, *, definite: bool) -> bytes:
        """Note the result and return the one that counts: the first definite one, else the first of all."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE commands SET state=?, result=?, body=x'' WHERE account=? AND command_id=?"
                " AND (result IS NULL OR (state=? AND ?))",
                (_DONE if definite else _UNKNOWN, result, account, command_id, _UNKNOWN, definite),
            )
            row = connection.execute(
                "SELECT result FROM commands WHERE account=? AND command_id=?", (account, command_id)
            ).fetchone()
        if row is None:
            raise LedgerError("a command was completed that nobody claimed")
        return bytes(row[0])

    def prune(self, before: float) -> None:
        """Forget commands that were first claimed before that time (Unix seconds)."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM commands WHERE claimed_at<?", (before,))

    def _again(self, account: str, command_id: str, now: float, row: Row) -> Row:
        if self._connection is not None:
            self._connection.execute(
                "UPDATE commands SET state=?, calls=?, called_at=?, body=? WHERE account=? AND command_id=?",
                (_CLAIMED, row.calls, now, row.body, account, command_id),
            )
        return row

    @contextmanager
    def _transaction(self, *pragmas: str) -> Generator[sqlite3.Connection]:
        """Run the block in one transaction that is on disk when it ends, after the pragmas."""
        connection = self._connection
        if connection is None:
            raise LedgerError("the ledger is not open")
        try:
            for pragma in pragmas:
                connection.execute(pragma)
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise LedgerError(f"the ledger failed: {error}") from error
