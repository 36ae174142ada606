"""Which way a webhook goes: to the log directly, or through the spool.

P4 asks that what waits in the spool reaches the log before what came later. So while the spool holds anything, all
goes through it. With steady traffic it would never run dry: each record that is drained meets a new one. Near the end
the drain therefore holds newcomers for a moment instead of spooling them, publishes the rest, and lets them go on.
"""

import asyncio

from broker.log import Log, LogState
from ingest.spool.spool import Spool

HOLD_WAIT = 0.2
"""Seconds that a webhook is held at most. Then it goes to the spool like those before it."""


class Gate:
    """Tells the way. Without a spool there is one only."""

    def __init__(self, log: Log, spool: Spool | None) -> None:
        self._log = log
        self._spool = spool
        self._held: asyncio.Future[None] | None = None

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

    def hold(self) -> None:
        """Let newcomers wait until `release`."""
        if self._held is None:
            self._held = asyncio.get_running_loop().create_future()

    def release(self) -> None:
        """Let those go on that wait, in the order in which they came."""
        held, self._held = self._held, None
        if held is not None:
            held.set_result(None)
