"""Reads dead letters, outside of every group. What is asked for is read twice: first for the markers behind it."""

import asyncio
import heapq
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass

from broker.log import Log, Partition
from consumers.dead_letters.letters import Dealt, Letter, is_marker, marked
from consumers.dead_letters.places import Box, Place, box_of

_WAIT = 20.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """The letters of one partition that are there now: offsets from `first` up to and without `end`."""

    box: Box
    at: Partition
    first: int
    end: int


async def stretches(log: Log, boxes: Iterable[Box]) -> tuple[Stretch, ...]:
    """Return what is there now of the boxes; one whose topic is not there has nothing. Raises LogUnavailableError."""
    found: list[Stretch] = []
    for box in boxes:
        async with asyncio.timeout(_WAIT):
            partitions = await log.partitions(box.letters.name)
        for at in partitions:
            async with asyncio.timeout(_WAIT):
                bounds = await log.bounds(at)
            found.append(Stretch(box, at, bounds.first, bounds.end))
    return tuple(found)


async def letters(log: Log, found: Sequence[Stretch]) -> AsyncGenerator[Letter]:
    """Yield every letter, those dealt with too, by the time when they came, in order within a partition.

    Letters that come later are not read. Holds of each partition what its markers say, and one letter.
    Raises LogUnavailableError.
    """
    streams = [_letters(log, stretch) for stretch in found if stretch.first < stretch.end]
    heads: list[tuple[int, int, Letter]] = []
    try:
        for index, stream in enumerate(streams):
            await _push(heads, index, stream)
        while heads:
            _, index, letter = heapq.heappop(heads)
            yield letter
            await _push(heads, index, streams[index])
    finally:
        for stream in streams:
            await stream.aclose()


async def letter_at(log: Log, place: Place) -> Letter | None:
    """Return the letter at a place, None where there is none. Raises LogUnavailableError."""
    box = box_of(place.topic)
    if box is None:
        return None
    for stretch in await stretches(log, [box]):
        if stretch.at == place.at and stretch.first <= place.offset < stretch.end:
            one = Stretch(box, place.at, place.offset, place.offset + 1)
            # To its end, though there is one alone: a reading that is left in the middle stays open for a while.
            found = [letter async for letter in _letters(log, one, stretch.end)]
            return found[0] if found else None
    return None


async def markers(log: Log, at: Partition, first: int, end: int) -> Mapping[int, Dealt]:
    """Return by the letter's offset what the markers of a range say; the first one counts."""
    found: dict[int, Dealt] = {}
    async for record in log.read(at, first, end):
        told = marked(record)
        if told is not None:
            found.setdefault(*told)
    return found


async def _letters(log: Log, stretch: Stretch, end: int | None = None) -> AsyncGenerator[Letter]:
    """Yield the letters of a stretch, with what the markers up to `end` say of them."""
    dealt = await markers(log, stretch.at, stretch.first, stretch.end if end is None else end)
    async for record in log.read(stretch.at, stretch.first, stretch.end):
        if not is_marker(record):
            yield Letter(record, stretch.box, dealt.get(record.offset))


async def _push(heads: list[tuple[int, int, Letter]], index: int, stream: AsyncIterator[Letter]) -> None:
    letter = await anext(stream, None)
    if letter is not None:
        heapq.heappush(heads, (letter.died_at, index, letter))
