"""One at a time: a record of a topic and one of the same key from its retry topic do not run side by side."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

Turn = tuple[str, int, bytes]
"""A topic of the contract, a partition of it, and a key."""


class Turns:
    """Gives turns to who asks for one key, in the order of asking. Knows only keys that somebody holds."""

    def __init__(self) -> None:
        self._held: dict[Turn, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def of(self, turn: Turn | None) -> AsyncGenerator[None]:
        """Hold the turn for the block; who has no key waits for nobody."""
        if turn is None:
            yield
            return
        lock, asking = self._held.get(turn) or (asyncio.Lock(), 0)
        self._held[turn] = (lock, asking + 1)
        try:
            async with lock:
                yield
        finally:
            lock, asking = self._held.pop(turn)
            if asking > 1:
                self._held[turn] = (lock, asking - 1)
