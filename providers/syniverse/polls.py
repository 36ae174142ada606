"""Polls: inbound messages, states of outbound ones, the history of consent. Source: specification, 12.10, 12.15, 13.

`inbound` asks for messages to us that are RECEIVED, and marks them as PROCESSED when they are stored. As long as that
works each sweep asks for the whole of `poll_lookback`: what is still RECEIVED was not stored. Without marking a sweep
begins where the last one ended, less an overlap.

`statuses` asks for messages from us by their states. The list can be filtered by `created_date` and not by the date of
the last change, so each sweep asks for all that were created within `poll_lookback`: that is how late a change may come
and still be found, and it is what a sweep costs. Items that are stored as they stand are left out, as far as memory
goes (`sweeping.REMEMBERED`): what is beyond that, the oldest of the span, is stored anew with each sweep.

`consent` asks for what was entered in the history since the last sweep, less an overlap.

Where a sweep stands is in memory alone: the first one after a start looks back `poll_lookback`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson

from providers.contract import Account
from providers.fields import integer, text
from providers.polling import poll_every, poll_lookback, wanted_polls
from providers.rest.errors import UnreadableAnswerError
from providers.rest.transport import Call, Tempo
from providers.rest.verbatim import items_of
from providers.roles import Poll, PollBatch, Polled
from providers.syniverse.access import caller
from providers.syniverse.api.answers import object_of
from providers.syniverse.api.filters import range_of
from providers.syniverse.api.paths import CONSENT_HISTORY, MESSAGES
from providers.syniverse.client import SyniverseClient
from providers.syniverse.marking import Marker, is_final
from providers.syniverse.sweeping import Place, Seen, following
from schemas.times import from_clock

NAMES = ("inbound", "statuses", "consent")
STATES = ("SENT", "DELIVERED", "READ", "CLICKTHRU", "CONVERTED", "FAILED", "EXPIRED", "DELETED")
"""The states that `statuses` asks for: all from SENT on."""

OVERLAP = timedelta(minutes=5)
"""What a sweep reads again of the one before: an item may be listed later than it was created."""

PAGE_SIZE = 100
_MOST_PAGES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What a poll asks for: a list and its filters. `whole` says that each sweep looks back all the way."""

    name: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    whole: bool = False


WATCHES = {
    "inbound": Watch(name="inbound", path=MESSAGES, query=(("direction", "MO"), ("state", "RECEIVED"))),
    "statuses": Watch(
        name="statuses", path=MESSAGES, query=(("direction", "MT"), ("state", ",".join(STATES))), whole=True
    ),
    "consent": Watch(name="consent", path=CONSENT_HISTORY),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often a poll asks and how far it looks back, in seconds."""

    every: float
    lookback: float


@dataclass(frozen=True, slots=True)
class _Step:
    """What a batch is of: the place that it was read at, the place after it, and its items."""

    place: Place
    next_place: Place | None
    items: tuple[bytes, ...] = field(repr=False)


class SyniversePoll:
    """Sweeps one list again and again. `marker` marks what is stored, for inbound messages."""

    def __init__(
        self, client: SyniverseClient, watch: Watch, patience: Patience, tempo: Tempo, marker: Marker | None = None
    ) -> None:
        """Own the client; `tempo` tells the time."""
        self._client = client
        self._watch = watch
        self._patience = patience
        self._clock = tempo.clock
        self._marker = marker
        self._place: Place | None = None
        self._swept: Place | None = None
        self._last: Place | None = None
        self._last_items: tuple[bytes, ...] = ()
        self._seen = Seen()
        # Whether it was told that nothing is marked any more.
        self._told = False

    @property
    def name(self) -> str:
        """`inbound`, `statuses` or `consent`."""
        return self._watch.name

    @property
    def every(self) -> float:
        """Seconds from one sweep to the next."""
        return self._patience.every

    async def check(self) -> PollBatch:
        """Return the next items that are not stored as they stand. Raises ApiError."""
        for _ in range(_MOST_PAGES):
            step = await self._step(self._place or self._begun())
            fresh = tuple(item for item in step.items if item not in self._seen)
            if fresh:
                again = None if step.next_place is None else 0.0
                items = tuple(Polled(self._watch.path, item) for item in fresh)
                return PollBatch(items=items, again_after=again, token=step)
            self._move(step)
            if step.next_place is None:
                return PollBatch()
        return PollBatch(again_after=0.0)

    async def stored(self, batch: PollBatch) -> None:
        """Mark what is stored, and go on. Raises ApiError; one message that cannot be marked stops nothing.

        Where Syniverse does not offer to mark any, a RefusedError tells so once, and the poll goes on without.
        """
        if not isinstance(batch.token, _Step):
            return
        if self._marker is not None:
            errors = await self._marker.mark(_ids(batch.items))
            trouble = next((error for error in errors.values() if not is_final(error)), None)
            if trouble is not None:
                raise trouble
        self._seen.add(batch.token.items, batch.token.place.end.timestamp())
        self._move(batch.token)
        if self._marker is not None and self._marker.refusal is not None and not self._told:
            self._told = True
            raise self._marker.refusal

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _step(self, place: Place) -> _Step:
        name = f"poll {self.name}"
        query = (
            *self._watch.query,
            ("created_date", range_of(place.begin, place.end)),
            ("sort", "created_date"),
            ("offset", str(place.offset)),
            ("limit", str(PAGE_SIZE)),
        )
        call = Call(name=name, method="GET", path=self._watch.path, query=query, repeatable=True)
        answer = await self._client.transport.call(call)
        found = object_of(answer, name)
        if not isinstance(found.get("list"), list):
            raise UnreadableAnswerError(f"{name}: the answer has no list")
        items = tuple(items_of(answer.body, "list"))
        stuck = self._is_stuck(place, items)
        self._last, self._last_items = place, items
        return _Step(place, None if stuck else following(place, items, integer(found, "total")), items)

    def _is_stuck(self, place: Place, items: tuple[bytes, ...]) -> bool:
        """Tell whether a later place of the same span has the same page: a server that counts no places never ends."""
        last = self._last
        further = last is not None and last.begin == place.begin and last.offset < place.offset
        return further and bool(items) and items == self._last_items

    def _begun(self) -> Place:
        """Return where a new sweep begins, and forget what no sweep will list any more."""
        now = from_clock(self._clock)
        back = now - timedelta(seconds=self._patience.lookback)
        place = self._begin(now, back)
        # How exactly the provider filters is not documented.
        self._seen.forget((min(place.begin, back) - OVERLAP).timestamp())
        return place

    def _begin(self, now: datetime, back: datetime) -> Place:
        marks = self._marker is not None and self._marker.refusal is None
        if self._swept is None or self._watch.whole or marks:
            return Place(back, now)
        return Place(self._swept.end - OVERLAP, now)

    def _move(self, step: _Step) -> None:
        self._place = step.next_place
        if step.next_place is None:
            self._swept = step.place


def polls(account: Account, tempo: Tempo | None = None) -> Sequence[Poll]:
    """Return the polls that an account wants. Raises AccountError for an unknown one, or where it cannot call."""
    patience = Patience(every=poll_every(account), lookback=poll_lookback(account))
    found: list[Poll] = []
    for name in dict.fromkeys(wanted_polls(account, NAMES)):
        own = caller(account, tempo)
        marks = name == "inbound" and account.settings.get("confirm") is not False
        marker = Marker(own.messages) if marks else None
        found.append(SyniversePoll(own, WATCHES[name], patience, tempo or Tempo(), marker))
    return found


def _ids(items: Sequence[Polled]) -> Sequence[str]:
    """Return the ids of messages."""
    values = (orjson.loads(item.body) for item in items)
    return [found for value in values if isinstance(value, dict) and (found := text(value, "id")) is not None]
