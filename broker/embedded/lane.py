"""A thread of its own for SQLite, fed by a bounded queue from the event loop."""

import asyncio
import contextlib
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from broker.embedded.failures import is_of_the_store, plain_error
from broker.embedded.schema import Store
from broker.log import LogError, LogUnavailableError

S = TypeVar("S")
T = TypeVar("T")

_JOIN_WAIT = 4.0


class Job(Generic[S]):
    """Work for the thread, and who waits for it. `deadline` is on the monotonic clock."""

    __slots__ = ("abandoned", "deadline", "error", "future", "result", "size", "tried", "work")

    def __init__(self, work: Callable[[S], Any], future: "asyncio.Future[Any]", deadline: float, size: int) -> None:
        self.work = work
        self.future = future
        self.deadline = deadline
        self.size = size
        self.abandoned = False
        self.tried = False
        self.result: Any = None
        self.error: Exception | None = None

    @property
    def is_wanted(self) -> bool:
        """Tell whether somebody still waits."""
        return not self.abandoned and time.monotonic() < self.deadline


class Lane(ABC, Generic[S]):
    """One thread that runs jobs on a session `S` with the file, in the order of their coming.

    The counts of what waits live on the event loop, so that no lock is needed. `pause` is a rest in seconds
    between batches while more waits.
    """

    pause = 0.0

    def __init__(self, name: str, store: Store, *, max_jobs: int, max_bytes: int) -> None:
        self.store = store
        self._queue: SimpleQueue[Job[S] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._max_jobs = max_jobs
        self._max_bytes = max_bytes
        self._jobs = 0
        self._bytes = 0
        self._busy_since = time.monotonic()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self.session: S | None = None

    @abstractmethod
    def connect(self) -> S:
        """Open the session. Called in the thread. Raises LogError."""

    @abstractmethod
    def serve(self, jobs: Sequence[Job[S]]) -> None:
        """Give each job its result or error. Called in the thread."""

    @abstractmethod
    def disconnect(self) -> None:
        """Close the session if there is one. Called in the thread; raises nothing."""

    def settled(self, jobs: Sequence[Job[S]]) -> None:
        """Take note of jobs that are done. Called on the event loop."""

    def start(self) -> None:
        """Start the thread; the session opens with the first job."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def stop(self) -> None:
        """Finish what is queued, close the session and end the thread, within a few seconds."""
        self._stopping = True
        if self._loop is None:
            return
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join, _JOIN_WAIT)

    async def submit(self, work: Callable[[S], T], wait: float, size: int = 0) -> T:
        """Run the work in the thread and return what it returns.

        Raises LogUnavailableError after `wait` seconds, when the queue is full and when the lane was stopped,
        and whatever the work raises.
        """
        job = self._enqueue(work, wait, size)
        try:
            async with asyncio.timeout(wait):
                answer: T = await job.future
                return answer
        except TimeoutError:
            raise LogUnavailableError(f"{self.store.path}: no answer within {wait:g} s") from None
        finally:
            job.abandoned = True

    def _enqueue(self, work: Callable[[S], Any], wait: float, size: int) -> Job[S]:
        if self._loop is None or self._stopping:
            raise LogUnavailableError("the log is not open")
        if self._jobs >= self._max_jobs or (self._jobs and self._bytes + size > self._max_bytes):
            raise LogUnavailableError("the log's queue is full")
        job = Job[S](work, self._loop.create_future(), time.monotonic() + wait, size)
        if not self._jobs:
            self._busy_since = time.monotonic()
        self._jobs += 1
        self._bytes += size
        self._queue.put(job)
        return job

    def _run(self) -> None:
        while jobs := self._next_jobs():
            self.serve(jobs)
            self._hand_back(jobs)
            if self.pause and not self._queue.empty():
                time.sleep(self.pause)
        self.disconnect()

    def _next_jobs(self) -> list[Job[S]]:
        """Wait for a job and take all that came with it; nothing when the lane is to end."""
        found: list[Job[S]] = []
        job = self._queue.get()
        with contextlib.suppress(Empty):
            while job is not None:
                found.append(job)
                job = self._queue.get_nowait()
            if found:
                # The order to end stays in the queue, behind what came before it.
                self._queue.put(None)
        return found

    def _hand_back(self, jobs: Sequence[Job[S]]) -> None:
        loop = self._loop
        # A loop that was closed under us has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            if loop is not None:
                loop.call_soon_threadsafe(self._settle, jobs)

    @property
    def stuck_seconds(self) -> float:
        """How long jobs have waited while none was done; 0 where none waits."""
        return time.monotonic() - self._busy_since if self._jobs else 0.0

    def _settle(self, jobs: Sequence[Job[S]]) -> None:
        self._busy_since = time.monotonic()
        for job in jobs:
            self._jobs -= 1
            self._bytes -= job.size
            if job.future.done():
                continue
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)
        self.settled(jobs)

    def still_wanted(self, jobs: Sequence[Job[S]]) -> list[Job[S]]:
        """Return the jobs that somebody waits for, and turn the others down."""
        for job in jobs:
            job.tried = job.is_wanted
            if not job.tried:
                job.error = LogUnavailableError(f"{self.store.path}: its turn came too late")
        return [job for job in jobs if job.tried]

    def fail(self, jobs: Sequence[Job[S]], error: Exception) -> None:
        """Give every job an error of its own with the same words."""
        for job in jobs:
            job.error = self.as_log_error(error)

    def as_log_error(self, error: Exception) -> Exception:
        """Return what callers are told of an error."""
        if isinstance(error, sqlite3.Error):
            return plain_error(error, self.store.path)
        return type(error)(*error.args) if isinstance(error, LogError) else error


class Reader(Lane[sqlite3.Connection]):
    """The thread that reads."""

    def connect(self) -> sqlite3.Connection:
        """Open a connection that cannot write. The writer has judged the file: what fails now may pass."""
        try:
            return self.store.connect_reader()
        except LogError as error:
            raise LogUnavailableError(str(error)) from error

    def serve(self, jobs: Sequence[Job[sqlite3.Connection]]) -> None:
        """Run each job for itself."""
        for job in self.still_wanted(jobs):
            try:
                self.session = self.session or self.connect()
                job.result = job.work(self.session)
            except Exception as error:  # noqa: BLE001 - whoever waits gets it
                self.fail([job], error)
                if isinstance(error, sqlite3.Error) and is_of_the_store(error):
                    self.disconnect()

    def disconnect(self) -> None:
        """Close the connection; the next job opens a new one."""
        connection, self.session = self.session, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
