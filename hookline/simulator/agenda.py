"""What is to be done later, in order of time."""

import asyncio
import heapq
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")


class Agenda(Generic[T]):
    """A queue whose items become due. Its owner bounds what it puts in. One task takes."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._order = count()
        self._changed = asyncio.Event()

    def put(self, item: T, after: float = 0.0) -> None:
        """Make the item due `after` seconds from now."""
        at = asyncio.get_running_loop().time() + after
        heapq.heappush(self._heap, (at, next(self._order), item))
        self._changed.set()

    async def take(self) -> T:
        """Return the item that is due first, as soon as it is."""
        while (wait := self._wait()) is None or wait > 0:
            self._changed.clear()
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue
        return heapq.heappop(self._heap)[2]

    def _wait(self) -> float | None:
        return self._heap[0][0] - asyncio.get_running_loop().time() if self._heap else None
