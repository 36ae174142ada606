"""Who gives way when there are too many connections: who only waits, and never one whose request is whole.

First the longest idle, half a header counting as idle. Providers keep connections open between webhooks, and a
stranger who opens many must not cut them: one that never had a success goes before all that had one, unless it is so
new that its request may be on its way. Where none is idle, the one whose body has been on its way for longest goes.

Kept in order of time, so that a flood pays for a look at one or two and not at all of them. Durations are monotonic.
"""

from collections.abc import Callable
from time import monotonic
from typing import Generic, Protocol, TypeVar

NEW_FOR = 1.0
"""Seconds in which one without a success is no worse than the others."""


class Holder(Protocol):
    """A connection, as far as its place is concerned."""

    @property
    def idle(self) -> bool:
        """Whether it has nothing in hand."""
        ...

    @property
    def awaits_body(self) -> bool:
        """Whether the rest of a body is still to come."""
        ...

    @property
    def closing(self) -> bool:
        """Whether it was told to close."""
        ...


_H = TypeVar("_H", bound=Holder)


class Places(Generic[_H]):
    """The places that are taken, each by a connection that was not told by us to give way."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._holders: set[_H] = set()
        self._known: set[_H] = set()
        # Each with the time since when. Python's dictionaries keep the order in which keys came.
        self._strangers: dict[_H, float] = {}
        self._served: dict[_H, float] = {}
        self._bodies: dict[_H, float] = {}

    def __len__(self) -> int:
        return len(self._holders)

    def take(self, holder: _H) -> None:
        """Give a new connection a place."""
        self._holders.add(holder)
        self._strangers[holder] = self._now()

    def began(self, holder: _H) -> None:
        """Note that the header of a request is here."""
        if holder in self._holders:
            self._take_out(holder)
            if holder.awaits_body:
                self._bodies[holder] = self._now()

    def answered(self, holder: _H, *, well: bool) -> None:
        """Note that its request was answered. Where the body was not waited for, it stays among those that read."""
        if holder not in self._holders:
            return
        if well:
            self._known.add(holder)
        if not holder.awaits_body:
            self._take_out(holder)
            (self._served if holder in self._known else self._strangers)[holder] = self._now()

    def leave(self, holder: _H) -> None:
        """Free a place."""
        self._holders.discard(holder)
        self._known.discard(holder)
        self._take_out(holder)

    def give(self) -> _H | None:
        """Free the place of the one that has to give way, and return it; None where nobody has to."""
        found = self._idle() or self._reading()
        if found is not None:
            self.leave(found)
        return found

    def _idle(self) -> _H | None:
        stranger, served = _first(self._strangers), _first(self._served)
        if stranger is None or served is None:
            return stranger or served
        since = self._strangers[stranger]
        return stranger if self._now() - since >= NEW_FOR or since <= self._served[served] else served

    def _reading(self) -> _H | None:
        while self._bodies:
            holder = next(iter(self._bodies))
            if not holder.closing and (holder.awaits_body or holder.idle):
                return holder
            # Whole by now: it comes back among the idle when it is answered.
            del self._bodies[holder]
        return None

    def _take_out(self, holder: _H) -> None:
        for table in (self._strangers, self._served, self._bodies):
            table.pop(holder, None)


def _first(table: dict[_H, float]) -> _H | None:
    return next((holder for holder in table if holder.idle and not holder.closing), None)
