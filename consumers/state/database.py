"""The database of the state: transactions in threads, with a deadline, on SQLite or PostgreSQL.

Work is a function that gets a connection inside a transaction; what it returns was committed. It may run twice, if
PostgreSQL asks for that, so it must do nothing but SQL.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from random import SystemRandom
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from consumers.state.engines import FORMS, POSTGRESQL_THREADS, new_engine, place_of, postgresql_url
from consumers.state.errors import StateError, StateValueError, is_repeatable, plainly, words
from consumers.state.migrate import migrate
from consumers.state.schema import state_name
from schemas.urls import sqlite_path

__all__ = ["CALL_WAIT", "OPEN_WAIT", "WAITING_MOST", "Database", "StateError", "StateValueError", "Work"]

T = TypeVar("T")
Work = Callable[[Connection], T]

CALL_WAIT = 15.0
"""Seconds that one piece of work may take; the databases' own waits for a lock are shorter."""

OPEN_WAIT = 120.0
"""Seconds that opening may take, with the migration of large tables."""

CLOSE_WAIT = 3.0
WAITING_MOST = 256
_TRIES = 5
_PAUSE = 0.05

_log = structlog.get_logger()
_random = SystemRandom()


class Database:
    """The state at `url`: `sqlite:///path` is relative, `sqlite:////path` absolute, `postgresql://...` a server."""

    def __init__(self, url: str) -> None:
        self._server = postgresql_url(url)
        if self._server is None and sqlite_path(url) is None:
            # The text is not shown: a server's URL that was mistyped holds a password.
            raise StateError(f"the URL of the state is not of the form {FORMS}")
        self._url = url
        self._engine: Engine | None = None
        self._executor: ThreadPoolExecutor | None = None
        self._waiting = set[Future[Any]]()
        self._opening = asyncio.Lock()
        self._name = ""

    def __repr__(self) -> str:
        return f"Database({self.place!r})"

    @property
    def shared(self) -> bool:
        """Whether processes on other hosts may use the same state."""
        return self._server is not None

    @property
    def place(self) -> str:
        """Where it is, for people: without user and password."""
        return place_of(self._url)

    @property
    def name(self) -> str:
        """The name that the state was given when it was made; empty until it is open."""
        return self._name

    @property
    def is_open(self) -> bool:
        """Whether work can be done."""
        return self._engine is not None

    async def open(self) -> None:
        """Open the database and bring its tables up to date; does nothing where it is open. Raises StateError."""
        async with self._opening:
            if self._executor is not None:
                return
            threads = POSTGRESQL_THREADS if self.shared else 1
            self._executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="state")
            try:
                self._engine = await self._call(self._open, Engine.dispose, OPEN_WAIT)
            except BaseException:
                await self.close()
                raise

    async def close(self) -> None:
        """Close the database once the work in hand is over; what hangs is left behind after CLOSE_WAIT seconds."""
        executor, engine, self._engine = self._executor, self._engine, None
        if executor is None:
            return
        try:
            if engine is not None:
                # A connection that is in use outlives its pool.
                await asyncio.to_thread(wait_for, tuple(self._waiting), CLOSE_WAIT)
                await self._call(engine.dispose, wait=CLOSE_WAIT)
        except StateError as error:
            _log.warning("state_not_closed", reason=str(error))
        finally:
            self._executor = None
            executor.shutdown(wait=False)

    async def run(self, work: Work[T], undo: Callable[[Connection, T], None] | None = None) -> T:
        """Do the work in one transaction and return what it returned, once that is durable.

        Work that nobody waits for any more is undone by `undo`, in a transaction of its own, once it is over.
        Raises StateError where the state is away or slow, StateValueError where it will never take a value.
        """
        engine = self._engine
        if engine is None:
            raise StateError("the state is not open")
        later = None if undo is None else lambda late: self._transact(engine, lambda given: undo(given, late))
        return await self._call(lambda: self._transact(engine, work), later)

    async def empty_journal(self) -> bool:
        """Bring what the write-ahead file of SQLite holds into the database and empty it; False while others read.

        Only then is what was deleted gone from the disk. On a server that is the server's own affair: True.
        Raises StateError.
        """
        engine = self._engine
        if engine is None:
            raise StateError("the state is not open")
        return self.shared or await self._call(lambda: _checkpoint(engine))

    def _transact(self, engine: Engine, work: Work[T]) -> T:
        """Do the work, again where the database asks for that. Blocks."""
        tries = 0
        while True:
            tries += 1
            try:
                with engine.begin() as connection:
                    return work(connection)
            except SQLAlchemyError as error:
                if tries < _TRIES and is_repeatable(error):
                    time.sleep(_random.uniform(0.0, _PAUSE * tries))
                    continue
                plainly(error, "the state failed")

    def _open(self) -> Engine:
        try:
            engine = new_engine(self._url)
        except OSError as error:
            raise StateError(f"cannot open the state: {self.place}: {error}") from error
        try:
            self._connect(engine)
        except BaseException:
            engine.dispose()
            raise
        return engine

    def _connect(self, engine: Engine) -> None:
        try:
            with engine.begin() as connection:
                migrate(connection)
                self._name = connection.execute(select(state_name.c.name)).scalar_one()
        except SQLAlchemyError as error:
            plainly(error, f"cannot open the state: {self.place}")
        except sqlite3.Error as error:
            raise StateError(f"cannot open the state: {self.place}: {words(error)}") from error

    def _submit(self, executor: ThreadPoolExecutor, work: Callable[[], T]) -> "Future[T]":
        future = executor.submit(work)
        # What nobody waits for any more keeps its place until it is over: the bound is on the threads' work.
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)
        return future

    async def _call(
        self, work: Callable[[], T], undo: Callable[[T], None] | None = None, wait: float | None = None
    ) -> T:
        executor = self._executor
        if executor is None:
            raise StateError("the state is not open")
        if len(self._waiting) >= WAITING_MOST:
            raise StateError("too many calls wait for the state")
        future = self._submit(executor, work)
        try:
            async with asyncio.timeout(CALL_WAIT if wait is None else wait):
                return await asyncio.wrap_future(future)
        except (TimeoutError, asyncio.CancelledError) as error:
            if not future.cancel() and undo is not None:
                # A state that was closed meanwhile cannot; then what was noted stays, as after a crash.
                with contextlib.suppress(RuntimeError):
                    self._submit(executor, lambda: undo(future.result()))
            if isinstance(error, TimeoutError):
                raise StateError("the state took too long") from error
            raise


def _checkpoint(engine: Engine) -> bool:
    """Run a checkpoint, which no transaction may contain. Blocks."""
    raw = engine.raw_connection()
    try:
        busy, _, _ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise StateError(f"the state failed: {words(error)}") from error
    else:
        return not busy
    finally:
        raw.close()
