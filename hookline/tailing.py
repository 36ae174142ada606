"""Reading topics outside of any group, from a place on, once or for ever."""

import asyncio
import heapq
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from broker.log import Log, Partition
from schemas.records import StoredRecord
from schemas.times import Clock, parse_time, to_millis

PAUSE = 0.25
"""Seconds between two looks for new records."""

_DEADLINE = 20.0
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AGO = re.compile(r"-(\d{1,9})([smhd])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Start:
    """Where reading starts: at the oldest record, behind the newest, or at a time in ms since 1970."""

    oldest: bool = False
    timestamp: int | None = None

    @classmethod
    def earliest(cls) -> "Start":
        """Start at the oldest record that is kept."""
        return cls(oldest=True)

    @classmethod
    def latest(cls) -> "Start":
        """Start behind the newest record."""
        return cls()


def parse_start(text: str, clock: Clock) -> Start:
    """Return the start that a text names. Raises ValueError with what may be written."""
    if text in {"earliest", "latest"}:
        return Start.earliest() if text == "earliest" else Start.latest()
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return Start(timestamp=int((clock() - int(ago[1]) * _UNITS[ago[2]]) * 1000))
    moment = parse_time(text)
    if moment is None:
        raise ValueError(f"{text!r}: write earliest, latest, 2026-01-15T21:32:14Z, or -15m (units: s, m, h, d)")
    return Start(timestamp=to_millis(moment))


class Tail:
    """Reads topics from a start on. Not for use by two tasks at once."""

    def __init__(self, log: Log, topics: Sequence[str]) -> None:
        self._log = log
        self._topics = tuple(dict.fromkeys(topics))
        self._next: dict[Partition, int] = {}
        self._known = set[str]()

    async def open(self, start: Start) -> tuple[str, ...]:
        """Find where to start in each partition, and return the topics that are not there."""
        for topic in self._topics:
            for partition in await self._partitions(topic):
                self._next[partition] = await self._first(partition, start)
        return tuple(topic for topic in self._topics if topic not in self._known)

    async def records(self, *, follow: bool) -> AsyncIterator[StoredRecord]:
        """Yield the records that are there; with `follow` those that come too, for ever."""
        while True:
            found = False
            for topic in self._topics:
                async for record in self._news(topic):
                    found = True
                    yield record
            if not follow:
                return
            if not found:
                await asyncio.sleep(PAUSE)

    async def _news(self, topic: str) -> AsyncIterator[StoredRecord]:
        """Yield what is new in a topic, merged by timestamp."""
        behind = await self._behind(topic)
        streams = [self._log.read(partition, self._next[partition], end) for partition, end in behind]
        heads: list[tuple[int, int, StoredRecord]] = []
        for index, stream in enumerate(streams):
            await _push(heads, index, stream)
        while heads:
            _, index, record = heapq.heappop(heads)
            self._next[behind[index][0]] = record.offset + 1
            yield record
            await _push(heads, index, streams[index])
        # The last offsets may be gaps: without this they would be asked for again and again.
        self._next.update(behind)

    async def _behind(self, topic: str) -> list[tuple[Partition, int]]:
        """Return the partitions that hold more than was read, with their ends."""
        found: list[tuple[Partition, int]] = []
        for partition in await self._partitions(topic):
            async with asyncio.timeout(_DEADLINE):
                bounds = await self._log.bounds(partition)
            # A topic that came later is read from its beginning; what retention took is passed over.
            self._next[partition] = max(self._next.get(partition, 0), bounds.first)
            if self._next[partition] < bounds.end:
                found.append((partition, bounds.end))
        return found

    async def _partitions(self, topic: str) -> Sequence[Partition]:
        async with asyncio.timeout(_DEADLINE):
            found = await self._log.partitions(topic)
        if found:
            self._known.add(topic)
        return found

    async def _first(self, partition: Partition, start: Start) -> int:
        async with asyncio.timeout(_DEADLINE):
            if start.timestamp is not None:
                return await self._log.offset_at(partition, start.timestamp)
            bounds = await self._log.bounds(partition)
        return bounds.first if start.oldest else bounds.end


async def _push(heads: list[tuple[int, int, StoredRecord]], index: int, stream: AsyncIterator[StoredRecord]) -> None:
    record = await anext(stream, None)
    if record is not None:
        heapq.heappush(heads, (record.timestamp, index, record))
