"""Waking those who wait for records, whichever process appended them."""

import asyncio
import contextlib
import sqlite3

from broker.embedded.lane import Reader
from broker.log import LogError

_LOOK_EVERY = 0.05


class Changes:
    """Counts the commits that were noticed. A waiter names the count that it has seen."""

    def __init__(self) -> None:
        self.count = 0
        self._event = asyncio.Event()
        self._waiters = 0
        self._wanted = asyncio.Event()

    def notice(self) -> None:
        """Something may be new: wake all waiters."""
        self.count += 1
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, seen: int, wait: float) -> None:
        """Return when the count has passed `seen`, or after `wait` seconds."""
        if self.count != seen or wait <= 0:
            return
        self._waiters += 1
        self._wanted.set()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._event.wait()
        finally:
            self._waiters -= 1

    async def watch(self, reader: Reader) -> None:
        """Look for the commits of other processes for as long as somebody waits. Runs until it is cancelled."""
        version = -1
        while True:
            if not self._waiters:
                self._wanted.clear()
                await self._wanted.wait()
            with contextlib.suppress(LogError):
                found = await reader.submit(_data_version, 2.0)
                if found != version:
                    version = found
                    self.notice()
            await asyncio.sleep(_LOOK_EVERY)


def _data_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA data_version").fetchone()[0])
