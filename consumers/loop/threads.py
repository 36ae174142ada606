"""Threads in which handlers wait (`asyncio.to_thread`): each consumer has its own, and what hangs there is counted.

A thread cannot be cancelled. In the pool that a loop has for all, a few that hang keep everybody else's work waiting.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

MOST_LEFT = 32
"""So many threads may run on after their tries; while they do, no other try begins."""


class Threads:
    """The threads of one consumer: as many more than it has handlers at once as may be left running.

    Nobody closes them. What is at work when the consumer ends may have more to hand in, such as the one token that a
    server gave it; they end with the process.
    """

    def __init__(self, consumer: str, concurrency: int) -> None:
        self._pool = ThreadPoolExecutor(concurrency + MOST_LEFT, thread_name_prefix=f"handlers of {consumer}")
        self._given: set[Future[Any]] = set()
        self._seen: dict[Future[Any], float] = {}
        self._left: dict[Future[Any], float] = {}

    @property
    def left(self) -> int:
        """How many run on though their time is over."""
        return len(self._left)

    @property
    def crowded(self) -> bool:
        """Whether as many run on as may."""
        return self.left >= MOST_LEFT

    def call(self, work: Callable[[], Any]) -> Future[Any]:
        """Do the work in a thread."""
        future = self._pool.submit(work)
        self._given.add(future)
        future.add_done_callback(self._given.discard)
        return future

    def leave(self, futures: Iterable[Future[Any]], now: float) -> int:
        """Count those of them that run on; return how many do."""
        found = [future for future in futures if future.running()]
        for future in found:
            self._left.setdefault(future, now)
            future.add_done_callback(self._forget)
        return len(found)

    def look(self, now: float, time: float) -> int:
        """Count those too that were seen at work for so long, whatever became of their tries; return how many."""
        running = [future for future in tuple(self._given) if future.running()]
        self._seen = {future: self._seen.get(future, now) for future in running}
        over = [future for future, since in self._seen.items() if now - since >= time]
        return self.leave((future for future in over if future not in self._left), now)

    def hang(self, now: float, time: float) -> bool:
        """Tell whether as many as may be left have been left for so long: this is no slow moment of a server."""
        return sum(now - since >= time for since in tuple(self._left.values())) >= MOST_LEFT

    def _forget(self, future: Future[Any]) -> None:
        self._left.pop(future, None)
