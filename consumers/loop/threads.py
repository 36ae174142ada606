"""Threads in which handlers wait (`asyncio.to_thread`): each consumer has its own, and what hangs there is counted.

A thread cannot be cancelled. In the pool that a loop has for all, a few that hang keep everybody else's work waiting.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

MOST_LEFT = 32
"""So many threads may run on after their tries; beyond that it is no longer a slow moment of somebody's server."""


class Threads:
    """The threads of one consumer: as many more than it has handlers at once as may be left running.

    Nobody closes them. What is at work when the consumer ends may have more to hand in, such as the one token that a
    server gave it; they end with the process.
    """

    def __init__(self, consumer: str, concurrency: int) -> None:
        self._pool = ThreadPoolExecutor(concurrency + MOST_LEFT, thread_name_prefix=f"handlers of {consumer}")
        self._left: set[Future[Any]] = set()

    @property
    def left(self) -> int:
        """How many run on though their tries are over."""
        return len(self._left)

    def call(self, work: Callable[[], Any]) -> Future[Any]:
        """Do the work in a thread."""
        return self._pool.submit(work)

    def leave(self, futures: Iterable[Future[Any]]) -> bool:
        """Count those of a try that is over and that run on; tell whether there are any."""
        found = [future for future in futures if future.running()]
        for future in found:
            self._left.add(future)
            future.add_done_callback(self._left.discard)
        return bool(found)
