"""One row of the state, and the record of the compacted topic that says the same. Pure."""

from dataclasses import dataclass, replace

from consumers.track.merging import NO_MOMENT, Standing, standing
from consumers.track.places import Place, clean
from schemas.envelope import event_to_record
from schemas.events import StateChanged
from schemas.ids import digest_id
from schemas.records import Record
from schemas.times import from_millis, to_millis
from schemas.vocabulary import EventType


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRow:
    """The state of a place, as table and topic have it. Times in Unix milliseconds.

    `first_ms` is when we heard of the place first, `changed_ms` when we received the event that made the state.
    """

    place: Place
    standing: Standing
    provider: str
    tenant: str | None
    first_ms: int
    changed_ms: int


def newer(known: StateRow, told: StateRow) -> StateRow:
    """Return what a row comes to by news: the greater standing. Since when we know of the place stays."""
    if told.standing > known.standing:
        return replace(known, standing=told.standing, changed_ms=told.changed_ms)
    return known


def joined(one: StateRow, other: StateRow) -> StateRow:
    """Return what two rows of a place come to that were kept apart, as by a table that was lost between them."""
    return replace(newer(one, other), first_ms=min(one.first_ms, other.first_ms))


def event_of(row: StateRow) -> StateChanged:
    """Return the event that says what the row says; its id is of what it says, so a repeat is a repeat."""
    place, told = row.place, row.standing
    return StateChanged(
        id=_id(row),
        provider=row.provider,
        account=place.account,
        tenant=row.tenant,
        message_id=place.message_id,
        occurred_at=None if told.moment == NO_MOMENT else from_millis(told.moment),
        received_at=from_millis(row.changed_ms),
        status=told.status,
        to=place.recipient or None,
        status_event_id=told.event_id,
        provider_status=told.provider_status or None,
        failure_class=told.failure_class or None,
        rank=told.rank,
        final=told.final,
        first_at=from_millis(row.first_ms),
        status_message_id=told.through or None,
    )


def record_of(row: StateRow) -> Record:
    """Return the record for the compacted topic."""
    return event_to_record(event_of(row))


def key_of(place: Place) -> bytes:
    """Return the key under which the compacted topic has a place: that of `schemas.topics`."""
    return f"{place.account}|{place.message_id}|{place.recipient}".encode("utf-8", "replace")


def place_of(key: bytes) -> Place | None:
    """Return the place that a key is of, None for what is no such key."""
    account, first, rest = key.decode("utf-8", "replace").partition("|")
    message_id, last, recipient = rest.rpartition("|")
    return Place(account, message_id, recipient) if first and last else None


def tombstone_of(row: StateRow) -> Record:
    """Return the record that takes the place out of the compacted topic."""
    return replace(record_of(row), value=None, headers=())


def row_of(event: StateChanged) -> StateRow | None:
    """Return the row that an event of the topic tells of, None where it names no message."""
    if not event.message_id:
        return None
    changed_ms = to_millis(event.received_at)
    told = standing(
        event.status,
        clean(event.status_event_id),
        moment=NO_MOMENT if event.occurred_at is None else to_millis(event.occurred_at),
        provider_status=event.provider_status,
        failure_class=event.failure_class,
        through=event.status_message_id,
    )
    return StateRow(
        place=Place(event.account, event.message_id, event.to or ""),
        standing=told,
        provider=event.provider,
        tenant=event.tenant,
        first_ms=changed_ms if event.first_at is None else to_millis(event.first_at),
        changed_ms=changed_ms,
    )


def _id(row: StateRow) -> str:
    place, told = row.place, row.standing
    said = (told.status, str(told.moment), told.event_id, told.provider_status, told.failure_class, told.through)
    return digest_id(place.account, EventType.STATE_CHANGED, place.message_id, place.recipient, *said)
