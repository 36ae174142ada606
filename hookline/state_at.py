"""The state as commands open it, beside the consumers that write it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from consumers.state.database import Database
from hookline.called import command
from hookline.configuration.config import Config
from hookline.errors import CommandError
from schemas.urls import sqlite_path


@asynccontextmanager
async def open_state(config: Config, *, made: bool = False) -> AsyncGenerator[Database]:
    """Give the open state. Raises CommandError where there is none yet, unless it may be `made`; StateError."""
    url = config.consumers.state
    path = sqlite_path(url)
    if path is not None and not made and not await asyncio.to_thread(path.exists):
        raise CommandError(f"there is no state at {path} yet; `{command('run')}` or `hookline consume` makes it")
    database = Database(url)
    await database.open()
    try:
        yield database
    finally:
        await database.close()
