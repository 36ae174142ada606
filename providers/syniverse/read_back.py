"""Asks Syniverse's REST API whether what an event says is true: its body proves nothing (specification, 8.15).

A message may have moved on since: an equal or higher rank confirms. What REST does not know yet is not held against
a young event: it may lag behind its own events, so the sender has to come again. An event that tells of a message and
does not name it cannot be asked about, so it is not believed: to leave out the id must not be a way around.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from providers.contract import Account
from providers.fields import Json
from providers.rest.errors import ApiError, NotFoundError
from providers.rest.models import Model
from providers.rest.transport import Tempo
from providers.roles import Corroboration
from providers.syniverse.access import client
from providers.syniverse.claims import Claim, claims_of
from providers.syniverse.consent import statement_of
from providers.syniverse.events.facts import Facts, polled
from providers.syniverse.events.values import label, same_address, trimmed
from providers.syniverse.failures import bare_code
from providers.syniverse.statuses import ENDS, INBOUND_STATES, state_of
from schemas.events import Event

_AT_ONCE = 8
"""Calls at the same time: a body may hold a hundred events."""

_TOKEN_EXPIRED = "4046"  # noqa: S105 - a code: it answers 404 and says nothing of the message
_ENDED = 3
_RANKS: Mapping[str, int] = {
    **dict.fromkeys(("CREATED", "SCHEDULED", "PAUSED"), 0),
    "QUEUED": 1,
    "SENT": 2,
    **dict.fromkeys(ENDS, _ENDED),
    "READ": 4,
    "CLICKTHRU": 5,
    "CONVERTED": 6,
}
_UNDELIVERED = ENDS - {"DELIVERED"}
_REQUEST_RANKS: Mapping[str, int] = {
    "SUBMITTED": 0,
    "ACCEPTED": 1,
    "PREPARING": 2,
    # A paused request goes on, and one that goes on may be paused.
    "PAUSED": 3,
    "TRANSMITTING": 3,
    "COMPLETED": 4,
    "CANCELED": 5,
    "REJECTED": 5,
}
_REQUEST_ENDS = frozenset({"COMPLETED", "CANCELED", "REJECTED"})


class Getter(Protocol):
    """Gets one thing by its id."""

    async def get(self, id: str, /) -> Model:  # noqa: A002 - the provider's own name of it
        """Return it. Raises ApiError."""
        ...


class Rest(Protocol):
    """The part of the client that is asked."""

    @property
    def messages(self) -> Getter:
        """The messages."""
        ...

    @property
    def message_requests(self) -> Getter:
        """The message requests."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class ReadBack:
    """Compares events with the messages and requests that REST gives. Owns the client."""

    def __init__(self, client: Rest) -> None:
        self._client = client

    async def corroborate(self, events: Sequence[Event], wait: float) -> Corroboration:
        """Return within `wait` seconds what Syniverse says. Never raises."""
        claims = claims_of(events)
        if not claims:
            return Corroboration.CONFIRMED
        if any(claim.id is None for claim in claims):
            return Corroboration.CONTRADICTED
        room = asyncio.Semaphore(_AT_ONCE)
        tasks = [asyncio.create_task(self._asked(*thing, about, room)) for thing, about in _by_thing(claims)]
        try:
            await asyncio.wait(tasks, timeout=max(0.0, wait))
            return _together(map(_outcome, tasks))
        finally:
            await _ended(tasks)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _asked(
        self, of_request: bool, ident: str, claims: Sequence[Claim], room: asyncio.Semaphore
    ) -> Corroboration:
        """Ask once about the one message or request that all these claims are about."""
        resource = self._client.message_requests if of_request else self._client.messages
        try:
            async with room:
                found = await resource.get(ident)
        except NotFoundError as error:
            lags = all(claim.young for claim in claims) or bare_code(error.code) == _TOKEN_EXPIRED
            return Corroboration.UNKNOWN if lags else Corroboration.CONTRADICTED
        except ApiError:
            return Corroboration.UNKNOWN
        return _together(compared(claim, found.raw) for claim in claims)


def _by_thing(claims: Iterable[Claim]) -> Iterable[tuple[tuple[bool, str], Sequence[Claim]]]:
    found: dict[tuple[bool, str], list[Claim]] = {}
    for claim in claims:
        if claim.id is not None:
            found.setdefault((claim.of_request, claim.id), []).append(claim)
    return found.items()


def compared(claim: Claim, item: Json) -> Corroboration:
    """Return what a REST object says of a claim about it. What either of the two leaves out is not compared.

    An object of another id, or one that tells neither state nor direction, is no answer.
    """
    if label(item, "id") != claim.id:
        return Corroboration.UNKNOWN
    if claim.of_request:
        return _request_compared(claim.state, state_of(trimmed(item, "state")))
    facts = polled(item)
    direction = (trimmed(item, "direction") or _direction_by(facts.state) or "").upper()
    if not direction:
        return Corroboration.UNKNOWN
    if _differs(claim, facts, direction) or not _says(claim, facts.text):
        return Corroboration.CONTRADICTED
    return Corroboration.CONFIRMED if claim.inbound else _state_compared(claim.state, facts.state)


def _direction_by(state: str | None) -> str | None:
    return None if state is None else "MO" if state in INBOUND_STATES else "MT"


def _differs(claim: Claim, facts: Facts, direction: str) -> bool:
    wanted = None if claim.inbound is None else "MO" if claim.inbound else "MT"
    pairs = (
        (wanted, direction),
        (same_address(claim.from_), same_address(facts.from_)),
        (same_address(claim.to), same_address(facts.to)),
        (claim.request_id, facts.request_id),
    )
    return any(ours is not None and theirs is not None and ours != theirs for ours, theirs in pairs)


def _says(claim: Claim, found: str | None) -> bool:
    """Tell whether REST's text is the claimed one, and says the claimed consent, where both are there."""
    if claim.consent is not None and found is not None:
        statement = statement_of(found)
        return statement is not None and statement.consent == claim.consent
    if claim.text is None or found is None:
        return True
    ours, theirs = " ".join(claim.text.split()), " ".join(found.split())
    return theirs.startswith(ours) if claim.cut else theirs == ours


def _state_compared(claimed: str | None, found: str | None) -> Corroboration:
    """Compare two states of a message. What REST knows as ended undelivered was not delivered.

    The other way round an end may have come later than the delivery; no state of a message goes back by it (P9).
    """
    if found is None:
        return Corroboration.UNKNOWN if claimed is not None else Corroboration.CONFIRMED
    ours, theirs = _RANKS.get(claimed or ""), _RANKS.get(found or "")
    if ours is None or theirs is None:
        # A state that nobody has told us has no rank: the message is there, and that is all that can be said.
        return Corroboration.CONFIRMED
    was_delivered = ours >= _ENDED and claimed not in _UNDELIVERED
    if was_delivered and found in _UNDELIVERED:
        return Corroboration.CONTRADICTED
    return Corroboration.CONFIRMED if theirs >= ours else Corroboration.UNKNOWN


def _request_compared(claimed: str | None, found: str | None) -> Corroboration:
    """Compare two states of a request. It may be canceled at any time, and be rejected at its beginning alone."""
    if found is None:
        return Corroboration.UNKNOWN
    ours, theirs = _REQUEST_RANKS.get(claimed or ""), _REQUEST_RANKS.get(found or "")
    if ours is None or theirs is None or claimed == found:
        return Corroboration.CONFIRMED
    went_on = claimed not in {"SUBMITTED", "REJECTED"}
    if (found == "REJECTED" and went_on) or (claimed in _REQUEST_ENDS and found in _REQUEST_ENDS and theirs <= ours):
        return Corroboration.CONTRADICTED
    return Corroboration.CONFIRMED if theirs >= ours else Corroboration.UNKNOWN


def _outcome(task: asyncio.Task[Corroboration]) -> Corroboration:
    # One that failed in a way that the client does not document has told nothing either.
    return task.result() if task.done() and task.exception() is None else Corroboration.UNKNOWN


def _together(answers: Iterable[Corroboration]) -> Corroboration:
    found = set(answers)
    if Corroboration.CONTRADICTED in found:
        return Corroboration.CONTRADICTED
    return Corroboration.UNKNOWN if Corroboration.UNKNOWN in found else Corroboration.CONFIRMED


async def _ended(tasks: Sequence[asyncio.Task[Corroboration]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def corroborator(account: Account) -> ReadBack | None:
    """Return the read-back of an account, None where it wants none. Raises AccountError where it cannot call."""
    # One try: whoever posts is waiting, and comes again.
    return ReadBack(client(account, Tempo(retries=0))) if account.settings.get("read_back") else None
