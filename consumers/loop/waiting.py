"""Records that wait, each in its lane: for another try, for the log, or for the time at which they are due."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable

from broker.log import Subscription
from schemas.records import StoredRecord
from schemas.topics import Topic

Place = tuple[str, int, int]

_LOOK_AGAIN = 0.1


def place_of(record: StoredRecord) -> Place:
    """Return where the record stands."""
    return (record.topic, record.partition, record.offset)


class Waiting:
    """Knows who waits and why. Who waits holds no place of a handler. `changed` tells of each new wish."""

    def __init__(self) -> None:
        self._troubled: dict[Place, str] = {}
        self._due: set[Place] = set()
        self._wishes: Counter[str] = Counter()
        self.changed = asyncio.Event()
        self.member: Subscription | None = None

    @property
    def certain(self) -> bool:
        """Whether nobody can have taken the member's place."""
        return self.member is None or self.member.certain

    async def certainty(self, closing: asyncio.Event) -> bool:
        """Wait until nobody can have taken the member's place; return False where the record is to be left first."""
        while not self.certain:
            if not await _unless(closing, _LOOK_AGAIN):
                return False
        return not closing.is_set()

    @property
    def trouble(self) -> str | None:
        """Why the record that waits longest for its next try in place waits."""
        # Metrics ask from another thread: a copy, made in one step, does not change under the hands.
        return next(iter(tuple(self._troubled.values())), None)

    @property
    def until_due(self) -> int:
        """How many records of retry topics are in hand and not due yet."""
        return len(self._due)

    def wishes(self, topics: Iterable[Topic]) -> int:
        """Return how many records of these topics wait in place because their handler wishes so."""
        return sum(self._wishes[topic.name] for topic in topics)

    async def ended(self, at_work: Collection[object], until: float, closing: asyncio.Event) -> bool:
        """Wait while anything is at work, until then by the loop's time; False where the record is to be left first."""
        while at_work and (left := until - asyncio.get_running_loop().time()) > 0:
            if not await _unless(closing, min(left, _LOOK_AGAIN)):
                return False
        return True

    async def pause(
        self, record: StoredRecord, reason: str, seconds: float, closing: asyncio.Event, *, wished: bool = False
    ) -> bool:
        """Wait for another try; return False where the record is to be left because `closing` is set."""
        self._troubled[place_of(record)] = reason
        self._wishes[record.topic] += wished
        if wished:
            self.changed.set()
        try:
            return await _unless(closing, seconds)
        finally:
            self._wishes[record.topic] -= wished
            del self._troubled[place_of(record)]

    async def due(self, record: StoredRecord, seconds: float, closing: asyncio.Event) -> bool:
        """Wait until the record is due; return False where it is to be left because `closing` is set."""
        if seconds <= 0:
            return not closing.is_set()
        self._due.add(place_of(record))
        try:
            return await _unless(closing, seconds)
        finally:
            self._due.discard(place_of(record))


async def _unless(closing: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await closing.wait()
    except TimeoutError:
        return True
    return False
