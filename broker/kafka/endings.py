"""Producers that were given up, on their way out: few at a time, with little in flight, and for seconds only.

What such a producer still sends arrives late and is harmless, because the same records are appended again under the
same ids. Its memory counts beside that of the producer in use, so the oldest are cut short where they are too many.
"""

import asyncio

from broker.kafka.ending import end_producer
from broker.kafka.line import MAX_BYTES, Line

GRACE_SECONDS = 3.0
"""So long a producer that was given up may still deliver what it holds; about 2 s later all of it has ended."""

MOST = 3
FORCED_SECONDS = 2.5
"""The time that an ending needs which was cut short."""


class Endings:
    """Owns the tasks that end producers."""

    def __init__(self) -> None:
        self._lines: dict[asyncio.Task[None], Line] = {}
        self._hurried = set[asyncio.Task[None]]()

    def add(self, line: Line, grace: float = GRACE_SECONDS) -> None:
        """Let the line deliver what it holds for `grace` seconds, then end it by force."""
        ending = asyncio.create_task(_end(line, grace), name="kafka producer's end")
        self._lines[ending] = line
        ending.add_done_callback(self._over)
        self._hurry_some()

    async def wait_for_room(self) -> None:
        """Return when one more producer may be made."""
        while len(self._lines) >= MOST:
            await asyncio.wait(self._lines, return_when=asyncio.FIRST_COMPLETED)

    async def finish(self, patience: float) -> None:
        """Wait for all of them, within `patience` + 2.5 s."""
        if self._lines:
            await asyncio.wait(self._lines, timeout=patience)
        for ending in self._lines:
            self._hurry(ending)
        if self._lines:
            await asyncio.wait(self._lines, timeout=FORCED_SECONDS)

    def _hurry_some(self) -> None:
        slow = [ending for ending in self._lines if ending not in self._hurried]
        held = sum(self._lines[ending].bytes for ending in slow)
        # The newest may stay whatever it holds: that was within its bound.
        for ending in slow[:-1]:
            if held > MAX_BYTES or len(self._lines) >= MOST:
                held -= self._lines[ending].bytes
                self._hurry(ending)

    def _hurry(self, ending: asyncio.Task[None]) -> None:
        # Once only: a second cancel would cut short what closes by force.
        if ending not in self._hurried:
            self._hurried.add(ending)
            ending.cancel()

    def _over(self, ending: asyncio.Task[None]) -> None:
        del self._lines[ending]
        self._hurried.discard(ending)


async def _end(line: Line, grace: float) -> None:
    try:
        await end_producer(line.producer, grace)
    finally:
        line.forget()
