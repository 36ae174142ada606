"""Group commit: what many callers want at the same time is done in one go, so that one fsync serves them all.

While one batch is under way the next one gathers. A batch that nobody else is ahead of waits `linger` seconds for
company. Whoever is cancelled before the batch begins takes its item out; later it is done without it.

A batch that fails, fails for all that are in it, and the next ones begin small and double with each success: one item
that can never be done then keeps few others waiting, and a database that is away is not asked with hundreds of items.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from consumers.state.database import StateError

I = TypeVar("I")  # noqa: E741 - what goes in
O = TypeVar("O")  # noqa: E741 - what comes out

MOST = 500
LINGER = 0.005
WAITING_MOST = 10_000


class Batcher(Generic[I, O]):
    """Gathers items for `work`, which returns a result for each, in order. One batch at a time."""

    def __init__(
        self, work: Callable[[Sequence[I]], Awaitable[Sequence[O]]], *, most: int = MOST, linger: float = LINGER
    ) -> None:
        self._work = work
        self._most = most
        self._size = most
        self._linger = linger
        self._waiting: deque[tuple[I, asyncio.Future[O]]] = deque()
        self._full = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def do(self, item: I) -> O:
        """Return the item's result once its batch is done.

        Raises what the batch raised, and StateError when too many wait.
        """
        if len(self._waiting) >= WAITING_MOST:
            raise StateError("too many wait for a batch")
        future: asyncio.Future[O] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if len(self._waiting) >= self._size:
            self._full.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="batcher")
        return await future

    async def close(self) -> None:
        """Give up what is under way and what waits; whoever waits is cancelled."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        while self._waiting:
            self._waiting.popleft()[1].cancel()

    async def _run(self) -> None:
        await self._gather()
        while batch := self._next():
            await self._do(batch)

    async def _gather(self) -> None:
        if len(self._waiting) >= self._size:
            return
        self._full.clear()
        try:
            async with asyncio.timeout(self._linger):
                await self._full.wait()
        except TimeoutError:
            return

    def _next(self) -> list[tuple[I, asyncio.Future[O]]]:
        batch: list[tuple[I, asyncio.Future[O]]] = []
        while self._waiting and len(batch) < self._size:
            item, future = self._waiting.popleft()
            if not future.done():
                batch.append((item, future))
        return batch

    async def _do(self, batch: Sequence[tuple[I, asyncio.Future[O]]]) -> None:
        try:
            results = await self._work([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - whoever waits for the batch gets it, whatever it is
            self._size = 1
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        except BaseException:
            # This task is cancelled, or the process ends: nobody may wait for ever.
            for _, future in batch:
                future.cancel()
            raise
        self._size = min(self._most, self._size * 2)
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
