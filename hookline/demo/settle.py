"""Waiting, within limits, until all that was begun has come to its end."""

import asyncio
from collections.abc import Callable

PATIENCE = 20.0
"""Seconds for deliveries, their retries, replies and delivery reports. A retry of Telnyx's cloud takes up to 9 s."""

_LOOK = 0.1


async def settle(quiet: Callable[[], bool], broken: Callable[[], bool], hurry: asyncio.Event) -> bool:
    """Wait until nothing is on its way; tell whether that came in time. `hurry` ends the wait, what is broken too."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not quiet():
                if hurry.is_set() or broken():
                    return False
                await asyncio.sleep(_LOOK)
    except TimeoutError:
        return False
    return True
