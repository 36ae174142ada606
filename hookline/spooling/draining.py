"""Publishing what dead processes left in the spool, with the receiver's own drain.

This process takes a folder of its own in the spool, as a worker does, adopts the folders whose owner is gone, and
publishes them batch by batch. Nothing is removed before the log has it; what an end in its midst leaves is published
again by the next one, under the same ids.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from broker.log import LogState
from hookline.configuration.config import Config
from hookline.errors import CommandError
from hookline.spooling import at_log, reading
from hookline.spooling.survey import Folder
from hookline.spooling.words import many
from ingest.draining import Drain, Tools
from ingest.gate import Gate
from ingest.settings import SpoolSettings
from ingest.spool.spool import ADOPT_EVERY, Spool

STALL = 20.0
"""Seconds without a single webhook that went to the log, after which it is given up."""

_TELL_EVERY = 1.0
_LOOK_EVERY = 0.2
# A lock that somebody had for a moment only is free by the next look of the spool's own keeper, or the one after it.
_ADOPT_WAIT = 2 * ADOPT_EVERY + 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """How a drain ended.

    `left` counts webhooks that no process holds, `held` the folders of live processes, `set_aside` what was damaged
    or refused meanwhile. `unread`: something is left whose webhooks could not be counted. `idle` is how many seconds
    before its end the last webhook went to the log, `state` how the log was then.
    """

    drained: int
    left: int = 0
    held: Sequence[Folder] = ()
    set_aside: int = 0
    unread: bool = False
    idle: float = 0.0
    state: LogState = LogState.HEALTHY

    @property
    def whole(self) -> bool:
        """Whether nothing is left of what could be drained here."""
        return not self.left and not self.unread


def drain(config: Config, deadline: float) -> int:
    """Drain the spool of a configuration within `deadline` seconds; return the exit status.

    Raises CommandError where something is left that no process holds, SpoolError, LogError.
    """
    return told(asyncio.run(_drained(config, deadline)), config, deadline)


def told(ended: Drained, config: Config, deadline: float) -> int:
    """Print how a drain ended and return the exit status. Raises CommandError where something is left, and why."""
    held = sum(folder.records for folder in ended.held)
    print(f"drained {many(ended.drained, 'webhook')}; left {ended.left:,}, held by live processes {held:,}")
    for folder in ended.held:
        print(f"  {folder.worker}: {many(folder.records, 'webhook')}; its process lives and drains them")
    if ended.set_aside:
        print(f"set aside {ended.set_aside:,}, damaged or refused by the log: `hookline spool verify` names them")
    if not ended.whole:
        raise CommandError(f"{_reason(ended, config, deadline)}; {at_log.advice()}")
    return 1 if ended.held or ended.set_aside else 0


def _reason(ended: Drained, config: Config, deadline: float) -> str:
    waiting = f"{ended.left:,} webhooks wait in {config.spool.dir}"
    if ended.drained and ended.idle < STALL:
        return f"the deadline of {deadline:g} s came first; {waiting}"
    if ended.state is LogState.HEALTHY:
        return f"nothing of {config.spool.dir} could be read or stored for {ended.idle:.0f} s; {waiting}"
    return f"{at_log.named(config)} is {ended.state} and took nothing for {ended.idle:.0f} s; {waiting}"


async def _drained(config: Config, deadline: float) -> Drained:
    end = asyncio.get_running_loop().time() + deadline
    spool = Spool(config.spool)
    async with at_log.tools(config, deadline) as tools, _running(spool):
        run = _Run(spool, config.spool, tools, end)
        await run.until_done()
        names = spool.names
        others = (await asyncio.to_thread(reading.survey, config.spool, but=names)).folders
        return Drained(
            drained=run.work.drained,
            left=spool.inherited + sum(folder.records for folder in others if not folder.held),
            held=[folder for folder in others if folder.held and folder.segments],
            set_aside=spool.status().set_aside,
            unread=spool.has_records,
            idle=run.idle,
            state=tools.log.state,
        )


@dataclass(slots=True)
class _Run:
    """One drain. `end` and `moved` are times of the event loop."""

    spool: Spool
    settings: SpoolSettings
    tools: Tools
    end: float
    work: Drain = field(init=False)
    moved: float = field(init=False)
    told: float = field(init=False)

    def __post_init__(self) -> None:
        self.work = Drain(self.spool, Gate(self.tools.log, self.spool), self.tools)
        self.moved = self.told = self._now()

    @property
    def idle(self) -> float:
        """Seconds since something went to the log."""
        return self._now() - self.moved

    async def until_done(self) -> None:
        """Drain until nothing is left, the time is over, or nothing moves."""
        try:
            async with asyncio.timeout_at(self.end):
                while await self._find():
                    await self._drain()
                    if self.spool.has_records:
                        return
        except TimeoutError:
            return
        finally:
            await self.work.stop()

    async def _drain(self) -> None:
        self.moved = self._now()
        while self.spool.has_records and self.idle < STALL:
            if await self.work.turn():
                self.moved = self._now()
            if self._now() - self.told >= _TELL_EVERY:
                self.told = self._now()
                print(f"drained {self.work.drained:,}, left {self.spool.inherited:,}", file=sys.stderr, flush=True)

    async def _find(self) -> bool:
        """Wait for folders whose lock was held for a moment only; tell whether there is something to drain."""
        until = self._now() + _ADOPT_WAIT
        while not self.spool.has_records:
            unheld = await asyncio.to_thread(reading.unheld, self.settings)
            if unheld <= self.spool.names or self._now() > until:
                return False
            await asyncio.sleep(_LOOK_EVERY)
        return True

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


@asynccontextmanager
async def _running(spool: Spool) -> AsyncGenerator[None]:
    await spool.start()
    try:
        yield
    finally:
        await spool.stop()
