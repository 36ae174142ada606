"""The work in hand of one partition: a lane for each key, lanes side by side, each lane in order."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import structlog

from broker.log import Partition
from consumers.loop.progress import Progress
from schemas.records import StoredRecord

_log = structlog.get_logger()
Settle = Callable[[StoredRecord, asyncio.Event], Awaitable[bool]]
LaneKey = bytes | int


class PartitionWork:
    """What a member has taken of one partition. A lane is a task while it has records.

    `settled` is called after each record that is done or left; `broken` with an error that ends a lane. Not `by_key`,
    each record has a lane of its own, as has one without a key: nothing says what it comes after.
    """

    def __init__(
        self,
        partition: Partition,
        settle: Settle,
        settled: Callable[[], None],
        broken: Callable[[BaseException], None],
        *,
        by_key: bool = True,
    ) -> None:
        self.partition = partition
        self.progress = Progress()
        self.in_hand = 0
        self._settle = settle
        self._settled = settled
        self._broken = broken
        self._by_key = by_key
        self._closing = asyncio.Event()
        self._lanes: dict[LaneKey, deque[StoredRecord]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, record: StoredRecord) -> None:
        """Put the record in the lane of its key; one that is here already is not taken twice."""
        if self._closing.is_set() or not self.progress.take(record.offset, record.timestamp):
            return
        self.in_hand += 1
        key = record.key if self._by_key and record.key is not None else record.offset
        lane = self._lanes.get(key)
        if lane is not None:
            lane.append(record)
            return
        lane = self._lanes[key] = deque((record,))
        task = asyncio.create_task(self._run(key, lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self, wait: float) -> None:
        """Take no more, let running handlers end within `wait` seconds, then cancel them.

        What has not begun, and what waits for its next try, is left undone.
        """
        self._closing.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=wait)
        for task in (left := list(self._tasks)):
            task.cancel()
        if left:
            _log.warning("work_abandoned", topic=self.partition.topic, partition=self.partition.number, lanes=len(left))
            await asyncio.wait(left, timeout=1.0)

    async def _run(self, key: LaneKey, lane: deque[StoredRecord]) -> None:
        try:
            while lane and not self._closing.is_set() and await self._settle(lane[0], self._closing):
                self.progress.done(lane.popleft().offset)
                self.in_hand -= 1
                self._settled()
        except asyncio.CancelledError:
            if not self._closing.is_set():
                # Nobody but `finish` ends a lane; what another has cut off must come again.
                self._broken(RuntimeError(f"a lane of {self.partition.topic} was cancelled"))
            raise
        except Exception as error:  # noqa: BLE001 - the owner of the partition must hear of it, whatever it is
            self._broken(error)
        finally:
            self.in_hand -= len(lane)
            del self._lanes[key]
            self._settled()
