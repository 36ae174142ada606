"""The thread that writes: group commit, bounded waits, and what it does when the store fails."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Sequence

import structlog

from broker.embedded.failures import is_of_the_store, primary_code
from broker.embedded.lane import Job, Lane
from broker.embedded.schema import Store
from broker.embedded.session import WriteSession
from broker.log import FencedError, LogError, LogState, LogUnavailableError, RecordRefusedError

MAX_JOBS = 4096
MAX_BYTES = 64 * 1024 * 1024
STUCK_SECONDS = 0.5
"""So long jobs may wait while none is done before the log is suspected. A sound disk takes a few milliseconds."""

_STOP_WAIT = 2.0
_RETRY = 0.001

_log = structlog.get_logger(__name__)


class Writer(Lane[WriteSession]):
    """One transaction for all jobs that wait; the answer comes after its fsync.

    A job checks all it wants to check before its first change, so that its LogError leaves the others alone.
    """

    # A writer that never rests would leave other processes no gap in which to get SQLite's lock.
    pause = 0.0003

    def __init__(self, store: Store, on_commit: Callable[[], None]) -> None:
        super().__init__("hookline-log-writer", store, max_jobs=MAX_JOBS, max_bytes=MAX_BYTES)
        self._state = LogState.STARTING
        self._reason = "not opened yet"
        self._settled_at = float("-inf")
        self.transactions = 0
        self._on_commit = on_commit
        self._file = (0, 0)
        self._was_open = False
        self._stop_at = float("inf")

    @property
    def state(self) -> LogState:
        """How the last transaction ended, suspect while the next takes too long; away once it was stopped."""
        if self._stopping:
            return LogState.AWAY
        return LogState.SUSPECT if self._is_stuck else self._state

    @property
    def _is_stuck(self) -> bool:
        return self._state is LogState.HEALTHY and self.stuck_seconds > STUCK_SECONDS

    @property
    def reason(self) -> str:
        """Why the last transaction failed; empty where it ended well."""
        if self._stopping:
            return "the log was stopped"
        return f"nothing was stored for {STUCK_SECONDS:g} s although it waits" if self._is_stuck else self._reason

    @property
    def idle_seconds(self) -> float:
        """How long ago a transaction ended, well or not."""
        return time.monotonic() - self._settled_at

    def doubt(self, reason: str) -> None:
        """Count as away until a transaction ends well."""
        self._turn(LogState.AWAY, reason)

    def connect(self) -> WriteSession:
        """Open the file; once it was open, whatever is wrong with it counts as away."""
        try:
            connection = self.store.connect_writer()
        except LogError as error:
            raise (LogUnavailableError(str(error)) if self._was_open else error) from error
        if not self._was_open:
            self._file = _identity(self.store)
            self._was_open = True
        connection.execute("PRAGMA busy_timeout = 0")
        return WriteSession(connection)

    async def stop(self) -> None:
        """Finish what is queued, within a few seconds."""
        self._stop_at = time.monotonic() + _STOP_WAIT
        await super().stop()

    def settled(self, jobs: Sequence[Job[WriteSession]]) -> None:
        """Let the state follow the evidence, and wake who waits for records."""
        tried = [job.error for job in jobs if job.tried]
        failed = [error for error in tried if error and not isinstance(error, (RecordRefusedError, FencedError))]
        if not tried:
            return
        self._settled_at = time.monotonic()
        if failed:
            self._turn(LogState.AWAY, str(failed[0]))
            return
        self._turn(LogState.HEALTHY, "")
        self._on_commit()

    def _turn(self, state: LogState, reason: str) -> None:
        if state is not self._state:
            _log.info("log_state_changed", state=state, reason=reason)
        self._state, self._reason = state, reason

    def serve(self, jobs: Sequence[Job[WriteSession]]) -> None:
        """Run the jobs as one transaction."""
        wanted = self.still_wanted(jobs)
        if not wanted:
            return
        try:
            self._transact(wanted)
        except sqlite3.Error as error:
            self._undo()
            self._after_sqlite_error(wanted, error)
        except LogError as error:
            self._undo()
            self.fail(wanted, error)
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            self._undo()
            self._one_by_one(wanted, error)

    def _transact(self, jobs: Sequence[Job[WriteSession]]) -> None:
        session = self._ready_session()
        self._begin(session, jobs)
        session.refresh()
        for job in jobs:
            job.error = None
            try:
                job.result = job.work(session)
            except LogError as error:
                job.error = error
        session.flush()
        session.connection.execute("COMMIT")
        self.transactions += 1

    def _ready_session(self) -> WriteSession:
        if self.session is None:
            self.session = self.connect()
        if _identity(self.store) != self._file:
            raise LogUnavailableError(f"{self.store.path} was moved or deleted while in use; start again")
        return self.session

    def _begin(self, session: WriteSession, jobs: Sequence[Job[WriteSession]]) -> None:
        """Get SQLite's lock. It is asked for often and briefly: its own waiting sleeps too long to be fair."""
        patience, doubted = _RETRY, False
        while True:
            try:
                session.connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                late = time.monotonic() >= self._stop_at or not any(job.is_wanted for job in jobs)
                if primary_code(error) != sqlite3.SQLITE_BUSY or late:
                    raise
            else:
                return
            doubted = doubted or self._doubt_lock(jobs)
            time.sleep(patience)
            patience = min(patience * 1.05, 0.02)

    def _doubt_lock(self, jobs: Sequence[Job[WriteSession]]) -> bool:
        """Count as away once the first job has waited in vain: others of its batch may wait much longer. Tell so."""
        now, loop = time.monotonic(), self._loop
        if loop is None or all(now < job.deadline for job in jobs):
            return False
        with contextlib.suppress(RuntimeError):  # the loop was closed under us
            loop.call_soon_threadsafe(self.doubt, f"another process holds the lock of {self.store.path}")
        return True

    def _undo(self) -> None:
        session = self.session
        if session is None:
            return
        session.forget()
        with contextlib.suppress(sqlite3.Error):
            if session.connection.in_transaction:
                session.connection.execute("ROLLBACK")

    def _after_sqlite_error(self, jobs: Sequence[Job[WriteSession]], error: sqlite3.Error) -> None:
        if not is_of_the_store(error):
            self._one_by_one(jobs, error)
            return
        self.fail(jobs, error)
        if primary_code(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL):
            self.disconnect()

    def _one_by_one(self, jobs: Sequence[Job[WriteSession]], error: Exception) -> None:
        """One job is at fault: give each its own transaction, so that the others do not suffer for it."""
        if len(jobs) == 1:
            self.fail(jobs, error)
            return
        for job in jobs:
            self.serve([job])

    def disconnect(self) -> None:
        """Close the connection; the next transaction opens a new one."""
        session, self.session = self.session, None
        if session is not None:
            with contextlib.suppress(sqlite3.Error):
                session.connection.close()


def _identity(store: Store) -> tuple[int, int]:
    try:
        found = os.stat(store.path)  # noqa: PTH116 - a third of the time of Path.stat, on the way of every append
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino
