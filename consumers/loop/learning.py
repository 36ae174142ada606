"""What waits in a retry partition when its topic's partition comes into our hands."""

import asyncio

from broker.log import LogUnavailableError, Partition
from consumers.loop.origin import Origin
from consumers.loop.parked import Parked
from consumers.loop.parts import LoopParts

_LAST = 2
"""So many windows of records: as many may have been put there since a commit, and retries behind them."""


async def learn(parts: LoopParts, origin: Partition) -> Parked:
    """Return what waits: the records of the retry partition that the group has not committed, up to its end now.

    Where no order is kept, what waits holds nothing up: then only the last of them are looked at, among which are those
    that were put there after the last commit of their topic. Raises LogUnavailableError.
    """
    try:
        # Of reading there may be much; each page of it has the log's own deadline.
        return await _read(parts, origin)
    except TimeoutError as error:
        raise LogUnavailableError("reading what waits took too long") from error


async def _read(parts: LoopParts, origin: Partition) -> Parked:
    log, group, wait = parts.log, parts.consumer.name, parts.tempo.log_wait
    retry, parked = parts.routes.retry(origin), Parked(keys=parts.keeps_order)
    async with asyncio.timeout(wait):
        begin = await log.committed(group, origin) or 0
        offset = await log.committed(group, retry) or 0
        bounds = await log.bounds(retry)
    offset = max(offset, bounds.first)
    if not parts.keeps_order:
        offset = max(offset, bounds.end - _LAST * parts.tempo.window)
    if offset >= bounds.end:
        return parked
    reading = log.read(retry, offset, bounds.end).__aiter__()
    while True:
        try:
            async with asyncio.timeout(wait):
                record = await anext(reading)
        except StopAsyncIteration:
            return parked
        parked.learn(record, Origin(origin.topic, origin.number, begin))
