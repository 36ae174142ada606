"""Asks Syniverse's REST API whether what an event says is true: its body proves nothing (specification, 8.15).

A message may have moved on since: an equal or higher rank confirms. What REST does not know yet is not held against
the event: it may lag behind its own events, so the sender has to come again.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from providers.contract import Account
from providers.fields import Json
from providers.rest.errors import ApiError, NotFoundError
from providers.rest.models import Model
from providers.rest.transport import Tempo
from providers.roles import Corroboration
from providers.syniverse.access import client
from providers.syniverse.facts import Facts, polled
from providers.syniverse.failures import bare_code
from providers.syniverse.statuses import state_of
from providers.syniverse.values import same_address, trimmed
from schemas.events import (
    ConsentChanged,
    DeliveryUpdated,
    Event,
    InboundMessage,
    LinkClicked,
    ProviderNotified,
    RequestUpdated,
)

_AT_ONCE = 8
"""Calls at the same time: a body may hold a hundred events."""

_TOKEN_EXPIRED = "4046"  # noqa: S105 - a code: it answers 404 and says nothing of the message
_ENDED = 3
_RANKS: Mapping[str, int] = {
    **dict.fromkeys(("CREATED", "SCHEDULED", "PAUSED"), 0),
    "QUEUED": 1,
    "SENT": 2,
    **dict.fromkeys(("DELIVERED", "FAILED", "EXPIRED", "BAD_REQUEST", "DELETED", "TEST"), _ENDED),
    "READ": 4,
    "CLICKTHRU": 5,
    "CONVERTED": 6,
}
_UNDELIVERED = frozenset({"FAILED", "EXPIRED", "BAD_REQUEST", "DELETED", "TEST"})
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


@dataclass(frozen=True, slots=True)
class Claim:
    """What events say of one message or one request, as far as REST can be asked. None where they say nothing."""

    id: str
    of_request: bool = False
    inbound: bool | None = None
    state: str | None = None
    from_: str | None = None
    to: str | None = None
    request_id: str | None = None


class ReadBack:
    """Compares events with the messages and requests that REST gives. Owns the client."""

    def __init__(self, client: Rest) -> None:
        self._client = client

    async def corroborate(self, events: Sequence[Event], wait: float) -> Corroboration:
        """Return within `wait` seconds what Syniverse says. Never raises."""
        claims = claims_of(events)
        if not claims:
            return Corroboration.CONFIRMED
        room = asyncio.Semaphore(_AT_ONCE)
        tasks = [asyncio.create_task(self._asked(about, room)) for about in _by_thing(claims)]
        try:
            await asyncio.wait(tasks, timeout=max(0.0, wait))
            return _together(map(_outcome, tasks))
        finally:
            await _ended(tasks)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _asked(self, claims: Sequence[Claim], room: asyncio.Semaphore) -> Corroboration:
        """Ask once about the one message or request that all these claims are about."""
        thing = claims[0]
        resource = self._client.message_requests if thing.of_request else self._client.messages
        try:
            async with room:
                found = await resource.get(thing.id)
        except NotFoundError as error:
            expired = bare_code(error.code) == _TOKEN_EXPIRED
            return Corroboration.UNKNOWN if expired else Corroboration.CONTRADICTED
        except ApiError:
            return Corroboration.UNKNOWN
        return _together(compared(claim, found.raw) for claim in claims)


def claims_of(events: Iterable[Event]) -> Sequence[Claim]:
    """Return what events claim, each claim once. An event without a message's or a request's id claims nothing."""
    found = (_claim(event) for event in events)
    return tuple(dict.fromkeys(claim for claim in found if claim is not None))


def _by_thing(claims: Iterable[Claim]) -> Iterable[Sequence[Claim]]:
    found: dict[tuple[bool, str], list[Claim]] = {}
    for claim in claims:
        found.setdefault((claim.of_request, claim.id), []).append(claim)
    return found.values()


def compared(claim: Claim, item: Json) -> Corroboration:
    """Return what a REST object says of a claim about it. What either of the two leaves out is not compared."""
    if claim.of_request:
        return _request_compared(claim.state, state_of(trimmed(item, "state")))
    facts = polled(item)
    if _differs(claim, facts, trimmed(item, "direction")):
        return Corroboration.CONTRADICTED
    return Corroboration.CONFIRMED if claim.inbound else _state_compared(claim.state, facts.state)


def _claim(event: Event) -> Claim | None:
    match event:
        case RequestUpdated():
            return Claim(event.request_id, of_request=True, state=event.provider_status)
        case DeliveryUpdated(message_id=str(message_id)):
            return Claim(
                message_id,
                inbound=False,
                state=event.provider_status,
                from_=event.from_,
                to=event.to,
                request_id=event.request_id,
            )
        case InboundMessage(message_id=str(message_id)):
            return Claim(message_id, inbound=True, from_=event.from_, to=event.to)
        case ConsentChanged(message_id=str(message_id)):
            return Claim(message_id, inbound=True, from_=event.number)
        case LinkClicked(message_id=str(message_id)):
            return Claim(message_id, inbound=False, to=event.to)
        case _:
            return Claim(event.message_id) if isinstance(event, ProviderNotified) and event.message_id else None


def _differs(claim: Claim, facts: Facts, direction: str | None) -> bool:
    wanted = None if claim.inbound is None else "MO" if claim.inbound else "MT"
    pairs = (
        (wanted, direction.upper() if direction else None),
        (same_address(claim.from_), same_address(facts.from_)),
        (same_address(claim.to), same_address(facts.to)),
        (claim.request_id, facts.request_id),
    )
    return any(ours is not None and theirs is not None and ours != theirs for ours, theirs in pairs)


def _state_compared(claimed: str | None, found: str | None) -> Corroboration:
    """Compare two states of a message. An end without delivery and a delivery exclude each other."""
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
