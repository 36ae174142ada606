"""What events claim of messages and requests, as far as Syniverse's REST API can be asked about it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from providers.syniverse.consent import statement_of
from providers.syniverse.events.reading import field_maps
from schemas.events import (
    ConsentChanged,
    DeliveryUpdated,
    Event,
    InboundMessage,
    LinkClicked,
    ProviderNotified,
    RequestUpdated,
)

_YOUNG = timedelta(seconds=60)
"""How far REST may lag behind an event: until then 404 is no answer (our choice, nothing is published)."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What an event says of one message or one request, as far as REST can be asked. None where it says nothing.

    Without an `id` nobody can be asked. `young` is an event that REST may not know of yet. `text` is compared without
    regard to white space; a `cut` one is the beginning of what REST has. `consent` is what the text has to say.
    """

    id: str | None
    of_request: bool = False
    inbound: bool | None = None
    state: str | None = None
    from_: str | None = None
    to: str | None = None
    request_id: str | None = None
    text: str | None = field(default=None, repr=False)
    consent: str | None = None
    cut: bool = False
    young: bool = False


def claims_of(events: Iterable[Event]) -> Sequence[Claim]:
    """Return what events claim, each claim once. Notices without a message's id and unrecognized ones claim nothing."""
    found = (_claim(event) for event in events)
    return tuple(dict.fromkeys(claim for claim in found if claim is not None))


def _claim(event: Event) -> Claim | None:
    match event:
        case RequestUpdated():
            return Claim(event.request_id, of_request=True, state=event.provider_status, young=_is_young(event))
        case DeliveryUpdated():
            return Claim(
                event.message_id,
                inbound=False,
                state=event.provider_status,
                from_=event.from_,
                to=event.to,
                request_id=event.request_id,
                young=_is_young(event),
            )
        case InboundMessage():
            return _inbound_claim(event)
        case ConsentChanged():
            young = _is_young(event)
            return Claim(event.message_id, inbound=True, from_=event.number, consent=event.consent, young=young)
        case LinkClicked():
            return Claim(event.message_id, inbound=False, to=event.to, young=_is_young(event))
        case _:
            noted = event.message_id if isinstance(event, ProviderNotified) else None
            return Claim(noted, young=_is_young(event)) if noted else None


def _inbound_claim(event: InboundMessage) -> Claim:
    return Claim(
        event.message_id,
        inbound=True,
        from_=event.from_,
        to=event.to,
        text=event.text,
        # A consent hangs on the whole text: `STOP` begins many a text that is none.
        cut=statement_of(event.text) is None and _is_cut(event),
        young=_is_young(event),
    )


def _is_cut(event: Event) -> bool:
    """Tell whether an event says that it has the beginning of the text alone (specification, 6.3)."""
    fields = field_maps(event.provider_data.raw)[0] if event.provider_data is not None else None
    return str((fields or {}).get("message_body_truncated")).strip().lower() == "true"


def _is_young(event: Event) -> bool:
    return event.occurred_at is not None and abs(event.received_at - event.occurred_at) <= _YOUNG
