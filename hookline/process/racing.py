"""Work that gives way to the signal to stop."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

CANCEL_WAIT = 0.3
"""Seconds that work has to take notice that it was cancelled. Then it is left behind."""

logger: Any = structlog.get_logger()


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do the work, or give it up once `stop` is set; tell whether it was done.

    Raises what the work raises by itself. What it raises while it is given up is logged: there is an end to come to.
    """
    doing = asyncio.create_task(work, name="work before the end")
    waiting = asyncio.create_task(stop.wait(), name="waiting for the end")
    try:
        await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
            return True
    finally:
        await _give_up(doing, waiting)
    _note(doing)
    return False


async def _give_up(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=CANCEL_WAIT)


def _note(given_up: asyncio.Task[None]) -> None:
    if not given_up.done():
        logger.warning("start_not_given_up", seconds=CANCEL_WAIT)
    elif not given_up.cancelled() and (error := given_up.exception()) is not None:
        logger.warning("start_failed_at_stop", error=type(error).__name__)
