"""A steady rate without bursts."""

import asyncio
from collections.abc import Awaitable, Callable


class Pacer:
    """Lets through `rate` turns a second, evenly. Time that was lost is not caught up on in a burst."""

    def __init__(
        self,
        rate: float,
        now: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._interval = 1.0 / rate
        self._now = now or asyncio.get_running_loop().time
        self._sleep = sleep
        self._next = self._now()

    async def turn(self) -> None:
        """Wait for the next turn."""
        wait = self._next - self._now()
        if wait > 0:
            await self._sleep(wait)
        # A turn that came late is followed at the usual distance, save for the small lateness of a timer.
        self._next = max(self._next, self._now() - self._interval) + self._interval
