"""What all events have, and those that tell of what is not read further."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from providers.syniverse.events.identity import identify
from providers.syniverse.events.reading import Reading, Unreadable
from schemas.events import Event, ProviderNotified, WebhookUnrecognized
from schemas.vocabulary import EventType

Events = tuple[Event, ...]


def common(reading: Reading, moment: datetime | None = None) -> dict[str, Any]:
    """Return what every event has; `moment` stands in where there is no envelope with a time."""
    webhook = reading.webhook
    return {
        "provider": webhook.provider,
        "account": webhook.account,
        "tenant": webhook.tenant,
        "occurred_at": reading.occurred_at or moment,
        "received_at": webhook.received_at,
        "attempt": reading.attempt,
        "provider_event_id": reading.event_id,
        "provider_data": reading.json,
    }


def notified(
    reading: Reading, notice: str, *, status: str | None = None, message_id: str | None = None, id_: str | None = None
) -> Events:
    """Return the notice of an event that is kept and not read further."""
    event = ProviderNotified(
        id=id_ or identify(reading, EventType.PROVIDER_NOTIFIED),
        **common(reading),
        message_id=message_id,
        notice=notice,
        status=status,
    )
    return (event,)


def unrecognized(reading: Reading, reason: StrEnum) -> Events:
    """Return the event of what nobody here can read; its bytes are in the raw record."""
    event = WebhookUnrecognized(
        id=identify(reading, EventType.WEBHOOK_UNRECOGNIZED),
        **common(reading),
        reason=reason.value,
        notice=reading.notice,
    )
    return (event,)


def malformed(reading: Reading) -> Events:
    """Return the event of one that lacks what its kind cannot do without."""
    return unrecognized(reading, Unreadable.MALFORMED_EVENT)
