"""From a verified webhook to events: a pure function that never raises and never returns nothing."""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from providers.contract import NO_SETTINGS, Settings
from providers.fields import (
    Json,
    address,
    addresses,
    cost,
    integer,
    items,
    mapping,
    text,
    texts,
    too_long,
    word,
)
from providers.telnyx.consent import is_hidden, listed, said, time_of
from providers.telnyx.content import content_of
from providers.telnyx.failures import errors_of_each, failure_class_of
from providers.telnyx.identity import identify, identify_click, identify_each, identify_states, provider_id
from providers.telnyx.numbers import OPT_OUTS
from providers.telnyx.optout import autoresponse_of, statement_of
from providers.telnyx.reading import MESSAGES, Reading, Unreadable, read
from providers.telnyx.statuses import FAILED, status_of
from schemas.events import (
    DeliveryUpdated,
    Event,
    LinkClicked,
    MessageReceived,
    ProviderError,
    ProviderNotified,
    WebhookUnrecognized,
)
from schemas.times import parse_time
from schemas.vocabulary import Direction, EventType, Ingress
from schemas.webhook import Webhook

Events = tuple[Event, ...]
# Families of events that tell about the account, not about a message of ours. `call.` and `conference.` are voice.
_NOTICES = ("10dlc.", "whatsapp.", "messaging-profile.", "call.", "conference.")
_CAMPAIGN_UPDATE = "10dlc.campaign.update"


def normalize(webhook: Webhook, settings: Settings = NO_SETTINGS) -> Events:
    """Return the events that a webhook tells of, one for each recipient of a group message."""
    del settings  # Telnyx's bodies say all that is needed.
    reading = read(webhook)
    if reading.failure is not None:
        return _unrecognized(reading, reading.failure)
    if webhook.ingress == Ingress.POLL and webhook.target.partition("?")[0] == OPT_OUTS:
        return _opt_out(reading)
    if webhook.ingress == Ingress.POLL and webhook.target.startswith(MESSAGES):
        return _looked_up(reading)
    handler = _HANDLERS.get(reading.event_type or "") or _by_shape(reading)
    return handler(reading) if handler is not None else _unrecognized(reading, Unreadable.UNKNOWN_EVENT)


def _by_shape(reading: Reading) -> Callable[[Reading], Events] | None:
    if reading.event_type is not None:
        return _notice if reading.event_type.startswith(_NOTICES) else None
    if text(reading.data, "record_type") == "link_clicked":
        return _click
    return _campaign if text(reading.data, "campaignId") and text(reading.data, "type") else None


def _delivery(reading: Reading) -> Events:
    if reading.payload is None:
        return _unrecognized(reading, Unreadable.MALFORMED_PAYLOAD)
    if too_long(reading.payload, "to"):
        # Each recipient's event carries the whole body: this many would make a flood of one request.
        return _unrecognized(reading, Unreadable.TOO_MANY_RECIPIENTS)
    entries = items(reading.payload, "to") or (None,)
    ids = identify_each(reading, EventType.DELIVERY_UPDATED, map(address, entries))
    shared = _delivery_fields(reading, reading.payload)
    errors = errors_of_each(reading.payload, len(entries))
    return tuple(_delivery_to(reading, *parts, shared) for parts in zip(entries, ids, errors, strict=True))


def _looked_up(reading: Reading) -> Events:
    """Return how a message stands that we asked about: the object that events have as payload, without an event."""
    message = reading.data
    if word(message, "direction") == Direction.INBOUND:
        return _unrecognized(reading, Unreadable.UNEXPECTED_DIRECTION)
    message_id, entries = _message_id(message), items(message, "to")
    if message_id is None or not entries or too_long(message, "to"):
        return _unrecognized(reading, Unreadable.MALFORMED_PAYLOAD)
    states = [(address(entry), _word_of(entry)) for entry in entries]
    ids = identify_states(reading, EventType.DELIVERY_UPDATED, message_id, states)
    times = (message.get(name) for name in ("completed_at", "sent_at"))
    moment = next((found for found in map(parse_time, times) if found is not None), None)
    shared = {**_delivery_fields(reading, message), "occurred_at": moment, "provider_event_id": None}
    errors = errors_of_each(message, len(entries))
    return tuple(_delivery_to(reading, *parts, shared) for parts in zip(entries, ids, errors, strict=True))


def _word_of(entry: object) -> str | None:
    return text(entry, "status") if isinstance(entry, dict) else None


def _delivery_to(
    reading: Reading, entry: object, event_id: str, errors: tuple[ProviderError, ...], shared: Mapping[str, Any]
) -> DeliveryUpdated:
    provider_status = _word_of(entry)
    status = status_of(provider_status, reading.event_type)
    return DeliveryUpdated(
        id=event_id,
        status=status,
        provider_status=provider_status,
        failure_class=failure_class_of(errors) if status in FAILED else None,
        errors=errors,
        to=address(entry),
        **shared,
    )


def _delivery_fields(reading: Reading, payload: Json) -> Mapping[str, Any]:
    return {
        **_common(reading),
        "message_id": _message_id(payload),
        "from_": address(payload.get("from")),
        "channel": word(payload, "type"),
        "direction": word(payload, "direction") or Direction.OUTBOUND,
        "group_id": text(payload, "group_message_id"),
        "sent_at": parse_time(payload.get("sent_at")),
        "completed_at": parse_time(payload.get("completed_at")),
        "valid_until": parse_time(payload.get("valid_until")),
        "cost": cost(payload),
        "parts": integer(payload, "parts"),
        "tags": texts(payload, "tags"),
    }


def _received(reading: Reading) -> Events:
    payload = reading.payload
    if payload is None:
        return _unrecognized(reading, Unreadable.MALFORMED_PAYLOAD)
    if word(payload, "direction") not in {None, Direction.INBOUND}:
        # Answering what an account sent itself makes a loop.
        return _unrecognized(reading, Unreadable.UNEXPECTED_DIRECTION)
    content = content_of(payload)
    recipients = addresses(payload, "to")
    ours = recipients[0] if recipients else None
    event = MessageReceived(
        id=identify(reading, EventType.MESSAGE_RECEIVED),
        **_common(reading),
        message_id=_message_id(payload),
        from_=_author(payload),
        to=ours,
        cc=tuple(one for one in dict.fromkeys((*recipients, *addresses(payload, "cc"))) if one != ours),
        text=content.text,
        subject=text(payload, "subject"),
        media=content.media,
        channel=word(payload, "type"),
        direction=Direction.INBOUND,
        encoding=text(payload, "encoding"),
        parts=integer(payload, "parts"),
        cost=cost(payload),
        tags=texts(payload, "tags"),
        autoresponse=autoresponse_of(payload, content.text),
        content_type=content.kind,
        related_message_id=content.related_message_id,
    )
    return (event, *_consent(reading, payload, event))


def _consent(reading: Reading, payload: Json, event: MessageReceived) -> Events:
    """Return what a message says about consent, as far as its author is known."""
    statement = statement_of(payload, event.text)
    if statement is None or event.from_ is None:
        return ()
    return (said(statement, payload, event.from_, event.message_id or provider_id(reading), _common(reading)),)


def _opt_out(reading: Reading) -> Events:
    number = address(reading.root.get("to"))
    if number is None:
        return _unrecognized(reading, Unreadable.MALFORMED_PAYLOAD)
    if is_hidden(number):
        return _unrecognized(reading, Unreadable.HIDDEN_NUMBER)
    return (listed(reading.root, number, _common(reading, time_of(reading.root))),)


def _author(payload: Json) -> str | None:
    """Return who wrote: a WhatsApp user who hides the number is known by an id of the business alone."""
    body = mapping(payload, "body")
    return address(payload.get("from")) or address(body.get("from")) or text(body, "from_user_id")


def _click(reading: Reading) -> Events:
    click = reading.payload if reading.payload is not None else reading.data
    clicked_at = parse_time(click.get("time_clicked"))
    event = LinkClicked(
        id=identify_click(reading, click),
        **_common(reading, clicked_at),
        message_id=text(click, "message_id"),
        url=text(click, "url"),
        to=address(click.get("to")),
        clicked_at=clicked_at,
    )
    return (event,)


def _notice(reading: Reading) -> Events:
    return (_notified(reading, reading.event_type or "", reading.content),)


def _echo(reading: Reading) -> Events:
    return (_notified(reading, reading.event_type or "", reading.content, _message_id(reading.content)),)


def _campaign(reading: Reading) -> Events:
    """Give the flat body without a name the name that Telnyx gives the same news in an envelope."""
    return (_notified(reading, _CAMPAIGN_UPDATE, reading.data),)


def _notified(reading: Reading, notice: str, about: Json, message_id: str | None = None) -> ProviderNotified:
    return ProviderNotified(
        id=identify(reading, EventType.PROVIDER_NOTIFIED),
        **_common(reading),
        message_id=message_id,
        notice=notice,
        kind=text(about, "origin", "event") or text(about, "type"),
        status=text(about, "status", "new_quality_rating"),
    )


def _unrecognized(reading: Reading, reason: StrEnum) -> Events:
    event = WebhookUnrecognized(
        id=identify(reading, EventType.WEBHOOK_UNRECOGNIZED),
        **_common(reading),
        reason=reason.value,
        notice=reading.event_type,
    )
    return (event,)


def _common(reading: Reading, moment: datetime | None = None) -> dict[str, Any]:
    """Return what every event has; `moment` stands in where the envelope has no time."""
    webhook = reading.webhook
    times = (reading.data.get("occurred_at"), reading.content.get("received_at"))
    occurred_at = next((found for found in map(parse_time, times) if found is not None), moment)
    return {
        "provider": webhook.provider,
        "account": webhook.account,
        "tenant": webhook.tenant,
        "occurred_at": occurred_at,
        "received_at": webhook.received_at,
        "attempt": integer(mapping(reading.root, "meta"), "attempt"),
        "provider_event_id": text(reading.data, "id"),
        "provider_data": reading.json,
    }


def _message_id(payload: Json) -> str | None:
    return text(payload, "id", "message_id")


# The last name of each line is an operation name of the OpenAPI, taken as an alias (README, section 3).
_HANDLERS: Mapping[str, Callable[[Reading], Events]] = {
    **dict.fromkeys(("message.sent", "message.finalized", "message.read", "deliveryUpdate"), _delivery),
    **dict.fromkeys(("message.received", "inboundMessage"), _received),
    **dict.fromkeys(("message.link_click", "link_clicked", "replacedLinkClick"), _click),
    "message.echo": _echo,
}
