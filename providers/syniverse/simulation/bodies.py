"""Events as Syniverse's Event Manager writes them, for the simulator."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

Fields = Mapping[str, Any]
COMPANY = 1500
APPLICATION = 1704
SENDER = "ljX2KJbs8zowzC8rFexzn6"
OURS = "17735550100"
"""The account's number as Syniverse writes it: without a plus sign."""

SHORT_SENDER = "RexWQXiD7pF7KzvepiygC7"
SHORT_CODE = "66000"
CHANNEL = "1KJPMkuHQkair_o15etpmg"
TOPIC = "SCG-Message"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What the events of one message share: `theirs` is the other side's number."""

    id: str
    theirs: str
    request_id: str | None = None
    external_id: str = ""
    text: str = ""
    sender: str = SENDER
    ours: str = OURS
    attachments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One event. `numbered` is the member of its id: pages spell it in two ways."""

    id: str
    type: str
    moment: float
    fields: Fields = field(repr=False)
    topic: str = TOPIC
    numbered: str = "event-id"

    def value(self, attempt: int) -> Fields:
        """Return the envelope of an attempt."""
        return {
            "topic": self.topic,
            "attempt": attempt,
            "event": {"fld-val-list": self.fields, "evt-tp": self.type, "timestamp": stamp(self.moment)},
            self.numbered: self.id,
        }

    def body(self, attempt: int) -> bytes:
        """Return the bytes of an attempt."""
        return orjson.dumps(self.value(attempt))


def state_fields(message: Message, previous: str, new: str, reason: tuple[str, str], **more: Any) -> Fields:
    """Return the fields of `message_state_change`; `reason` is code and description."""
    return {
        "attachment_ids": " ".join(message.attachments),
        "previous_state": previous,
        "new_state": new,
        "message_request_id": message.request_id,
        "message_id": message.id,
        "from_address": message.ours,
        "to_address": message.theirs,
        "has_attachment": bool(message.attachments),
        "reason_code": reason[0],
        "reason_description": reason[1],
        "sender_id_id": message.sender,
        "sender_id_alias": message.sender,
        "external_message_request_id": message.external_id,
        "fragments_count": 1,
        "mt_price": 0.035,
        "application_id": APPLICATION,
        "company-id": COMPANY,
        **more,
    }


def inbound_fields(message: Message, **more: Any) -> Fields:
    """Return the fields of `mo_message_received`."""
    return {
        "attachment_ids": "".join(f" {one}" for one in message.attachments),
        "message_id": message.id,
        "message_body": message.text,
        "from_address": message.theirs,
        "to_address": message.ours,
        "has_attachment": bool(message.attachments),
        "sender_id_id": message.sender,
        "sender_id_alias": message.sender,
        "anti_virus_scan_status": "OK" if message.attachments else "NONE",
        "fragments_count": 1,
        "mo_price": 0.005,
        "application_id": APPLICATION,
        "company-id": COMPANY,
        **more,
    }


def request_fields(named: tuple[str, str], states: tuple[str, str]) -> Fields:
    """Return the fields of `message_request_state_change`; the sender's id has a space before it, as was seen."""
    request_id, external_id = named
    return {
        "message_request_id": request_id,
        "external_message_request_id": f" {external_id}" if external_id else "",
        "previous_state": states[0],
        "new_state": states[1],
        "reason_code": "200",
        "reason_description": "SUCCESS",
        "application_id": APPLICATION,
        "company-id": COMPANY,
    }


def stamp(moment: float) -> str:
    """Return Unix seconds as an event has them: `2019-07-16T16:20:11.104Z`."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch(moment: float) -> int:
    """Return Unix seconds as REST bodies have them: milliseconds."""
    return round(moment * 1000)
