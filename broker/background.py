"""Endless tasks that no single error may end."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

PAUSE = 1.0
"""Seconds before a task that broke goes on."""

_log = structlog.get_logger(__name__)


async def keep_going(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do the work until it returns; where an error ends it, say so and begin again after a pause.

    The work handles what it expects by itself. What comes here is a fault of ours or a shortage in the process.
    """
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - a task that died in silence would be missed only much later
            _log.error("background_task_failed", task=name, error=type(error).__name__)
        else:
            return
        await asyncio.sleep(PAUSE)
