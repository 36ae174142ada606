"""One at a time, the lowest rank of those that wait first."""

import asyncio
import heapq
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class NoTurnError(Exception):
    """The turn did not come in time: others were always before."""


class Turns:
    """Gives turns. Those that wait are as many as handlers run at once."""

    def __init__(self) -> None:
        self._taken = False
        self._asked = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def turn(self, rank: int, patience: float) -> AsyncGenerator[None]:
        """Wait for a turn, for so many seconds at most, and keep it for the block. Raises NoTurnError."""
        if self._taken:
            try:
                async with asyncio.timeout(patience):
                    await self._wait(rank)
            except TimeoutError as error:
                raise NoTurnError from error
        self._taken = True
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, rank: int) -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked += 1
        heapq.heappush(self._waiting, (rank, self._asked, mine))
        try:
            await mine
        except asyncio.CancelledError:
            # The turn came at the same moment: it is the next one's.
            if mine.done() and not mine.cancelled():
                self._pass_on()
            self._waiting = [waiting for waiting in self._waiting if waiting[2] is not mine]
            heapq.heapify(self._waiting)
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            _, _, waiting = heapq.heappop(self._waiting)
            if not waiting.done():
                waiting.set_result(None)
                return
        self._taken = False
