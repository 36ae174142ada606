"""What the cloud remembers: messages as they were from time to time, and who wants none."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from providers.telnyx.simulation.bodies import Fields

_DAYS_BACK = 10 * 86_400.0
_MESSAGES = 10_000
_OPT_OUTS = 100_000


@dataclass(slots=True)
class Kept:
    """A message: its payloads with the times from which they hold, and when it is to be sent, if it is scheduled."""

    steps: list[tuple[float, Fields]]
    send_at: float | None = None

    def payload(self, now: float) -> Fields:
        """Return the message as it is now."""
        begun = [step for step in self.steps if step[0] <= now]
        return max(begun or self.steps[:1], key=lambda step: step[0])[1]

    def cancel(self, payload: Fields, now: float) -> None:
        """Put a payload in the place of all that would have come."""
        self.steps = [*self.steps[:1], (now, payload)]
        self.send_at = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut:
    """A block: `theirs` wants no messages from `ours`, in Unix seconds from `at` until before `until`."""

    ours: str
    theirs: str
    keyword: str
    at: float
    until: float = inf

    def holds(self, now: float) -> bool:
        """Tell whether the person wants no messages now."""
        return self.at <= now < self.until


@dataclass(frozen=True, slots=True)
class Books:
    """The latest 10,000 messages by id, and the latest 100,000 blocks by person: they hold for the whole profile."""

    _messages: OrderedDict[str, Kept] = field(default_factory=OrderedDict[str, Kept])
    _opt_outs: OrderedDict[str, OptOut] = field(default_factory=OrderedDict[str, OptOut])

    def note(self, payload: Fields, at: float) -> None:
        """Remember what a message is from `at` on."""
        self._kept(payload["id"]).steps.append((at, payload))

    def schedule(self, message_id: str, send_at: float) -> None:
        """Remember when a message is to be sent."""
        self._kept(message_id).send_at = send_at

    def message(self, message_id: str, now: float) -> Kept | None:
        """Return a message of the last 10 days."""
        kept = self._messages.get(message_id)
        return kept if kept is not None and now - kept.steps[0][0] <= _DAYS_BACK else None

    def opt_out(self, ours: str, theirs: str, keyword: str, at: float) -> None:
        """Block messages to a person from `at` on."""
        self._opt_outs[theirs] = OptOut(ours=ours, theirs=theirs, keyword=keyword, at=at)
        self._opt_outs.move_to_end(theirs)
        _bound(self._opt_outs, _OPT_OUTS)

    def opt_in(self, theirs: str, at: float) -> None:
        """Take a block away from `at` on, if there is one."""
        found = self._opt_outs.get(theirs)
        if found is not None:
            self._opt_outs[theirs] = replace(found, until=at)

    def is_blocked(self, theirs: str, now: float) -> bool:
        """Tell whether a person wants no messages now."""
        found = self._opt_outs.get(theirs)
        return found is not None and found.holds(now)

    def opt_outs(self, now: float) -> Sequence[OptOut]:
        """Return the blocks of now in the order in which they came."""
        return [one for one in self._opt_outs.values() if one.holds(now)]

    def _kept(self, message_id: str) -> Kept:
        kept = self._messages.setdefault(message_id, Kept([]))
        _bound(self._messages, _MESSAGES)
        return kept


def _bound(entries: OrderedDict[str, Any], most: int) -> None:
    while len(entries) > most:
        entries.popitem(last=False)
