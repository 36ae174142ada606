"""What the state is kept of, and what an event tells about it. Pure.

One message to one recipient has one state. News that name no recipient are about the message as a whole: they have a
state of their own, with an empty recipient, which counts for every recipient of the message. It is joined when it is
read (`whole`) and never written into the others, so each row depends on its own news alone, whatever their order.

A message request (Syniverse) is what our own sending knows; its messages get ids of their own. So news of such a
message are news of its request to the same person too, and the state can be found by both ids.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from consumers.track.merging import NO_MOMENT, Standing, merged, standing
from schemas.envelope import Envelope
from schemas.events import DeliveryUpdated, Event, RequestUpdated, SendCompleted
from schemas.times import to_millis
from schemas.vocabulary import DeliveryStatus, Ingress, RequestStatus, SendOutcome


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One message, or message request, to one recipient; an empty recipient stands for the message as a whole."""

    account: str
    message_id: str
    recipient: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventNote:
    """One line of a message's life: what came, from where, and when. Times in Unix milliseconds.

    `status` is our word as it came. `ingress` says push or poll, where that is known.
    """

    account: str
    message_id: str
    event_id: str
    recipient: str
    type: str
    received_ms: int
    status: str | None = None
    provider_status: str | None = None
    failure_class: str | None = None
    code: str | None = None
    occurred_ms: int | None = None
    attempt: int | None = None
    ingress: str | None = None
    webhook_id: str | None = None
    request_id: str | None = None
    command_id: str | None = None
    in_reply_to: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from all others."""
        return self.account, self.message_id, self.event_id


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one event tells: a line of the message's life, and standings of the places that it is about."""

    note: EventNote
    provider: str
    tenant: str | None
    standings: Mapping[Place, Standing]


def sighting_of(event: Event, envelope: Envelope) -> Sighting | None:
    """Return what an event tells about a message, None where it is about none, or names none."""
    match event:
        case DeliveryUpdated():
            return _of_delivery(event, envelope)
        case RequestUpdated():
            return _of_request(event, envelope)
        case SendCompleted():
            return _of_result(event, envelope)
        case _:
            return None


def whole(standings: Mapping[Place, Standing]) -> Mapping[Place, Standing]:
    """Return the states of one message as they count: what is said of all its recipients is said of each.

    Without any recipient the state of the message as a whole is all there is.
    """
    shared = [found for place, found in standings.items() if not place.recipient]
    named = {place: found for place, found in standings.items() if place.recipient}
    if not named:
        return standings
    return {place: merged((found, *shared)) or found for place, found in named.items()}


def _of_delivery(event: DeliveryUpdated, envelope: Envelope) -> Sighting | None:
    message_id = clean(event.message_id)
    if not message_id:
        return None
    note = replace(
        _note(event, message_id, event.to, envelope),
        status=clean(event.status),
        provider_status=_optional(event.provider_status),
        failure_class=_optional(event.failure_class),
        code=_optional(next((error.code for error in event.errors if error.code), None)),
        request_id=_optional(event.request_id),
    )
    told = standing(
        clean(event.status),
        note.event_id,
        moment=_moment(event.occurred_at),
        provider_status=note.provider_status,
        failure_class=note.failure_class,
    )
    found = {Place(note.account, message_id, note.recipient): told}
    if note.request_id and note.request_id != message_id:
        found[Place(note.account, note.request_id, note.recipient)] = told.behind(message_id)
    return Sighting(note, event.provider, event.tenant, found)


_ENDS = {
    RequestStatus.REJECTED.value: DeliveryStatus.REJECTED,
    RequestStatus.CANCELLED.value: DeliveryStatus.CANCELLED,
}
"""A request that ended so makes no more messages; every other state of it says nothing about one of them."""


def _of_request(event: RequestUpdated, envelope: Envelope) -> Sighting | None:
    request_id = clean(event.request_id)
    if not request_id:
        return None
    note = replace(
        _note(event, request_id, None, envelope),
        status=clean(event.status),
        provider_status=_optional(event.provider_status),
        code=_optional(next((error.code for error in event.errors if error.code), None)),
    )
    end = _ENDS.get(event.status)
    if end is None:
        return Sighting(note, event.provider, event.tenant, {})
    told = standing(end, note.event_id, moment=_moment(event.occurred_at), provider_status=note.provider_status)
    return Sighting(note, event.provider, event.tenant, {Place(note.account, request_id, ""): told})


def _of_result(event: SendCompleted, envelope: Envelope) -> Sighting | None:
    """Return the first trace of a message of ours: the provider took it, and nothing is known of its way."""
    message_id = clean(event.message_id)
    if not message_id:
        return None
    note = replace(
        _note(event, message_id, event.to, envelope),
        status=clean(event.outcome),
        # The webhook is that of the inbound message which was answered, if any.
        ingress=None,
        failure_class=_optional(event.failure_class),
        command_id=_optional(event.command_id),
        in_reply_to=_optional(event.in_reply_to),
    )
    taken = event.outcome == SendOutcome.SENT
    told = standing(DeliveryStatus.QUEUED if taken else DeliveryStatus.UNKNOWN, note.event_id)
    return Sighting(note, event.provider, event.tenant, {Place(note.account, message_id, note.recipient): told})


def _note(event: Event, message_id: str, recipient: str | None, envelope: Envelope) -> EventNote:
    pushed = Ingress.PUSH.value if envelope.webhook_id else None
    return EventNote(
        account=clean(event.account),
        message_id=message_id,
        event_id=clean(event.id),
        recipient=clean(recipient),
        type=event.TYPE.value,
        received_ms=to_millis(event.received_at),
        occurred_ms=None if event.occurred_at is None else to_millis(event.occurred_at),
        attempt=event.attempt if event.attempt is not None and 0 <= event.attempt <= _LARGEST else None,
        ingress=_optional(envelope.ingress) or pushed,
        webhook_id=_optional(envelope.webhook_id),
    )


_LARGEST = (1 << 31) - 1


def _moment(moment: datetime | None) -> int:
    return NO_MOMENT if moment is None else to_millis(moment)


def clean(text: str | None) -> str:
    """Return a text that every database takes: PostgreSQL refuses NUL, and no database takes half a character."""
    if not text:
        return ""
    if text.isascii() and "\0" not in text:
        # Nearly all of them.
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _optional(text: str | None) -> str | None:
    return clean(text) or None


def standings_by_message(standings: Mapping[Place, Standing]) -> Iterable[Mapping[Place, Standing]]:
    """Yield the standings of each message, as they count."""
    found: dict[tuple[str, str], dict[Place, Standing]] = {}
    for place, told in standings.items():
        found.setdefault((place.account, place.message_id), {})[place] = told
    return (whole(each) for each in found.values())
