"""Waiting, within limits, until all that was begun has come to its end."""

import asyncio
from collections.abc import Callable

from broker.log import Log, LogUnavailableError, Partition
from consumers.catalogue import CONSUMERS, Listed

PATIENCE = 20.0
"""Seconds for deliveries, their retries, replies, delivery reports, polls and confirmations.

A retry of Telnyx's cloud takes up to 9 s.
"""

_LOOK = 0.1
_WAIT = 5.0


async def settle(
    quiet: Callable[[], bool], broken: Callable[[], bool], log: Log, hurry: asyncio.Event, lag: float = 0.0
) -> bool:
    """Wait until nothing is on its way; tell whether that came in time. `hurry` ends the wait, what is broken too.

    `quiet` tells of the clouds. In between the consumers must have caught up: what was polled is answered too, and of
    that no cloud knows beforehand. `lag` is how many seconds later than usual all may end.
    """
    try:
        async with asyncio.timeout(PATIENCE + lag):
            while not (quiet() and await caught_up(log) and quiet()):
                if hurry.is_set() or broken():
                    return False
                await asyncio.sleep(_LOOK)
    except TimeoutError:
        return False
    return True


async def caught_up(log: Log) -> bool:
    """Tell whether every consumer is done with all that stands in its topics."""
    try:
        # In the order in which they feed each other: what the first has decided, the second has to send.
        for consumer in CONSUMERS:
            if not await _done(log, consumer):
                return False
    except LogUnavailableError:
        return False
    return True


async def _done(log: Log, consumer: Listed) -> bool:
    for topic in consumer.topics:
        async with asyncio.timeout(_WAIT):
            partitions = await log.partitions(topic.name)
        for partition in partitions:
            if await _behind(log, consumer.name, partition):
                return False
    return True


async def _behind(log: Log, group: str, partition: Partition) -> bool:
    async with asyncio.timeout(_WAIT):
        bounds = await log.bounds(partition)
        committed = await log.committed(group, partition)
    return max(bounds.first, committed or 0) < bounds.end
