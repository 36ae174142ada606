"""Whether there is time for one more request, by the time that requests wait for their turn.

What waits in the kernel or in the event loop has no place that could be counted, but it has an age: the loop runs its
timers late by as long as it is behind. While that is more than `max_queue_time` again and again, a request is refused
before anything is done for it; it would be answered after its sender has gone. One late turn alone is no overload.
"""

import asyncio
from time import monotonic

BEAT = 0.05
"""Seconds from one look at the loop's lateness to the next."""

_LATE_BEATS = 2


class Admission:
    """Measures how late the event loop is. `lag` is in seconds."""

    def __init__(self, max_queue_time: float) -> None:
        self._limit = max_queue_time
        self._late = 0
        self._task: asyncio.Task[None] | None = None
        self.lag = 0.0

    @property
    def overloaded(self) -> bool:
        """Whether requests wait too long for their turn now."""
        return self._late >= _LATE_BEATS

    def start(self) -> None:
        """Begin to measure."""
        self._task = asyncio.create_task(self._run(), name="admission")

    async def stop(self) -> None:
        """Stop measuring."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        while True:
            due = monotonic() + BEAT
            await asyncio.sleep(BEAT)
            self.note(max(0.0, monotonic() - due))

    def note(self, late: float) -> None:
        """Take a measured lateness, in seconds."""
        self.lag = late
        self._late = self._late + 1 if late > self._limit else 0
