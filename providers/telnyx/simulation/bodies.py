"""Bodies as Telnyx writes them, for the simulator. Every number is of the 555-01XX range, which is fiction's own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

Fields = Mapping[str, Any]
DELIVERED_TO = "https://receiver.example.com/webhooks/telnyx"
PROFILE = "40017c01-0000-4000-8000-000000000555"
ORGANIZATION = "40017c02-0000-4000-8000-000000000555"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What the events of one message share. `ours` is the account's number, `theirs` the other side's."""

    id: str
    ours: str
    theirs: tuple[str, ...]
    text: str | None
    type: str = "SMS"


def stamp(moment: float) -> str:
    """Return Unix seconds as Telnyx writes a time: `2026-01-15T21:32:13.596+00:00`."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


def envelope(event_type: str, event_id: str, moment: float, payload: Fields) -> Callable[[int], bytes]:
    """Return the maker of an API v2 body: only `meta.attempt` differs from one attempt to the next."""
    data = {
        "event_type": event_type,
        "id": event_id,
        "occurred_at": stamp(moment),
        "payload": payload,
        "record_type": "event",
    }
    return lambda attempt: orjson.dumps({"data": data, "meta": {"attempt": attempt, "delivered_to": DELIVERED_TO}})


def bare(body: Fields) -> Callable[[int], bytes]:
    """Return the maker of a body without `meta`, as link clicks and campaign updates have it."""
    encoded = orjson.dumps(body)
    return lambda _attempt: encoded


def inbound(message: Message, moment: float, **more: Any) -> Fields:
    """Return the payload of `message.received`."""
    return {
        **_common(message, moment),
        "autoresponse_type": None,
        "direction": "inbound",
        "from": {"carrier": "T-Mobile USA", "line_type": "Wireless", "phone_number": message.theirs[0]},
        "is_spam": False,
        "to": [_recipient(message.ours, "webhook_delivered", "Telnyx")],
        **more,
    }


def outbound(message: Message, moment: float, statuses: Sequence[str], **more: Any) -> Fields:
    """Return the payload of `message.sent`, `message.finalized` or `message.read`; one status a recipient."""
    return {
        **_common(message, moment),
        "direction": "outbound",
        "from": {"carrier": "Telnyx", "line_type": "Wireless", "phone_number": message.ours},
        "sent_at": stamp(moment),
        "smart_encoding_applied": False,
        "to": [_recipient(number, status) for number, status in zip(message.theirs, statuses, strict=True)],
        "valid_until": stamp(moment + 3600),
        "wait_seconds": 0.0,
        **more,
    }


def _common(message: Message, moment: float) -> Fields:
    return {
        "cc": [],
        "completed_at": None,
        "cost": {"amount": "0.0051", "currency": "USD"},
        "encoding": "GSM-7",
        "errors": [],
        "id": message.id,
        "media": [],
        "messaging_profile_id": PROFILE,
        "organization_id": ORGANIZATION,
        "parts": 1,
        "received_at": stamp(moment),
        "record_type": "message",
        "sent_at": None,
        "subject": "",
        "tags": [],
        "tcr_campaign_billable": False,
        "tcr_campaign_id": None,
        "tcr_campaign_registered": None,
        "text": message.text,
        "type": message.type,
        "valid_until": None,
        "webhook_failover_url": "",
        "webhook_url": DELIVERED_TO,
    }


def _recipient(number: str, status: str, carrier: str = "T-MOBILE USA, INC.") -> Fields:
    return {"carrier": carrier, "line_type": "Wireless", "phone_number": number, "status": status}
