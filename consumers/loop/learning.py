"""What waits in the retry partitions that belong to ours: read beside the pump, each in a task of its own."""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

from broker.log import LogUnavailableError, Partition
from consumers.loop.origin import Origin
from consumers.loop.parked import Parked
from consumers.loop.parts import LoopParts

_LAST = 2
"""So many windows of records: as many may have been put there since a commit, and retries behind them."""


class Learning:
    """Knows of each of our partitions of the contract's topics what waits in its retry partition, or learns it.

    There may be hundreds of thousands of records to read: only the partition that they belong to waits for that.
    `broken` is called with what ends the reading before its end.
    """

    def __init__(self, parts: LoopParts, broken: Callable[[BaseException], None]) -> None:
        self._parts = parts
        self._broken = broken
        self._parked: dict[Partition, Parked] = {}
        self._tasks: dict[Partition, asyncio.Task[None]] = {}

    def parked(self, origin: Partition) -> Parked:
        """Return what waits, as far as it is known.

        Without its topic's partition, as while members that read other topics share a group, nothing hangs on it.
        """
        return self._parked.get(origin) or Parked()

    def knows(self, origin: Partition) -> bool:
        """Tell whether all that waits is known."""
        return origin in self._parked and origin not in self._tasks

    def reads(self, origin: Partition) -> bool:
        """Tell whether what waits is being read."""
        return origin in self._tasks

    async def learn(self, origins: Iterable[Partition], wait: float) -> None:
        """Learn of those that are not known, and wait so long for it: mostly there is nothing to read."""
        for origin in set(origins) - self._parked.keys():
            parked = self._parked[origin] = Parked(keys=self._parts.keeps_order)
            task = self._tasks[origin] = asyncio.create_task(_learn(self._parts, origin, parked))
            task.add_done_callback(partial(self._ended, origin))
        if tasks := set(self._tasks.values()):
            await asyncio.wait(tasks, timeout=wait)
            # The callbacks of those that ended come before who waited for them goes on, but for one step.
            await asyncio.sleep(0)

    def forget(self, origins: Iterable[Partition]) -> None:
        """Forget what waits beside partitions that go: another member changes it."""
        for origin in origins:
            self._parked.pop(origin, None)
            if (task := self._tasks.pop(origin, None)) is not None:
                task.cancel()

    async def close(self) -> None:
        """End all reading."""
        tasks = list(self._tasks.values())
        self.forget(tuple(self._parked))
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)

    def _ended(self, origin: Partition, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if self._tasks.get(origin) is not task:
            # It was forgotten, and with it what it met.
            return
        del self._tasks[origin]
        if error is not None:
            del self._parked[origin]
            self._broken(error)


async def _learn(parts: LoopParts, origin: Partition, parked: Parked) -> None:
    """Take in what waits: the records of the retry partition that the group has not committed, up to its end now.

    Where no order is kept, what waits holds nothing up: then only the last of them are looked at, among which are those
    that were put there after the last commit of their topic. Raises LogUnavailableError.
    """
    try:
        # Of reading there may be much; each page of it has the log's own deadline.
        await _read(parts, origin, parked)
    except TimeoutError as error:
        raise LogUnavailableError("reading what waits took too long") from error


async def _read(parts: LoopParts, origin: Partition, parked: Parked) -> None:
    log, group, wait = parts.log, parts.consumer.name, parts.tempo.log_wait
    retry = parts.routes.retry(origin)
    async with asyncio.timeout(wait):
        begin = await log.committed(group, origin) or 0
        offset = await log.committed(group, retry) or 0
        bounds = await log.bounds(retry)
    offset = max(offset, bounds.first)
    if not parts.keeps_order:
        offset = max(offset, bounds.end - _LAST * parts.tempo.window)
    if offset >= bounds.end:
        return
    reading = log.read(retry, offset, bounds.end).__aiter__()
    while True:
        try:
            async with asyncio.timeout(wait):
                record = await anext(reading)
        except StopAsyncIteration:
            return
        parked.learn(record, Origin(origin.topic, origin.number, begin))
