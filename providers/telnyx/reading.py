"""From a webhook to its parts, and why that may fail."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from providers.bodies import NotAnObject, parse_object
from providers.fields import EMPTY, Json, text
from schemas.json_text import JsonText
from schemas.webhook import Webhook

MESSAGES = "/messages/"
"""The path of one message, up to its id: what was looked up there is a message and no event."""


class Unreadable(StrEnum):
    """Why a body is no event of ours, in one word, besides the words of NotAnObject."""

    MALFORMED_PAYLOAD = "malformed_payload"
    UNKNOWN_EVENT = "unknown_event"
    UNEXPECTED_DIRECTION = "unexpected_direction"
    TOO_MANY_RECIPIENTS = "too_many_recipients"
    HIDDEN_NUMBER = "hidden_number"


@dataclass(frozen=True, slots=True)
class Reading:
    """A webhook taken apart.

    `root` is the whole body, `data` its envelope (the body itself where it has no `data`), `payload` the object
    in it. `json` is the body to carry along; None where it is not a JSON object that an event can hold.
    """

    webhook: Webhook
    json: JsonText | None = None
    root: Json = field(default_factory=dict[str, Any])
    data: Json = field(default_factory=dict[str, Any])
    payload: Json | None = None
    event_type: str | None = None
    failure: Unreadable | NotAnObject | None = None

    @property
    def content(self) -> Json:
        """The payload, empty where there is none."""
        return self.payload if self.payload is not None else EMPTY


def read(webhook: Webhook) -> Reading:
    """Return the parts of a webhook's body. Never raises, whatever the bytes."""
    parsed = parse_object(webhook.body)
    if parsed.failure is not None:
        return Reading(webhook, failure=parsed.failure)
    data = parsed.root.get("data", parsed.root)
    if not isinstance(data, dict):
        return Reading(webhook, parsed.json, parsed.root, failure=Unreadable.MALFORMED_PAYLOAD)
    payload = data.get("payload")
    return Reading(
        webhook=webhook,
        json=parsed.json,
        root=parsed.root,
        data=data,
        payload=payload if isinstance(payload, dict) else None,
        event_type=text(data, "event_type"),
    )
