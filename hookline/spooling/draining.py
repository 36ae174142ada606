"""Publishing what dead processes left in the spool, with the receiver's own drain.

This process takes a folder of its own in the spool, as a worker does, adopts the folders whose owner is gone, and
publishes them batch by batch. Nothing is removed before the log has it; what an end in its midst leaves is published
again by the next one, under the same ids.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from broker.log import Log
from broker.opening import open_log
from hookline.configuration.config import Config
from hookline.errors import CommandError
from hookline.spooling import reading
from ingest.draining import Drain, Tools
from ingest.gate import Gate
from ingest.metrics import IngestMetrics
from ingest.publisher import Publisher
from ingest.spool.spool import Spool
from providers.contract import Account, Provider
from providers.registry import provider

STALL = 20.0
"""Seconds without a single webhook that went to the log, after which the log counts as away."""

_TELL_EVERY = 1.0
_LOG_WAIT = 30.0
_STOP_WAIT = 10.0


@dataclass(frozen=True, slots=True)
class Known:
    """An account whose webhooks can be normalized. Its keys are not needed for that."""

    account: Account
    provider: Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """How a drain ended. `left` counts what no process holds, `held` what waits in folders of live processes."""

    drained: int
    left: int
    held: int
    stalled: bool


def drain(config: Config, deadline: float) -> int:
    """Drain the spool of a configuration within `deadline` seconds; return the exit status.

    Raises CommandError where the log does not take anything, SpoolError, LogError.
    """
    if not reading.root_of(config.spool).is_dir():
        print(f"there is no spool at {config.spool.dir}: nothing to drain")
        return 0
    return told(asyncio.run(_drained(config, deadline)), config.broker.url, config.spool.dir)


def told(ended: Drained, url: str, folder: str) -> int:
    """Print how a drain ended and return the exit status. Raises CommandError where the log took nothing."""
    print(f"drained {ended.drained:,} webhooks; left {ended.left:,}, held by live processes {ended.held:,}")
    if ended.stalled:
        raise CommandError(
            f"the log at {url} took nothing for {STALL:g} s; nothing is lost: {ended.left:,} webhooks wait in {folder}"
        )
    return 1 if ended.left else 0


async def _drained(config: Config, deadline: float) -> Drained:
    log = open_log(config.broker, ingesting=False)
    spool = Spool(config.spool)
    async with _running(log, spool):
        metrics = IngestMetrics(CollectorRegistry())
        tools = Tools(log=log, publisher=Publisher(log, metrics), accounts=_accounts(config), metrics=metrics)
        work = Drain(spool, Gate(log, spool), tools)
        try:
            stalled = await _work(work, spool, deadline)
        finally:
            await work.stop()
        left = spool.inherited
    survey = await asyncio.to_thread(reading.survey, config.spool)
    held = sum(folder.records for folder in survey.folders if folder.held)
    return Drained(drained=work.drained, left=left, held=held, stalled=stalled)


async def _work(work: Drain, spool: Spool, deadline: float) -> bool:
    """Drain until nothing is left, the time is over, or the log takes nothing; tell whether it was that."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline
    moved = told = loop.time()
    while (spool.gating or spool.inherited) and loop.time() < end:
        if await work.turn():
            moved = loop.time()
        if loop.time() - moved > STALL:
            return True
        if loop.time() - told >= _TELL_EVERY:
            told = loop.time()
            print(f"drained {work.drained:,}, left {spool.inherited:,}", file=sys.stderr, flush=True)
    return False


@asynccontextmanager
async def _running(log: Log, spool: Spool) -> AsyncGenerator[None]:
    async with asyncio.timeout(_LOG_WAIT):
        await log.start()
    try:
        await spool.start()
        try:
            yield
        finally:
            await spool.stop()
    finally:
        async with asyncio.timeout(_STOP_WAIT):
            await log.stop()


def _accounts(config: Config) -> Mapping[str, Known]:
    return {name: Known(account, provider(account.provider)) for name, account in config.accounts.items()}
