"""Which way a webhook goes: to the log directly, or through the spool.

P4 asks that what waits in the spool reaches the log before what came later. So while the spool holds anything, all
goes through it. With steady traffic it would never run dry: each record that is drained meets a new one. Near the end
the drain therefore holds newcomers for a moment instead of spooling them, publishes the rest, and lets them go on.

Whatever waits for the log when it is no longer healthy goes to the spool at once, and not only when its own time is
over: a provider that leaves us ten seconds is answered as quickly as one that leaves us two.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from broker.background import keep_going
from broker.log import Log, LogState
from ingest.spool.spool import Spool

HOLD_WAIT = 0.2
"""Seconds that a webhook is held at most. Then it goes to the spool like those before it."""

LOOK_EVERY = 0.02
"""Seconds between two looks at the log's state while webhooks wait for it."""


class Gate:
    """Tells the way. Without a spool there is one only."""

    def __init__(self, log: Log, spool: Spool | None) -> None:
        self._log = log
        self._spool = spool
        self._held: asyncio.Future[None] | None = None
        self._waiting = set[asyncio.Timeout]()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look at the log for those that wait for it."""
        if self._spool is not None:
            self._task = asyncio.create_task(keep_going("gate", self._watch), name="gate")

    async def stop(self) -> None:
        """Look no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    @property
    def open(self) -> bool:
        """Whether webhooks may go to the log directly."""
        if self._spool is None:
            return True
        return self._log.state is LogState.HEALTHY and not self._spool.gating and self._held is None

    async def direct(self) -> bool:
        """Return whether this webhook goes to the log directly. Waits for HOLD_WAIT seconds at most."""
        if self._held is not None:
            await asyncio.wait([self._held], timeout=HOLD_WAIT)
        return self.open

    @contextlib.asynccontextmanager
    async def while_healthy(self) -> AsyncGenerator[None]:
        """End what is inside by TimeoutError when the log is healthy no longer, where there is a spool instead."""
        async with asyncio.timeout(None) as scope:
            self._waiting.add(scope)
            try:
                yield
            finally:
                self._waiting.discard(scope)

    def hold(self) -> None:
        """Let newcomers wait until `release`."""
        if self._held is None:
            self._held = asyncio.get_running_loop().create_future()

    def release(self) -> None:
        """Let those go on that wait, in the order in which they came."""
        held, self._held = self._held, None
        if held is not None:
            held.set_result(None)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if self._waiting and self._log.state is not LogState.HEALTHY:
                now = asyncio.get_running_loop().time()
                for scope in tuple(self._waiting):
                    scope.reschedule(now)
                self._waiting.clear()
