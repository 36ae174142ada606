"""The state as commands open it, beside running processes. Apart from the log: its libraries take a while to import."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from consumers.state.database import Database
from consumers.state.survey import survey
from hookline.configuration.config import Config
from hookline.errors import CommandError
from schemas.urls import sqlite_path


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
    """Tell whether the file of the state, or on a server its tables, are there. Blocks, changes nothing.

    Raises StateError.
    """
    url = config.consumers.state
    path = sqlite_path(url)
    return survey(url).version is not None if path is None else path.exists()
