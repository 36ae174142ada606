"""How a poll goes through a list that may change while it is read. Source: specification, 2.4 to 2.9, 13.

A sweep reads what was created from `begin` to `end`, oldest first, a page at a time. The next page is asked for by the
time of the last item, not by its place: what is marked between two pages leaves the list, and all places behind it
move. Only where time does not tell (a whole page of one moment, or a list that is not in order) places are counted.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b

from providers.rest.answers import json_of
from providers.syniverse.events.values import moment

REMEMBERED = 100_000
"""Items that a poll knows again; each state that one was seen in counts."""

# Whether an end of a span belongs to it is not documented.
_JUST = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sweep stands: what is left of its span of time, and how many items of it have been read."""

    begin: datetime
    end: datetime
    offset: int = 0


def following(place: Place, items: Sequence[bytes], total: int | None) -> Place | None:
    """Return where the next page begins, None where there is none. `total` counts the items of the place's span."""
    end = place.offset + len(items)
    if not items or (total is not None and end >= total):
        return None
    last = _newest(items)
    if last is None or last - _JUST <= place.begin:
        return replace(place, offset=end)
    return Place(last - _JUST, place.end)


class Seen:
    """Items that are stored already, as they stood then. A set with a bound, beyond which the newest are kept.

    Each sweep reads the same list in the same order, so to forget what was added first would be to know nothing again
    as soon as the list is longer than the bound. Of what was created latest the same items stay, and only the surplus
    comes again.
    """

    def __init__(self, bound: int = REMEMBERED) -> None:
        self._bound = bound
        self._digests: set[bytes] = set()
        self._by_age: list[tuple[float, bytes]] = []

    def __contains__(self, item: bytes) -> bool:
        return _digest(item) in self._digests

    def add(self, items: Sequence[bytes], at: float = 0.0) -> None:
        """Remember items; one that does not tell when it was created counts as created `at`, in Unix seconds."""
        for item in items:
            digest = _digest(item)
            if digest in self._digests:
                continue
            created = _created(item)
            self._digests.add(digest)
            heapq.heappush(self._by_age, (at if created is None else created.timestamp(), digest))
            if len(self._by_age) > self._bound:
                self._forget_oldest()

    def forget(self, before: float) -> None:
        """Forget what was created before a time, in Unix seconds: it is not listed any more."""
        while self._by_age and self._by_age[0][0] < before:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        _, digest = heapq.heappop(self._by_age)
        self._digests.remove(digest)


def _newest(items: Sequence[bytes]) -> datetime | None:
    """Return when the last item was created, None where the items are not in that order."""
    times = [_created(item) for item in items]
    known = [time for time in times if time is not None]
    return known[-1] if len(known) == len(times) and known == sorted(known) else None


def _created(item: bytes) -> datetime | None:
    found = json_of(item)
    return moment(found.get("created_date")) if isinstance(found, dict) else None


def _digest(item: bytes) -> bytes:
    return blake2b(item, digest_size=16).digest()
