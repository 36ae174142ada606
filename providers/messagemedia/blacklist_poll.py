"""The blacklist as a poll: which numbers came onto it or left it since the last look.

The list has no times and no ids: what changed is known by comparison with what was seen before, in memory. The first
look after a start gives every number that stands on it; who left it while no process ran is not seen. A list that
changes while it is read may skip a number: whoever seems to have left is asked for by name, and counts as listed
unless the provider says that the account may write to them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from providers.messagemedia.api.blacklist import BLACKLIST_PATH
from providers.messagemedia.api.limits import is_number
from providers.messagemedia.client import MessageMediaClient
from providers.rest.errors import ApiError
from providers.roles import PollBatch, Polled

MOST_NUMBERS = 200_000
"""Numbers that are read and remembered at most, some 20 MB; of a longer list the rest is not seen."""

BATCH = 500
"""Changes that are given at once, and numbers at most that are asked for by name after a look."""

PAGES = 100
"""Pages that one check reads; a longer list is read on by the next one, at once."""

_ASKED_AT_ONCE = 50

Change = tuple[str, bool]
"""A number, and whether it is on the list now."""


class BlacklistPoll:
    """Reads the whole list and gives the changes, batch after batch; what is stored counts as known."""

    def __init__(self, client: MessageMediaClient, every: float) -> None:
        self.name = "blacklist"
        self.every = every
        self._client = client
        self._known: set[str] = set()
        self._pending: list[Change] = []
        self._reading: _Reading | None = None

    async def check(self) -> PollBatch:
        """Read on in the list, unless changes of the last look are still to be given. Raises ApiError."""
        if not self._pending:
            reading, self._reading = self._reading or _Reading(), None
            if not await reading.go_on(self._client):
                self._reading = reading
                return PollBatch(again_after=0.0)
            self._pending = await self._changes(reading)
        batch = tuple(self._pending[:BATCH])
        return PollBatch(
            items=tuple(map(_polled, batch)),
            again_after=0.0 if len(self._pending) > BATCH else None,
            token=batch,
        )

    async def stored(self, batch: PollBatch) -> None:
        """Take note of the changes of a batch."""
        changes: tuple[Change, ...] = batch.token or ()
        for number, listed in changes:
            if listed:
                self._known.add(number)
            else:
                self._known.discard(number)
        # One task at a time: a batch is always what stands first.
        del self._pending[: len(changes)]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _changes(self, reading: "_Reading") -> list[Change]:
        listed = reading.numbers
        left = await self._authorised(sorted(self._known - listed)[:BATCH]) if reading.whole else ()
        return [*((number, True) for number in sorted(listed - self._known)), *((number, False) for number in left)]

    async def _authorised(self, numbers: Sequence[str]) -> Sequence[str]:
        """Return which numbers the account may write to; none where that cannot be asked: the next look asks again."""
        askable = [number for number in numbers if is_number(number)]
        found = set(numbers) - set(askable)
        try:
            for start in range(0, len(askable), _ASKED_AT_ONCE):
                answers = await self._client.blacklist.is_authorised(askable[start : start + _ASKED_AT_ONCE])
                found |= {answer.number for answer in answers if answer.authorised and answer.number}
        except ApiError:
            return ()
        return [number for number in numbers if number in found]


@dataclass
class _Reading:
    """One look at the list, which may take several checks: what was seen, and the page that comes next."""

    numbers: set[str] = field(default_factory=set[str])
    count: int = 0
    place: str | None = None
    places: set[str] = field(default_factory=set[str])
    whole: bool = False

    async def go_on(self, client: MessageMediaClient) -> bool:
        """Read some pages more and tell whether the look is at its end. Raises ApiError: the next one begins anew."""
        pages = client.blacklist.list()
        for _ in range(PAGES):
            page = await pages.page(self.place)
            if page.items and self.numbers.issuperset(page.items):
                # A list that goes round never ends; who is not on it cannot be told from this look.
                return True
            self.numbers.update(page.items)
            self.count += len(page.items)
            self.place = page.next_place
            # A page that is named twice ends the list, as the last one of the provider's example does.
            self.whole = self.place is None or self.place in self.places
            if self.whole or self.count >= MOST_NUMBERS:
                return True
            self.places.add(str(self.place))
        return False


def _polled(change: Change) -> Polled:
    number, listed = change
    # A lone surrogate has no bytes; it must not end the poll.
    clean = number.encode("utf-8", "replace").decode()
    return Polled(BLACKLIST_PATH, orjson.dumps({"number": clean, "listed": listed}))
