"""A whole reconciliation: the accounts side by side, each at its own pace."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from consumers.state.database import Database
from consumers.track.unfinished import Span
from hookline.configuration.config import Config, ConfigError
from hookline.opened_state import opened_state
from hookline.process.startup import Unable, lookups_of
from hookline.reconciling.account import AccountRun, Tally, open_ids
from hookline.reconciling.pace import Pace
from hookline.spooling import at_log
from providers.contract import Account
from providers.roles import Lookup
from schemas.times import Clock

OPEN_WAIT = 30.0
_CLOSE_WAIT = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What is asked for: the span, one account or all, calls a second for each account."""

    span: Span
    account: str | None = None
    rate: float


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What came of it, by account; `unable` are accounts that nobody can ask about."""

    tallies: Mapping[str, Tally]
    unable: Sequence[Unable] = ()

    @property
    def whole(self) -> bool:
        """Whether every open message was asked about."""
        return not any(one.failed or one.left for one in self.tallies.values()) and not self.unable

    @property
    def strange(self) -> Sequence[str]:
        """The accounts whose provider said of every message that it has no such message."""
        return sorted(name for name, tally in self.tallies.items() if tally.knew_none)


async def counted(config: Config, wishes: Wishes) -> Mapping[str, int]:
    """Return by account how many messages would be asked about. Calls nobody and writes nothing. Raises StateError."""
    async with opened_state(config) as database:
        found: dict[str, int] = {}
        for account in accounts_of(config, wishes.account):
            found[account.name] = 0
            async for _ in open_ids(database, account.name, wishes.span):
                found[account.name] += 1
        return found


async def reconciled(config: Config, wishes: Wishes, clock: Clock) -> Reconciled:
    """Ask about all open messages and publish what is news.

    Raises ConfigError, CommandError, StateError, LogError.
    """
    accounts = {account.name: account for account in accounts_of(config, wishes.account)}
    lookups, unable = lookups_of(config, accounts.values())
    async with opened_state(config) as database, _closing(lookups), at_log.tools(config, OPEN_WAIT) as tools:
        unable = tuple([one for one in unable if await _has_open(database, one.account, wishes.span)])
        runs = [
            AccountRun(accounts[name], lookup, database, tools, Pace(wishes.rate), clock)
            for name, lookup in lookups.items()
        ]
        tallies = await asyncio.gather(*(run.run(wishes.span) for run in runs))
    return Reconciled({run.account.name: tally for run, tally in zip(runs, tallies, strict=True)}, unable)


def accounts_of(config: Config, name: str | None) -> Sequence[Account]:
    """Return the accounts that are asked about. Raises ConfigError for a name that is none."""
    if name is None:
        return list(config.accounts.values())
    account = config.accounts.get(name)
    if account is None:
        known = ", ".join(sorted(config.accounts)) or "none"
        raise ConfigError(f"{config.path}: no account {name!r}; there are: {known}")
    return [account]


async def _has_open(database: Database, account: str, span: Span) -> bool:
    async for _ in open_ids(database, account, span):
        return True
    return False


@asynccontextmanager
async def _closing(lookups: Mapping[str, Lookup]) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_WAIT):
                await asyncio.gather(*(lookup.close() for lookup in lookups.values()), return_exceptions=True)
