"""What waits in a retry partition when its topic's partition comes into our hands."""

import asyncio

from broker.log import LogUnavailableError, Partition
from consumers.loop.origin import Origin
from consumers.loop.parked import Parked
from consumers.loop.parts import LoopParts


async def learn(parts: LoopParts, origin: Partition) -> Parked:
    """Return what waits: the records of the retry partition that the group has not committed, up to its end now.

    Raises LogUnavailableError.
    """
    try:
        # Of reading there may be much; each page of it has the log's own deadline.
        return await _read(parts, origin)
    except TimeoutError as error:
        raise LogUnavailableError("reading what waits took too long") from error


async def _read(parts: LoopParts, origin: Partition) -> Parked:
    log, group, wait = parts.log, parts.consumer.name, parts.tempo.log_wait
    retry, parked = parts.routes.retry(origin), Parked()
    async with asyncio.timeout(wait):
        begin = await log.committed(group, origin) or 0
        offset = await log.committed(group, retry) or 0
        bounds = await log.bounds(retry)
    if offset >= bounds.end:
        return parked
    reading = log.read(retry, max(offset, bounds.first), bounds.end).__aiter__()
    while True:
        try:
            async with asyncio.timeout(wait):
                record = await anext(reading)
        except StopAsyncIteration:
            return parked
        parked.learn(record, Origin(origin.topic, origin.number, begin))
