"""The database of the state: transactions in threads, with a deadline, on SQLite or PostgreSQL.

Work is a function that gets a connection inside a transaction; what it returns was committed. It may run twice, if
PostgreSQL asks for that, so it must do nothing but SQL.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from consumers.state.schema import metadata
from schemas.errors import HooklineError
from schemas.urls import sqlite_path

T = TypeVar("T")
Work = Callable[[Connection], T]

CALL_WAIT = 15.0
"""Seconds that one piece of work may take; SQLite's own wait for another process is shorter."""

WAITING_MOST = 256
_BUSY_WAIT = 5.0
_POSTGRESQL_THREADS = 4

_log = structlog.get_logger()


class StateError(HooklineError):
    """The state cannot do what was asked; nothing is known to be noted."""


class Database:
    """The state at `url`: `sqlite:///path` is relative, `sqlite:////path` absolute, `postgresql://...` a server."""

    def __init__(self, url: str) -> None:
        self._path = sqlite_path(url)
        self._url = url
        self._engine: Engine | None = None
        self._executor: ThreadPoolExecutor | None = None
        self._waiting = set[Future[Any]]()
        self._opening = asyncio.Lock()

    @property
    def shared(self) -> bool:
        """Whether processes on other hosts may use the same state."""
        return self._path is None

    async def open(self) -> None:
        """Open the database and bring its tables up to date; does nothing where it is open. Raises StateError."""
        async with self._opening:
            if self._executor is not None:
                return
            threads = _POSTGRESQL_THREADS if self.shared else 1
            self._executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="state")
            try:
                await self._call(self._open)
            except StateError:
                await self.close()
                raise

    async def close(self) -> None:
        """Close the database; work that hangs is left behind."""
        executor, self._executor = self._executor, None
        engine, self._engine = self._engine, None
        if executor is None:
            return
        if engine is not None:
            executor.submit(engine.dispose)
        executor.shutdown(wait=False)

    async def run(self, work: Work[T], undo: Callable[[Connection, T], None] | None = None) -> T:
        """Do the work in one transaction and return what it returned, once that is durable. Raises StateError.

        Work that nobody waits for any more is undone by `undo`, in a transaction of its own, once it is over.
        """
        later = None if undo is None else lambda late: self._transact(lambda connection: undo(connection, late))
        return await self._call(lambda: self._transact(work), later)

    def _transact(self, work: Work[T]) -> T:
        if self._engine is None:
            raise StateError("the state is not open")
        try:
            with self._engine.begin() as connection:
                return work(connection)
        except SQLAlchemyError as error:
            raise StateError(f"the state failed: {getattr(error, 'orig', None) or error}") from error

    def _open(self) -> None:
        try:
            self._engine = self._sqlite(self._path) if self._path else self._postgresql()
            with self._engine.begin() as connection:
                metadata.create_all(connection)
        except (OSError, SQLAlchemyError) as error:
            raise StateError(f"cannot open the state: {getattr(error, 'orig', None) or error}") from error

    @staticmethod
    def _sqlite(path: Path) -> Engine:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        arguments = {"timeout": _BUSY_WAIT, "check_same_thread": False}
        engine = create_engine(f"sqlite:///{path}", poolclass=StaticPool, connect_args=arguments)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        return engine

    def _postgresql(self) -> Engine:
        url = self._url.replace("postgresql://", "postgresql+psycopg://", 1)
        arguments = {"connect_timeout": 5, "options": "-c statement_timeout=10000"}
        return create_engine(url, pool_size=_POSTGRESQL_THREADS, pool_pre_ping=True, connect_args=arguments)

    async def _call(self, work: Callable[[], T], undo: Callable[[T], None] | None = None) -> T:
        executor = self._executor
        if executor is None:
            raise StateError("the state is not open")
        if len(self._waiting) >= WAITING_MOST:
            raise StateError("too many calls wait for the state")
        future = executor.submit(work)
        # What nobody waits for any more keeps its place until it is over: the bound is on the threads' work.
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)
        try:
            async with asyncio.timeout(CALL_WAIT):
                return await asyncio.wrap_future(future)
        except (TimeoutError, asyncio.CancelledError) as error:
            if not future.cancel() and undo is not None:
                # A state that was closed meanwhile cannot; then what was noted stays, as after a crash.
                with contextlib.suppress(RuntimeError):
                    executor.submit(lambda: undo(future.result()))
            if isinstance(error, TimeoutError):
                raise StateError("the state took too long") from error
            raise


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # Transactions are ours: the driver's own would begin late and read what another process then changes.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
