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

HOLD_WAIT = 0.45
"""Seconds that a webhook is held at most. Then it goes to the spool like those before it.

Longer than a far log takes for the last batch, or its spool would never run dry; and short enough that the webhook's
own append still fits into the shortest `broker_wait` (0.8 s).
"""

_MAY_TAKE = (LogState.HEALTHY, LogState.SUSPECT)
# Turns of the loop that an append needs to end and its webhook to reach the spool. Two or three will do.
_TURNS = 100

LOOK_EVERY = 0.02
"""Seconds between two looks at the log's state while webhooks wait for it."""


class Gate:
    """Tells the way. Without a spool there is one only."""

    def __init__(self, log: Log, spool: Spool | None) -> None:
        self._log = log
        self._spool = spool
        self._holding = self._leaving = False
        # In the order in which they came, which is the order in which they go on.
        self._queue: dict[asyncio.Future[None], None] = {}
        self._waiting: dict[asyncio.Timeout, None] = {}
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
        return self._log.state is LogState.HEALTHY and not self._spool.gating and not self.holding

    @property
    def may_poll(self) -> bool:
        """Whether polls may store. A log that is only suspected is proved by an append, and there may be no other."""
        if self._spool is None:
            return True
        return self._log.state in _MAY_TAKE and not self._spool.gating and not self.holding

    @property
    def holding(self) -> bool:
        """Whether newcomers wait."""
        return self._holding

    async def direct(self) -> bool:
        """Return whether this webhook goes to the log directly. Waits for HOLD_WAIT seconds at most."""
        if self._spool is None:
            return True
        try:
            if self._holding or self._leaving or self._queue:
                await self._take_turn()
            if self._waiting and self._log.state is not LogState.HEALTHY:
                await self._let_earlier_ones_leave()
            return self.open
        finally:
            # Not before this one goes on, or the next might be first.
            self._wake_next()

    async def _take_turn(self) -> None:
        ticket = asyncio.get_running_loop().create_future()
        self._queue[ticket] = None
        try:
            await asyncio.wait([ticket], timeout=HOLD_WAIT)
        finally:
            del self._queue[ticket]

    def _wake_next(self) -> None:
        if self._holding or self._leaving:
            return
        first = next(iter(self._queue), None)
        if first is not None and not first.done():
            first.set_result(None)

    async def _let_earlier_ones_leave(self) -> None:
        """Send those to the spool that wait for the log, and let them be there before the one that found out.

        Who comes meanwhile waits behind that one.
        """
        earlier = tuple(self._waiting)
        self._end_waiting()
        self._leaving = True
        try:
            for _ in range(_TURNS):
                if not any(scope in self._waiting for scope in earlier):
                    return
                await asyncio.sleep(0)
        finally:
            self._leaving = False

    @contextlib.asynccontextmanager
    async def while_healthy(self) -> AsyncGenerator[None]:
        """End what is inside by TimeoutError when the log is healthy no longer, where there is a spool instead."""
        async with asyncio.timeout(None) as scope:
            self._waiting[scope] = None
            try:
                yield
            finally:
                self._waiting.pop(scope, None)

    def hold(self) -> None:
        """Let newcomers wait until `release`. Those that wait already go to the spool now.

        Else they would go there one by one while the next batch is on its way, and it were never the last.
        """
        self._holding = True
        for ticket in self._queue:
            if not ticket.done():
                ticket.set_result(None)

    def release(self) -> None:
        """Let those go on that wait, in the order in which they came."""
        self._holding = False
        self._wake_next()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if self._waiting and self._log.state is not LogState.HEALTHY:
                self._end_waiting()

    def _end_waiting(self) -> None:
        now = asyncio.get_running_loop().time()
        for scope in tuple(self._waiting):
            if not scope.expired():
                scope.reschedule(now)
