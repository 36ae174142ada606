"""The log and the state as commands open them, beside running processes: for a while, with a deadline."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from broker.log import Log
from broker.opening import open_log
from consumers.state.database import Database
from hookline.called import command
from hookline.configuration.config import Config
from hookline.errors import CommandError
from hookline.topics import log_exists
from schemas.urls import sqlite_path

_START_WAIT = 30.0
_STOP_WAIT = 10.0


@asynccontextmanager
async def opened_log(config: Config) -> AsyncGenerator[Log]:
    """Give the log, without the place for ingest. Raises CommandError where there is none, LogError."""
    if not await asyncio.to_thread(log_exists, config.broker):
        raise CommandError(f"there is no log at {config.broker.url} yet; `{await _typed('run')}` makes it")
    log = open_log(config.broker, ingesting=False)
    try:
        async with asyncio.timeout(_START_WAIT):
            await log.start()
        yield log
    except TimeoutError:
        told = f"the log at {config.broker.url} does not answer; `{await _typed('doctor')}` says why"
        raise CommandError(told) from None
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_WAIT):
                await log.stop()


@asynccontextmanager
async def opened_state(config: Config, *, make: bool = False) -> AsyncGenerator[Database]:
    """Give the state; with `make` a file that is not there is made. Raises CommandError where it is not, StateError."""
    database = Database(config.consumers.state)
    if not make and not await asyncio.to_thread(state_exists, config):
        raise CommandError(f"there is no state at {database.place}: no consumer with this configuration has run here")
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def state_exists(config: Config) -> bool:
    """Tell whether the file of the state is there; one on a server always counts as there. Blocks."""
    path = sqlite_path(config.consumers.state)
    return path is None or path.exists()


async def _typed(word: str) -> str:
    # How we are called is looked up on the disk.
    return await asyncio.to_thread(command, word)
