"""The state is tidied by whoever runs: once an hour, while it is open."""

import asyncio
from typing import Any

import structlog

from broker.background import keep_going
from consumers.state.database import Database, StateError
from consumers.state.retention import prune
from schemas.times import Clock

FIRST = 60.0
"""Seconds from the start to the first time, and from a failure to the next."""

EVERY = 3600.0

logger: Any = structlog.get_logger()


class Tidying:
    """Owns the task that removes what is too old."""

    def __init__(self, database: Database, clock: Clock, *, first: float = FIRST, every: float = EVERY) -> None:
        self._database = database
        self._clock = clock
        self._first = first
        self._every = every
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to wait."""
        self._task = asyncio.create_task(keep_going("state tidying", self._run), name="state tidying")

    async def stop(self) -> None:
        """Stop; a batch in hand is finished by the state's own thread."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _run(self) -> None:
        pause = self._first
        while True:
            await asyncio.sleep(pause)
            pause = self._every if self._database.is_open and await self._tidied() else self._first

    async def _tidied(self) -> bool:
        try:
            gone = await prune(self._database, self._clock())
        except StateError as error:
            logger.warning("state_not_tidied", reason=str(error))
            return False
        removed = {table: count for table, count in gone.items() if count}
        if removed:
            logger.info("state_tidied", **removed)
        return True
