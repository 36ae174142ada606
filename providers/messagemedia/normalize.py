"""From a verified webhook or a polled item to events: a pure function that never raises and never returns nothing."""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from providers.contract import NO_SETTINGS, Settings
from providers.fields import number, text
from providers.keywords import LONGEST_KEYWORD
from providers.messagemedia.consent import (
    CONSENTS,
    LISTED,
    NOT_LISTED,
    SCOPE,
    autoresponse_of,
    keyword_of,
)
from providers.messagemedia.events.bodies import Unreadable
from providers.messagemedia.events.content import carried, media_of
from providers.messagemedia.events.identity import (
    identify,
    identify_consent,
    identify_delivery,
    identify_listing,
    provider_event_id,
)
from providers.messagemedia.events.metadata import tags_of
from providers.messagemedia.events.reading import Kind, Reading, read
from providers.messagemedia.failures import failure_class_of
from providers.messagemedia.statuses import FAILED, FINAL, is_code, status_of
from schemas.events import (
    ConsentChanged,
    Cost,
    DeliveryUpdated,
    Event,
    MessageReceived,
    MessageReplied,
    ProviderError,
    WebhookUnrecognized,
)
from schemas.vocabulary import Channel, Consent, ConsentSource, DeliveryStatus, Direction, EventType
from schemas.webhook import Webhook

Events = tuple[Event, ...]

UNITS = "billing_units"
"""The currency of a report's cost: MessageMedia tells units and no money."""

# Its older name is `type`, which a template may use for anything else.
_FORMATS = frozenset({*Channel, "tts"})


def normalize(webhook: Webhook, settings: Settings = NO_SETTINGS) -> Events:
    """Return the events that a webhook or a polled item tells of."""
    reading = read(webhook, settings)
    if reading.kind is None:
        return _unrecognized(reading, reading.failure or Unreadable.UNKNOWN_EVENT)
    return _HANDLERS[reading.kind](reading)


def _delivery(reading: Reading) -> Events:
    members = reading.members
    message_id, own_id = members.text("message_id"), provider_event_id(reading)
    if message_id is None and own_id is None:
        return _unrecognized(reading, Unreadable.MALFORMED_PAYLOAD)
    # Inverted: the source of a report is who the message went to.
    return _news(reading, message_id, members.number("source_number"), members.number("destination_number"))


def _looked_up(reading: Reading) -> Events:
    """Return how a message stands that we asked about. It is as it was sent: its source is ours."""
    members = reading.members
    message_id = members.text("message_id")
    if message_id is None or members.code("status") is None:
        return _unrecognized(reading, Unreadable.MALFORMED_PAYLOAD)
    return _news(reading, message_id, members.number("destination_number"), members.number("source_number"))


def _news(reading: Reading, message_id: str | None, recipient: str | None, ours: str | None) -> Events:
    members = reading.members
    said = members.code("status")
    code = members.code("error_code") or (said if said is not None and is_code(said) else None)
    status = status_of(said, code)
    failed = status in FAILED
    # Of a word that nobody has told us the code may be all that helps.
    wrong = failed or status is DeliveryStatus.UNKNOWN
    changed_at = members.moment("submitted_date")
    event = DeliveryUpdated(
        id=identify_delivery(reading, recipient),
        **_common(reading, changed_at),
        message_id=message_id,
        status=status,
        provider_status=said,
        failure_class=failure_class_of(code) if failed else None,
        errors=(ProviderError(code=code),) if wrong and code is not None else (),
        from_=ours,
        to=recipient,
        channel=_channel(reading),
        direction=Direction.OUTBOUND,
        sent_at=changed_at if status is DeliveryStatus.SENT else None,
        completed_at=changed_at if status in FINAL else None,
        cost=_cost(reading),
        tags=tags_of(members),
    )
    return (event,)


def _reply(reading: Reading) -> Events:
    return _message(reading, CONSENTS.get(keyword_of(reading.members.words("content")) or ""))


def _opt_out(reading: Reading) -> Events:
    return _message(reading, Consent.OPTED_OUT)


def _message(reading: Reading, consent: Consent | None) -> Events:
    """Return what a person wrote, and the consent that it says, if any."""
    members = reading.members
    person = members.number("source_number")
    if person is None and provider_event_id(reading) is None:
        return _unrecognized(reading, Unreadable.MALFORMED_PAYLOAD)
    answered = members.text("message_id")
    event_class = MessageReceived if answered is None else MessageReplied
    media = media_of(members)
    message = event_class(
        # Of one type for both: a template that leaves the answered message out must give the id that the poll gives.
        id=identify(reading, EventType.MESSAGE_RECEIVED),
        **_common(reading),
        message_id=members.text("reply_id"),
        from_=person,
        to=members.number("destination_number"),
        text=members.words("content"),
        media=media,
        channel=_channel(reading) or (Channel.MMS if media else None),
        direction=Direction.INBOUND,
        tags=tags_of(members),
        autoresponse=autoresponse_of(consent),
        related_message_id=answered,
    )
    return (message,) if consent is None or person is None else (message, _consent(reading, person, consent))


def _consent(reading: Reading, person: str, consent: Consent) -> ConsentChanged:
    said = (reading.members.words("content") or "").strip()
    return ConsentChanged(
        id=identify_consent(reading, person),
        **_common(reading),
        message_id=reading.members.text("reply_id"),
        scope=SCOPE,
        number=person,
        consent=consent,
        provider_status="OPT_OUT_SMS" if reading.kind is Kind.OPT_OUT else None,
        source=ConsentSource.MESSAGE,
        keyword=keyword_of(said) or (said if 0 < len(said) <= LONGEST_KEYWORD else None),
    )


def _listing(reading: Reading) -> Events:
    """Return what the provider's blacklist says: the poll makes an object of each number that came or went."""
    root = reading.body.root
    listed, said = root.get("listed"), text(root, "number")
    if said is None or not isinstance(listed, bool):
        return _unrecognized(reading, Unreadable.MALFORMED_PAYLOAD)
    state, person = (LISTED if listed else NOT_LISTED), number(said)
    event = ConsentChanged(
        id=identify_listing(reading, SCOPE, person, state),
        **_common(reading),
        scope=SCOPE,
        number=person,
        consent=CONSENTS[state],
        provider_status=state,
        source=ConsentSource.LIST,
    )
    return (event,)


def _unrecognized(reading: Reading, reason: StrEnum) -> Events:
    event = WebhookUnrecognized(
        id=identify(reading, EventType.WEBHOOK_UNRECOGNIZED),
        **_common(reading),
        message_id=reading.members.text("message_id"),
        reason=reason.value,
        notice=reading.members.text("event"),
    )
    return (event,)


def _common(reading: Reading, moment: datetime | None = None) -> dict[str, Any]:
    """Return what every event has; `moment` stands in where the provider does not say when it made the news."""
    webhook, members = reading.webhook, reading.members
    retries = members.count("retry_count")
    return {
        "provider": webhook.provider,
        "account": webhook.account,
        "tenant": webhook.tenant,
        "occurred_at": members.moment("date_received") or moment,
        "received_at": webhook.received_at,
        "attempt": None if retries is None else retries + 1,
        "provider_event_id": provider_event_id(reading),
        "provider_data": carried(reading.body.json, members),
    }


def _channel(reading: Reading) -> str | None:
    said = (reading.members.text("format") or "").lower()
    return said if said in _FORMATS else None


def _cost(reading: Reading) -> Cost | None:
    units = reading.members.amount("billing_units")
    return None if units is None else Cost(amount=units, currency=UNITS)


_HANDLERS: Mapping[Kind, Callable[[Reading], Events]] = {
    Kind.DELIVERY_REPORT: _delivery,
    Kind.REPLY: _reply,
    Kind.OPT_OUT: _opt_out,
    Kind.LISTING: _listing,
    Kind.MESSAGE: _looked_up,
}
