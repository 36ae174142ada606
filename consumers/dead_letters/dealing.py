"""Deals with letters: a redriven one is appended to the group's retry topic, then a marker says so.

The marker comes after the append, so that an end in between loses nothing: the letter stays open and is redriven
again, under the same event id. Before each batch the partitions are looked at once more, so that of two who redrive at
the same time each passes over what the other has marked; what both have in hand at that moment goes out twice. So that
they do not go on side by side, who finds fresh markers of another lets that one go ahead.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from random import SystemRandom

from broker.log import Log, Partition, Position
from consumers.dead_letters.letters import Letter, Resolution, marked, marker, redriven
from schemas.times import Clock

BATCH_LETTERS = 100
BATCH_BYTES = 1 << 20
"""Of what is in hand at once: as much is done again after an end in the middle, or by two at a time."""

_APPEND_WAIT = 30.0
_WAIT = 20.0
_SHORTEST_BATCH = 0.05
_random = SystemRandom()
Sleep = Callable[[float], Awaitable[None]]


class Dealer:
    """Redrives or discards letters, in the order given. `rate` is letters a second at most, None for no limit.

    `seen` tells up to where the markers of each partition are known already to the letters.
    """

    def __init__(  # noqa: PLR0913 - each is given by its name
        self,
        log: Log,
        how: Resolution,
        clock: Clock,
        *,
        seen: Mapping[Partition, int] | None = None,
        rate: float | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._log = log
        self._how = how
        self._clock = clock
        self._rate = rate
        self._sleep = sleep
        self._seen = dict(seen or {})
        self._dealt: dict[Partition, set[int]] = {}
        # Markers of ours that a look will find; and how long a batch took, in seconds.
        self._own: set[Position] = set()
        self._took = _SHORTEST_BATCH

    async def deal(self, letters: AsyncIterator[Letter]) -> AsyncGenerator[int]:
        """Deal with the open ones among the letters; yield after each batch how many were done in it.

        Raises LogError; what was yielded is done.
        """
        largest = BATCH_LETTERS if self._rate is None else max(1, min(BATCH_LETTERS, int(self._rate)))
        loop = asyncio.get_running_loop()
        async for batch in batches(letters, largest):
            began = loop.time()
            still_open = await self._still_open(batch)
            if still_open:
                ready = loop.time()
                await self._batch(still_open)
                self._took = max(_SHORTEST_BATCH, loop.time() - ready)
                yield len(still_open)
                if self._rate is not None:
                    await self._sleep(max(0.0, len(still_open) / self._rate - (loop.time() - began)))

    async def _batch(self, letters: Sequence[Letter]) -> None:
        now = int(self._clock() * 1000)
        if self._how is Resolution.REDRIVEN:
            await self._log.append([redriven(letter, now) for letter in letters], _APPEND_WAIT)
        self._note(await self._log.append([marker(letter, self._how, now) for letter in letters], _APPEND_WAIT))

    def _note(self, positions: Sequence[Position]) -> None:
        """Pass over our own markers, as far as nobody else's stand between them."""
        for position in positions:
            if self._seen.get(position.partition) == position.offset:
                self._seen[position.partition] += 1
            else:
                self._own.add(position)

    async def _still_open(self, letters: Sequence[Letter]) -> Sequence[Letter]:
        """Return the letters that nobody has dealt with by now."""
        for letter in letters:
            self._seen.setdefault(letter.place.at, letter.place.offset + 1)
        places = {letter.place.at for letter in letters}
        while any([await self._look(at) for at in places]):
            # Another is at the same letters: at one pace with us each of its batches would go out twice.
            await self._sleep(self._took * _random.uniform(1, 4))
        return [each for each in letters if each.place.offset not in self._dealt.get(each.place.at, ())]

    async def _look(self, at: Partition) -> bool:
        """Learn what was dealt with in a partition since the last look; tell whether another has done so."""
        async with asyncio.timeout(_WAIT):
            end = (await self._log.bounds(at)).end
        if self._seen[at] >= end:
            return False
        fresh, dealt = False, self._dealt.setdefault(at, set())
        async for record in self._log.read(at, self._seen[at], end):
            told = marked(record)
            if told is not None:
                dealt.add(told[0])
                fresh |= Position(at, record.offset) not in self._own
            self._own.discard(Position(at, record.offset))
        self._seen[at] = end
        return fresh


async def batches(letters: AsyncIterator[Letter], largest: int) -> AsyncIterator[Sequence[Letter]]:
    """Yield the open letters in batches of up to `largest`, bounded in bytes too."""
    batch: list[Letter] = []
    size = 0
    async for letter in letters:
        if letter.dealt is not None:
            continue
        value = len(letter.record.value or b"")
        if batch and (len(batch) >= largest or size + value > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(letter)
        size += value
    if batch:
        yield batch
