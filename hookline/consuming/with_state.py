"""A consumer that needs the state: opened first, tried again for as long as it takes, in nobody's way."""

import asyncio
from dataclasses import replace
from typing import Any, Protocol

import structlog

from consumers.loop.run import ConsumerHealth
from consumers.loop.tempo import Tempo
from consumers.state.database import StateError
from consumers.state.errors import NotOursError
from hookline.consuming.workers import Loop
from hookline.sqlite_files import Trouble, trouble_of

REASON = "state_unavailable"
SERVER_ADVICE = "is PostgreSQL up, and may this user log in? `hookline doctor` tells more"

OTHERS_ADVICE = "run the version that made it, or name another database as `consumers.state`"

logger: Any = structlog.get_logger()


class Opens(Protocol):
    """What has to be open first."""

    @property
    def place(self) -> str:
        """Where it is, for people."""
        ...

    @property
    def shared(self) -> bool:
        """Whether it is a server."""
        ...

    async def open(self) -> None:
        """Open it; does nothing where it is open. Raises StateError."""
        ...


class WithState:
    """Runs the loop once the state is open. Until then the consumer is down, and says why."""

    def __init__(self, loop: Loop, state: Opens, tempo: Tempo | None = None) -> None:
        self._loop = loop
        self._state = state
        self._tempo = tempo or Tempo(first_pause=1.0)
        self._stopping = asyncio.Event()
        self._down = False

    async def run(self) -> None:
        """Open the state, however often it takes, then consume until stopped."""
        failures = 0
        while not self._stopping.is_set():
            try:
                await self._state.open()
            except StateError as error:
                failures += 1
                await self._wait(error, self._tempo.pause(failures))
            else:
                self._down = False
                await self._loop.run()
                return

    def stop(self) -> None:
        """Ask `run` to finish what is in hand and return."""
        self._stopping.set()
        self._loop.stop()

    def health(self) -> ConsumerHealth:
        """Tell how the loop is; without the state it does not run."""
        found = self._loop.health()
        return replace(found, running=False, reason=REASON) if self._down else found

    async def _wait(self, error: StateError, seconds: float) -> None:
        self._down = True
        trouble = trouble_of(error)
        if self._state.shared:
            advice = OTHERS_ADVICE if isinstance(error, NotOursError) else SERVER_ADVICE
            trouble = Trouble(str(error), advice)
        logger.error(
            "consumer_down",
            consumer=self.health().name,
            reason=REASON,
            state=self._state.place,
            error=trouble.what,
            advice=trouble.advice,
            next_try=round(seconds, 1),
        )
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
