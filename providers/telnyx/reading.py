"""From the bytes of a body to its parts, and why that may fail."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from providers.telnyx.fields import EMPTY, Json, text
from schemas.json_text import JsonText
from schemas.webhook import Webhook

# What orjson writes; it reads more. Telnyx's own bodies have six levels.
_DEEPEST = 254
# White space of JSON (RFC 8259, 2). Around the object it is no part of it.
_BLANKS = b" \t\r\n"
_PAIR = rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
# Half a pair, or a run without any: the longer the run, the fewer calls the mending costs.
_ESCAPES = re.compile(
    rb"(?:[^\\]++|\\(?!u[dD][89a-fA-F]).|" + _PAIR + rb")++|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})", re.DOTALL
)


class Unreadable(StrEnum):
    """Why a body is no event of ours, in one word."""

    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    TOO_DEEP = "too_deep"
    MALFORMED_PAYLOAD = "malformed_payload"
    UNKNOWN_EVENT = "unknown_event"
    UNEXPECTED_DIRECTION = "unexpected_direction"
    TOO_MANY_RECIPIENTS = "too_many_recipients"


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
    failure: Unreadable | None = None

    @property
    def content(self) -> Json:
        """The payload, empty where there is none."""
        return self.payload if self.payload is not None else EMPTY


def read(webhook: Webhook) -> Reading:
    """Return the parts of a webhook's body. Never raises, whatever the bytes."""
    body = webhook.body.strip(_BLANKS)
    root, failure = _parse(body)
    if failure is Unreadable.NOT_JSON and (mended := _without_lone_surrogates(body)) != body:
        body = mended
        root, failure = _parse(body)
    if not isinstance(root, dict):
        return Reading(webhook, failure=failure or Unreadable.NOT_AN_OBJECT)
    data = root.get("data", root)
    if not isinstance(data, dict):
        return Reading(webhook, JsonText(body), root, failure=Unreadable.MALFORMED_PAYLOAD)
    payload = data.get("payload")
    return Reading(
        webhook=webhook,
        json=JsonText(body),
        root=root,
        data=data,
        payload=payload if isinstance(payload, dict) else None,
        event_type=text(data, "event_type"),
    )


def _parse(body: bytes) -> tuple[Any, Unreadable | None]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None, Unreadable.NOT_JSON
    return (None, Unreadable.TOO_DEEP) if _too_deep(body, value) else (value, None)


def _too_deep(body: bytes, value: Any) -> bool:
    if body.count(b"{") + body.count(b"[") <= _DEEPEST:
        return False
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return True
    return False


def _without_lone_surrogates(body: bytes) -> bytes:
    # A text cut in the middle of an emoji ends in half a surrogate pair: JSON's grammar allows the escape, UTF-8
    # has no bytes for it. The message matters more than that half; the raw record keeps it.
    return _ESCAPES.sub(lambda found: rb"\ufffd" if found[1] else found[0], body)
