"""The broker taken away: SQLite's write lock on the log's file, held by somebody else for a time.

This is no pretence. To the embedded log a lock that another connection holds is an outage: nothing can be stored,
commits and results of the consumers neither, until it is let go. Reading goes on, as the file is in WAL mode.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from broker.log import LogState
from hookline.demo.outage_view import OutagePhase, OutageView
from hookline.errors import CommandError
from hookline.simulator.latency import Histogram

LEAD = 5.0
"""Seconds of usual traffic before the broker is taken away."""

AFTERWARDS = 6.0
"""Seconds of usual traffic with the broker back, so that draining beside it is seen."""

_LOOK = 0.05
_LOCK_WAIT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The broker is taken away for `seconds` after `lead` seconds."""

    seconds: float
    lead: float = LEAD

    @property
    def end(self) -> float:
        """Seconds from the start of the traffic until the broker is back."""
        return self.lead + self.seconds


class Outage:
    """Takes the broker away once. `state` tells the log's state, `answers` all answer times so far."""

    def __init__(self, path: Path, plan: Plan, state: Callable[[], LogState], answers: Callable[[], Histogram]) -> None:
        self._path, self._plan, self._state, self._answers = path, plan, state, answers
        self._phase = OutagePhase.AHEAD
        self._next = _now() + plan.lead
        self._began = 0.0
        self._lasted = 0.0
        self._noticed: float | None = None
        self._before = Histogram()
        self._during = Histogram()

    async def run(self) -> None:
        """Wait for its time, take the broker away and give it back, also where this is cancelled.

        Raises CommandError where the lock is not to be had.
        """
        await asyncio.sleep(self._next - _now())
        async with _held(self._path):
            self._begin()
            try:
                await self._last()
            finally:
                self._finish()

    def view(self) -> OutageView:
        """Return how it is now."""
        away = self._phase is OutagePhase.AWAY
        return OutageView(
            phase=self._phase,
            left=0.0 if self._phase is OutagePhase.OVER else max(0.0, self._next - _now()),
            lasted=_now() - self._began if away else self._lasted,
            noticed=self._noticed,
            answers=self._measured().summary(),
        )

    def _measured(self) -> Histogram:
        return self._answers().since(self._before) if self._phase is OutagePhase.AWAY else self._during

    def _begin(self) -> None:
        self._before, self._began = self._answers(), _now()
        self._next = self._began + self._plan.seconds
        self._phase = OutagePhase.AWAY

    async def _last(self) -> None:
        while _now() < self._next:
            if self._noticed is None and self._state() is not LogState.HEALTHY:
                self._noticed = _now() - self._began
            await asyncio.sleep(min(_LOOK, max(0.0, self._next - _now())))

    def _finish(self) -> None:
        self._during, self._lasted = self._measured(), _now() - self._began
        self._phase = OutagePhase.OVER


def _now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def _held(path: Path) -> AsyncGenerator[None]:
    """Hold the write lock on a SQLite file. Raises CommandError."""
    taking = asyncio.create_task(asyncio.to_thread(_locked, path), name="taking the broker away")
    try:
        # A thread cannot be ended: what it takes has to be let go of, even if nobody waits for it any more.
        await asyncio.shield(taking)
        yield
    finally:
        await asyncio.wait([taking])
        if taking.exception() is None:
            # Undoes the transaction, in which nothing was written.
            await asyncio.to_thread(taking.result().close)


def _locked(path: Path) -> sqlite3.Connection:
    """Return a connection that holds the write lock. Raises CommandError."""
    try:
        # Closed in another thread than it was opened in, never used by two at once.
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_LOCK_WAIT,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute("BEGIN IMMEDIATE")
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise CommandError(f"{path}: the broker could not be taken away: {error}") from error
    return connection
