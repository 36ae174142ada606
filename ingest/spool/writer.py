"""The one thread that writes: all frames that wait in one write and one fdatasync, then the answers."""

import asyncio
import contextlib
import errno
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

import structlog

from ingest.spool import frame
from ingest.spool.contract import SpoolUnavailableError
from ingest.spool.files import Files
from ingest.spool.segments import PROBE, segment_name

_log = structlog.get_logger(__name__)

MAX_JOBS = 4096
MAX_QUEUED_BYTES = 64 << 20
_GROUP_BYTES = 8 << 20
PROBE_EVERY = 2.0
STUCK = 1.0
"""Seconds that a write may take before the disk counts as hung."""

_PROBE_BYTES = 64 << 10


@dataclass(slots=True, eq=False)
class Job:
    """A record to write, and who waits for it. `counted`: it is in the spool's count of own records.

    `stored_in` is set by the thread when the record is durable. A job that was abandoned before its turn is dropped.
    """

    webhook_id: str
    payload: bytes = field(repr=False)
    millis: int
    future: "asyncio.Future[None]"
    counted: bool = True
    abandoned: bool = False
    stored_in: int | None = None
    error: str = ""
    since: float = field(default_factory=time.monotonic)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return frame.HEADER + len(self.payload)


@dataclass(frozen=True, slots=True)
class Written:
    """What the thread did. `end` is what is durable of the segment; `jobs` are those that stand in it, or failed."""

    segment: int | None
    end: int
    sealed: bool
    jobs: tuple[Job, ...]
    poisoned: tuple[int, ...] = ()


@dataclass(slots=True)
class _Active:
    """The segment that is written. `end` is durable."""

    number: int
    handle: int
    seal: int
    end: int = 0


@dataclass(frozen=True, slots=True)
class _Retire:
    """The order to close a segment that is wholly published, unless it grew meanwhile."""

    number: int
    end: int


_Order = Job | _Retire | None


class Writer:
    """Appends to segments of `folder`. `settled` is called on the event loop with what is durable or failed."""

    def __init__(self, files: Files, folder: Path, segment_bytes: int, settled: Callable[[Written], None]) -> None:
        self._files = files
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._settled = settled
        self._queue: SimpleQueue[_Order] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="spool-writer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._ended = asyncio.Event()
        self.probed = asyncio.Event()
        self._number = 0
        self._active: _Active | None = None
        self._failing = False
        self._tried_at = 0.0
        self._poisoned: list[int] = []
        self.synced_at: float | None = None
        self.waiting: dict[int, Job] = {}
        self.queued_bytes = 0

    def start(self) -> None:
        """Start the thread, with a probe at once."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def stop(self, wait: float) -> bool:
        """Write what is queued and end the thread, within `wait` seconds. False: it hangs."""
        self._stopping = True
        self._queue.put(None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._ended.wait()
        self._loop = None
        for job in self.waiting.values():
            if not job.future.done():
                job.future.set_exception(SpoolUnavailableError("the spool was stopped"))
        return self._ended.is_set()

    def submit(self, webhook_id: str, payload: bytes, millis: int) -> Job:
        """Queue a record. Raises SpoolUnavailableError."""
        loop = self._loop
        if loop is None or self._stopping:
            raise SpoolUnavailableError("the spool is not open")
        oldest = next(iter(self.waiting.values()), None)
        if oldest is not None and time.monotonic() - oldest.since > STUCK:
            # One more would wait in vain, and keep the way to the log shut while it does.
            raise SpoolUnavailableError("the spool's disk hangs")
        job = Job(webhook_id, payload, millis, loop.create_future())
        crowded = self.waiting and self.queued_bytes + job.size > MAX_QUEUED_BYTES
        if crowded or len(self.waiting) >= MAX_JOBS:
            raise SpoolUnavailableError("too many webhooks wait for the spool's disk")
        self.waiting[id(job)] = job
        self.queued_bytes += job.size
        self._queue.put(job)
        return job

    def retire(self, number: int, end: int) -> None:
        """Close the segment if it still ends there; `settled` tells when it is."""
        self._queue.put(_Retire(number, end))

    def _run(self) -> None:
        self._probe()
        self._call(self.probed.set)
        while (orders := self._next()) is not None:
            for group in _groups(orders):
                self._serve(group)
            # Also where what comes is nothing to write: retired segments, webhooks whose senders have gone.
            if time.monotonic() - self._tried_at >= PROBE_EVERY:
                self._probe()
        if self._active is not None:
            self._close(self._active)
        self._call(self._ended.set)

    def _next(self) -> list[Job | _Retire] | None:
        """Wait for work and take all that came with it: nothing where it is time for a probe, None at the end."""
        found: list[Job | _Retire] = []
        try:
            order = self._queue.get(timeout=max(0.0, self._tried_at + PROBE_EVERY - time.monotonic()))
            while order is not None:
                found.append(order)
                order = self._queue.get_nowait()
        except Empty:
            return found
        if not found:
            return None
        # The order to end stays in the queue, behind what came before it.
        self._queue.put(None)
        return found

    def _serve(self, group: "Sequence[Job] | _Retire") -> None:
        if isinstance(group, _Retire):
            self._retire(group)
            return
        jobs = [job for job in group if not job.abandoned]
        active: _Active | None = None
        try:
            active = self._store(jobs) if jobs else None
        except Exception as error:  # noqa: BLE001 - the thread must live, and whoever waits must know
            self._failed(jobs, error)
        sealed = active is not None and self._seal_if_full(active)
        number, end = (active.number, active.end) if active else (None, 0)
        poisoned, self._poisoned = tuple(self._poisoned), []
        self._call(self._settle, Written(number, end, sealed, tuple(group), poisoned))

    def _store(self, jobs: Sequence[Job]) -> _Active:
        """Write and sync the jobs, a second time in a new segment where the first failed."""
        try:
            return self._append(jobs)
        except OSError as error:
            _log.warning("spool_write_failed", error=type(error).__name__, errno=error.errno, again=True)
            self._poison()
        if self._stopping and self._loop is None:
            raise SpoolUnavailableError("the spool was stopped")
        try:
            return self._append(jobs)
        except OSError:
            self._poison()
            raise

    def _append(self, jobs: Sequence[Job]) -> _Active:
        self._tried_at = time.monotonic()
        active = self._active = self._active or self._begin()
        at = active.end
        parts: list[bytes] = []
        for job in jobs:
            parts += (frame.encode(job.payload, job.webhook_id, active.seal, at), job.payload)
            at += job.size
        self._files.write(active.handle, b"".join(parts))
        self._files.sync(active.handle)
        if not self._files.linked(active.handle):
            raise OSError(errno.ENOENT, "the segment was removed while it was written")
        self.synced_at = time.monotonic()
        self._failing = False
        active.end = at
        for job in jobs:
            job.stored_in = active.number
        return active

    def _begin(self) -> _Active:
        """Make the next segment. Its name is durable before anything in it is acknowledged."""
        self._number += 1
        path = self._folder / segment_name(self._number)
        seal = frame.seal_of(self._folder.name, self._number)
        active = self._active = _Active(self._number, self._files.create(path), seal)
        self._files.sync_folder(self._folder)
        return active

    def _poison(self) -> None:
        """Never append to this segment again. What is not durable of it is cut off, if the disk lets us."""
        active, self._active = self._active, None
        if active is None:
            return
        if active.end:
            self._poisoned.append(active.number)
            with contextlib.suppress(OSError):
                self._files.truncate(active.handle, active.end)
                self._files.sync(active.handle)
        self._close(active)
        if not active.end:
            with contextlib.suppress(OSError):
                self._files.unlink(self._folder / segment_name(active.number))
                # Or a power cut brings the name back, and it is told as damage.
                self._files.sync_folder(self._folder)

    def _failed(self, jobs: Sequence[Job], error: Exception) -> None:
        if not isinstance(error, OSError):
            self._poison()
        if not self._failing:
            _log.error("spool_unavailable", error=type(error).__name__, errno=getattr(error, "errno", None))
        self._failing = True
        for job in jobs:
            job.error = f"the spool's disk failed: {getattr(error, 'strerror', None) or type(error).__name__}"

    def _seal_if_full(self, active: _Active) -> bool:
        if active.end < self._segment_bytes:
            return False
        self._active = None
        self._close(active)
        return True

    def _retire(self, order: _Retire) -> None:
        active = self._active
        if active is None or (active.number, active.end) != (order.number, order.end):
            return
        self._active = None
        self._close(active)
        self._call(self._settle, Written(active.number, active.end, sealed=True, jobs=()))

    def _close(self, active: _Active) -> None:
        with contextlib.suppress(OSError):  # what counts was synced before
            self._files.close(active.handle)

    def _probe(self) -> None:
        """Prove that the disk takes and keeps bytes, as many as some webhooks have: a full one has room for a few."""
        path = self._folder / PROBE
        self._tried_at = time.monotonic()
        try:
            with contextlib.suppress(FileNotFoundError):
                self._files.unlink(path)
            handle = self._files.create(path)
            try:
                self._files.write(handle, bytes(_PROBE_BYTES))
                self._files.sync(handle)
                # As for a new segment, which is nothing without its name.
                self._files.sync_folder(self._folder)
            finally:
                self._files.close(handle)
                self._files.unlink(path)
            self.synced_at = time.monotonic()
        except Exception as error:  # noqa: BLE001 - the thread must live
            if not self._failing:
                _log.error("spool_probe_failed", error=type(error).__name__, errno=getattr(error, "errno", None))
            self._failing = True
        else:
            self._failing = False

    def _call(self, work: Callable[..., object], *values: object) -> None:
        loop = self._loop
        # A loop that was closed under us has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            if loop is not None:
                loop.call_soon_threadsafe(work, *values)

    def _settle(self, written: Written) -> None:
        for job in written.jobs:
            del self.waiting[id(job)]
            self.queued_bytes -= job.size
        self._settled(written)
        for job in written.jobs:
            if job.future.done():
                continue
            if job.stored_in is None:
                job.future.set_exception(SpoolUnavailableError(job.error or "the spool's turn came too late"))
            else:
                job.future.set_result(None)


def _groups(orders: Sequence[Job | _Retire]) -> list[list[Job] | _Retire]:
    """Part the orders, in their order, into groups that are written at once."""
    groups: list[list[Job] | _Retire] = []
    size = 0
    for order in orders:
        if isinstance(order, _Retire):
            groups.append(order)
            continue
        last = groups[-1] if groups else None
        if isinstance(last, list) and size + order.size <= _GROUP_BYTES:
            last.append(order)
            size += order.size
        else:
            groups.append([order])
            size = order.size
    return groups
