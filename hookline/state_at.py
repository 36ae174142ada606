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
    if not made:
        await asyncio.to_thread(_check, config)
    database = Database(config.consumers.state)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def _check(config: Config) -> None:
    path = sqlite_path(config.consumers.state)
    if path is not None and not path.exists():
        raise CommandError(f"there is no state at {path} yet; `{command('run')}` or `hookline consume` makes it")
