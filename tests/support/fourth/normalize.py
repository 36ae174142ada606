"""From a webhook or a polled item, which have the same shape, to events."""

import hashlib
from typing import Any

from providers.bodies import Parsed, parse_object
from providers.contract import NO_SETTINGS, Settings
from providers.fields import Json, number, text
from schemas.events import ConsentChanged, DeliveryUpdated, Event, MessageReceived, ProviderError, WebhookUnrecognized
from schemas.ids import event_id
from schemas.times import parse_time
from schemas.vocabulary import Channel, ConsentSource, DeliveryStatus, Direction, EventType, FailureClass
from schemas.webhook import Webhook
from tests.support.fourth.tables import CONSENTS, FAILURES, STATUSES

Events = tuple[Event, ...]


def normalize(webhook: Webhook, settings: Settings = NO_SETTINGS) -> Events:
    """Return the events that Acme tells of."""
    del settings  # Acme's bodies say all that is needed.
    parsed = parse_object(webhook.body)
    if parsed.failure is not None:
        return _unrecognized(webhook, parsed, parsed.failure.value)
    identity = text(parsed.root, "id")
    kind = text(parsed.root, "type")
    if identity is None or kind not in {"delivery", "inbound"}:
        return _unrecognized(webhook, parsed, "unknown_event")
    common = _common(webhook, parsed)
    return _delivery(parsed.root, identity, common) if kind == "delivery" else _inbound(parsed.root, identity, common)


def _delivery(root: Json, identity: str, common: dict[str, Any]) -> Events:
    state, code, person = text(root, "state"), text(root, "code"), _number(root, "to")
    status = STATUSES.get(state or "", DeliveryStatus.UNKNOWN)
    failed = status is DeliveryStatus.FAILED
    event = DeliveryUpdated(
        id=event_id(common["account"], EventType.DELIVERY_UPDATED, identity, person),
        **common,
        provider_event_id=identity,
        status=status,
        provider_status=state,
        failure_class=FAILURES.get(code or "", FailureClass.UNKNOWN) if failed else None,
        errors=(ProviderError(code=code),) if failed and code else (),
        from_=_number(root, "from"),
        to=person,
        channel=Channel.SMS,
        direction=Direction.OUTBOUND,
    )
    return (event,)


def _inbound(root: Json, identity: str, common: dict[str, Any]) -> Events:
    said, person = text(root, "text"), _number(root, "from")
    message = MessageReceived(
        id=event_id(common["account"], EventType.MESSAGE_RECEIVED, identity),
        **common,
        provider_event_id=identity,
        from_=person,
        to=_number(root, "to"),
        text=said,
        channel=Channel.SMS,
        direction=Direction.INBOUND,
    )
    keyword = (said or "").strip().upper()
    if person is None or keyword not in CONSENTS:
        return (message,)
    consent = ConsentChanged(
        id=event_id(common["account"], EventType.CONSENT_CHANGED, identity, person),
        **common,
        provider_event_id=identity,
        scope="account",
        number=person,
        consent=CONSENTS[keyword],
        source=ConsentSource.MESSAGE,
        keyword=keyword,
    )
    return (message, consent)


def _unrecognized(webhook: Webhook, parsed: Parsed, reason: str) -> Events:
    identity = text(parsed.root, "id") or hashlib.sha256(webhook.body).hexdigest()
    event = WebhookUnrecognized(
        id=event_id(webhook.account, EventType.WEBHOOK_UNRECOGNIZED, identity),
        **_common(webhook, parsed),
        reason=reason,
        notice=text(parsed.root, "type"),
    )
    return (event,)


def _common(webhook: Webhook, parsed: Parsed) -> dict[str, Any]:
    return {
        "provider": webhook.provider,
        "account": webhook.account,
        "tenant": webhook.tenant,
        "received_at": webhook.received_at,
        "occurred_at": parse_time(parsed.root.get("at")),
        "message_id": text(parsed.root, "message"),
        "provider_data": parsed.json,
    }


def _number(root: Json, name: str) -> str | None:
    found = text(root, name)
    return (number(found) or None) if found is not None else None
