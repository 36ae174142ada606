"""Waiting, within limits, until all that was begun has come to its end."""

import asyncio

from hookline.demo.watcher import Watcher
from hookline.simulator.engine import Engine

PATIENCE = 20.0
"""Seconds for deliveries, their retries, replies and delivery reports. A retry of Telnyx's cloud takes up to 9 s."""

_LOOK = 0.1


async def settle(engine: Engine, watcher: Watcher, hurry: asyncio.Event) -> bool:
    """Wait until nothing is on its way; tell whether that came in time. `hurry` ends the wait."""
    try:
        async with asyncio.timeout(PATIENCE):
            # A reply makes delivery reports: quiet is only when both were quiet in one look.
            while not (watcher.settled and engine.in_hand == 0):
                if hurry.is_set() or engine.broken:
                    return False
                await asyncio.sleep(_LOOK)
    except TimeoutError:
        return False
    return True
