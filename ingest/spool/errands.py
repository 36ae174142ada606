"""A daemon thread that runs file operations for the event loop. A disk that hangs keeps the thread, not the loop."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from ingest.spool.contract import SpoolUnavailableError

T = TypeVar("T")

_MOST = 8


class Errands:
    """Runs one call after the other.

    The threads of `asyncio.to_thread` will not do: the interpreter waits for them at its end, whatever the disk does.
    """

    def __init__(self, name: str) -> None:
        self._queue: SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting = 0

    def start(self) -> None:
        """Start the thread."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end when it has nothing to do. Does not wait."""
        self._loop = None
        self._queue.put(None)

    async def run(self, work: Callable[[], T], wait: float) -> T:
        """Return what the work returns.

        Raises SpoolUnavailableError after `wait` seconds (the work goes on), at once when too much waits already,
        and what the work raises.
        """
        if self._loop is None or self._waiting >= _MOST:
            raise SpoolUnavailableError("the spool's disk hangs" if self._loop else "the spool is not open")
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting += 1
        self._queue.put((work, future))
        try:
            async with asyncio.timeout(wait):
                answer: T = await future
                return answer
        except TimeoutError:
            if not future.cancelled():
                raise  # the work itself said so
            raise SpoolUnavailableError(f"the spool's disk gave no answer within {wait:g} s") from None

    def _run(self) -> None:
        while (errand := self._queue.get()) is not None:
            work, future = errand
            result, error = None, None
            try:
                result = work()
            except Exception as caught:  # noqa: BLE001 - whoever waits gets it
                error = caught
            self._hand_back(future, result, error)

    def _hand_back(self, future: "asyncio.Future[Any]", result: Any, error: Exception | None) -> None:
        loop = self._loop
        # A loop that was closed under us has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            if loop is not None:
                loop.call_soon_threadsafe(self._settle, future, result, error)

    def _settle(self, future: "asyncio.Future[Any]", result: Any, error: Exception | None) -> None:
        self._waiting -= 1
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
