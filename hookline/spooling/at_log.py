"""The log as the commands of the spool open it, and what publishing needs beside it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from broker.log import Log
from broker.opening import open_log
from hookline.called import command, config_words
from hookline.configuration.config import Config
from hookline.errors import CommandError
from ingest.draining import Tools
from ingest.metrics import IngestMetrics
from ingest.publisher import Publisher
from providers.contract import Account, Provider
from providers.registry import provider

_START_WAIT = 30.0
_STOP_WAIT = 10.0


@dataclass(frozen=True, slots=True)
class Known:
    """An account whose webhooks can be normalized. Its keys are not needed for that."""

    account: Account
    provider: Provider


@asynccontextmanager
async def tools(config: Config, wait: float) -> AsyncGenerator[Tools]:
    """Give what publishing needs, with the log open. Raises LogError, CommandError after `wait` seconds."""
    log = open_log(config.broker, ingesting=False)
    wait = min(wait, _START_WAIT)
    try:
        async with asyncio.timeout(wait):
            await log.start()
    except TimeoutError:
        raise CommandError(f"{named(config)} did not open within {wait:g} s; {advice(config)}") from None
    metrics = IngestMetrics(CollectorRegistry())
    try:
        yield Tools(log=log, publisher=Publisher(log, metrics), accounts=_accounts(config), metrics=metrics)
    finally:
        await _stop(log)


def named(config: Config) -> str:
    """Return which log it is."""
    return f"the log at {config.broker.url}"


def advice(config: Config) -> str:
    """Return what to do where the log does not take anything."""
    doctor = command("doctor", *config_words(config.path))
    return f"nothing is lost: `{doctor}` says what the log lacks; then run this again"


async def _stop(log: Log) -> None:
    # What is published is confirmed; a log that does not end in time takes nothing with it.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_STOP_WAIT):
            await log.stop()


def _accounts(config: Config) -> Mapping[str, Known]:
    return {name: Known(account, provider(account.provider)) for name, account in config.accounts.items()}
