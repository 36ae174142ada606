"""Publishing what dead processes left in the spool, with the receiver's own drain.

This process takes a folder of its own in the spool, as a worker does, adopts the folders whose owner is gone, and
publishes them batch by batch. Nothing is removed before the log has it; what an end in its midst leaves is published
again by the next one, under the same ids.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from broker.log import LogState
from hookline.configuration.config import Config
from hookline.errors import CommandError
from hookline.many import many
from hookline.spooling import at_log, reading
from hookline.spooling.faults import Fault, NotedFiles, Remains, remains_of
from hookline.spooling.survey import Folder, Survey
from ingest.draining import Drain, Tools
from ingest.gate import Gate
from ingest.settings import SpoolSettings
from ingest.spool.spool import ADOPT_EVERY, Spool

STALL = 20.0
"""Seconds without a single webhook that went to the log, after which it is given up."""

_NOTHING = Remains()
_MOST_NAMED = 3
_TELL_EVERY = 1.0
_LOOK_EVERY = 0.2
# A lock that somebody had for a moment only is free by the next look of the spool's own keeper, or the one after it.
_ADOPT_WAIT = 2 * ADOPT_EVERY + 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """How a drain ended.

    `left` counts webhooks that no process holds, `held` the folders of live processes, `set_aside` what was damaged
    or refused meanwhile. `unknown`: more may be left than could be counted. `remains`: what the disk did not do;
    `hidden`: why not all of the spool could be looked at. `idle` is how many seconds before its end the last webhook
    went to the log, `state` how the log was then.
    """

    drained: int
    left: int = 0
    held: Sequence[Folder] = ()
    set_aside: int = 0
    unknown: bool = False
    remains: Remains = _NOTHING
    hidden: str = ""
    idle: float = 0.0
    state: LogState = LogState.HEALTHY

    @property
    def whole(self) -> bool:
        """Whether nothing is left of what could be drained here."""
        return not (self.left or self.unknown or self.remains.unread or self.remains.spent or self.hidden)

    @property
    def left_text(self) -> str:
        """How many are left, as far as it is known."""
        if self.unknown:
            return f"{self.left:,} or more" if self.left else "an unknown number"
        return f"{self.left:,}"


def drain(config: Config, deadline: float) -> int:
    """Drain the spool of a configuration within `deadline` seconds; return the exit status.

    Raises CommandError where something is left that no process holds, SpoolError, LogError.
    """
    return told(asyncio.run(_drained(config, deadline)), config, deadline)


def told(ended: Drained, config: Config, deadline: float) -> int:
    """Print how a drain ended and return the exit status. Raises CommandError where something is left, and why."""
    held = sum(folder.records for folder in ended.held)
    print(f"drained {many(ended.drained, 'webhook')}; left {ended.left_text}, held by live processes {held:,}")
    for folder in ended.held:
        print(f"  {folder.worker}: {many(folder.records, 'webhook')}; its process lives and drains them")
    if ended.set_aside:
        print(f"set aside {ended.set_aside:,}, damaged or refused by the log: `hookline spool verify` names them")
    if not ended.whole:
        raise CommandError("; ".join(_reasons(ended, config, deadline)))
    return 1 if ended.held or ended.set_aside else 0


def _reasons(ended: Drained, config: Config, deadline: float) -> Iterator[str]:
    """Yield why something is left, and what to do: about files where they are the fault, else about the log."""
    unread = ended.remains.unread
    if unread:
        waiting = f"{ended.left_text} of webhooks wait there" if ended.unknown else f"{ended.left:,} webhooks wait"
        yield f"not drained: {_named(unread)}; {waiting}, nothing is lost: {_file_advice(unread)}; then run this again"
    elif ended.hidden:
        yield f"{ended.hidden}; what waits there is unknown, and nothing is lost"
    if (ended.left or ended.unknown) and not (ended.state is LogState.HEALTHY and (unread or ended.hidden)):
        yield f"{_reason(ended, config, deadline)}; {at_log.advice(config)}"
    if ended.remains.spent:
        yield (
            f"drained, and not removed: {_named(ended.remains.spent)}; what is in it would be published again, "
            f"under the same ids: {_file_advice(ended.remains.spent)}; then run this again"
        )


def _named(faults: Sequence[Fault]) -> str:
    more = [f"and {len(faults) - _MOST_NAMED:,} more"] if len(faults) > _MOST_NAMED else []
    return ", ".join([*(f"{one.path} ({one.reason})" for one in faults[:_MOST_NAMED]), *more])


def _file_advice(faults: Sequence[Fault]) -> str:
    if any(one.denied for one in faults):
        return "give this user the right to it and its folder, or run this as the user of the receiver"
    return "look at this path, and at what `hookline spool verify` names as not of the spool"


def _reason(ended: Drained, config: Config, deadline: float) -> str:
    waiting = f"{ended.left_text} {'of ' if ended.unknown else ''}webhooks wait in {config.spool.dir}"
    if ended.drained and ended.idle < STALL:
        return f"the deadline of {deadline:g} s came first; {waiting}"
    if ended.state is LogState.HEALTHY:
        return f"nothing of {config.spool.dir} could be read or stored for {ended.idle:.0f} s; {waiting}"
    return f"{at_log.named(config)} is {ended.state} and took nothing for {ended.idle:.0f} s; {waiting}"


async def _drained(config: Config, deadline: float) -> Drained:
    end = asyncio.get_running_loop().time() + deadline
    files = NotedFiles()
    spool = Spool(config.spool, files=files)
    async with at_log.tools(config, deadline) as tools, _running(spool):
        run = _Run(spool, config.spool, tools, end)
        await run.until_done()
        names, ended = spool.names, not spool.has_records
        others, hidden = await asyncio.to_thread(_others, config.spool, names)
        found = Drained(
            drained=run.work.drained,
            left=spool.inherited + sum(folder.records for folder in others.folders if not folder.held),
            held=[folder for folder in others.folders if folder.held and folder.segments],
            set_aside=spool.status().set_aside,
            unknown=bool(hidden) or (not ended and not spool.inherited),
            hidden=hidden,
            idle=run.idle,
            state=tools.log.state,
        )
    # Only at its end does a spool remove the last of what is drained.
    return await asyncio.to_thread(_with_remains, found, others, names, files, ended=ended)


def _others(settings: SpoolSettings, names: Collection[str]) -> tuple[Survey, str]:
    """Return what others hold, or nobody; or why it cannot be looked at."""
    try:
        return reading.survey(settings, but=names), ""
    except CommandError as error:
        return Survey(root=settings.dir), str(error)


def _with_remains(found: Drained, others: Survey, names: Collection[str], files: NotedFiles, *, ended: bool) -> Drained:
    held = {folder.worker for folder in others.folders if folder.held}
    strays = [stray for stray in others.strays if Path(stray.name).parent.name not in held]
    remains = remains_of(Path(others.root), names, strays, files.faults(), ended=ended)
    counted = {folder.worker for folder in others.folders}
    return replace(found, remains=remains, unknown=found.unknown or remains.hides_webhooks(counted))


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
            try:
                unheld = await asyncio.to_thread(reading.unheld, self.settings)
            except CommandError:
                return False  # it is told when all else is drained
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
