"""From a body to its events: an envelope, a list of them, or a bare field map; and why that may fail."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from providers.bodies import NotAnObject, RepeatedNameError, bare, parse_object, unique_names
from providers.fields import LONGEST_LIST, Json, mapping
from providers.rest.verbatim import items_of
from providers.syniverse.events.values import Figure, moment, trimmed, whole
from schemas.json_text import JsonText
from schemas.webhook import Webhook

TOPIC = "SCG-Message"
"""The topic whose events tell of messages. Topics of other services are kept as notices."""

STATE_CHANGE = "message_state_change"
RECEIVED = "mo_message_received"
REQUEST_CHANGE = "message_request_state_change"
_LONGEST_WHOLE = 18
# Fields by one of which a field map without a name is known.
_FLAT = frozenset({"message_id", "message_request_id", "new_state", "message_body"})


class Unreadable(StrEnum):
    """Why a body is no event of ours, in one word, besides the words of NotAnObject."""

    XML = "xml"
    REPEATED_KEYS = "repeated_keys"
    EMPTY_LIST = "empty_list"
    TOO_MANY_EVENTS = "too_many_events"
    MALFORMED_EVENT = "malformed_event"
    UNKNOWN_EVENT = "unknown_event"


@dataclass(frozen=True, slots=True)
class Reading:
    """One event of a webhook, taken apart.

    `root` is its whole object, with fractions as Figures; `event` the object that has its type and time; `fields`
    the flat field map, None where there is none. `kind` is `evt-tp`. `body` and `json` are this event's alone.
    """

    webhook: Webhook
    body: bytes = field(repr=False)
    json: JsonText | None = None
    root: Json = field(default_factory=dict[str, Any])
    event: Json = field(default_factory=dict[str, Any])
    fields: Json | None = None
    topic: str | None = None
    kind: str | None = None
    failure: Unreadable | NotAnObject | None = None

    @property
    def event_id(self) -> str | None:
        """Event Manager's own id, in either of its two spellings."""
        return trimmed(self.root, "event-id", "event_id")

    @property
    def attempt(self) -> int | None:
        """Which delivery this is, from 1."""
        return whole(self.root, "attempt")

    @property
    def occurred_at(self) -> datetime | None:
        """The time in the envelope, which a repeated delivery keeps."""
        return moment(self.event.get("timestamp"))

    @property
    def notice(self) -> str | None:
        """Topic and type, as far as they are there."""
        return "/".join(filter(None, (self.topic, self.kind))) or None

    @property
    def tells_of_messages(self) -> bool:
        """Whether the topic is that of messages, which a bare field map leaves out."""
        return self.topic is None or self.topic.lower() == TOPIC.lower()


def read(webhook: Webhook) -> Sequence[Reading]:
    """Return the parts of a webhook's body, one reading for each event in it. Never raises, never returns nothing."""
    listed = _plain_list(webhook.body)
    if listed is not None:
        return [_reading_of(webhook, text.raw, text, root) for text, root in listed]
    return [_reading(webhook, part) for part in _parts(webhook.body)]


def field_maps(body: bytes) -> Sequence[Json | None]:
    """Return the field map of each event in a body, None for an event without one."""
    return [None if isinstance(part, StrEnum) else _fields_of(part[1]) for part in _parsed_parts(body)]


def _parsed_parts(body: bytes) -> Sequence["_Failure | _Parsed"]:
    return _plain_list(body) or [part if isinstance(part, StrEnum) else _parsed(part) for part in _parts(body)]


_Failure = Unreadable | NotAnObject
_Parsed = tuple[JsonText, Json]


def _reading(webhook: Webhook, part: "bytes | _Failure") -> Reading:
    if not isinstance(part, bytes):
        return Reading(webhook, webhook.body, failure=part)
    parsed = _parsed(part)
    if isinstance(parsed, StrEnum):
        return Reading(webhook, part, failure=parsed)
    return _reading_of(webhook, part, *parsed)


def _reading_of(webhook: Webhook, part: bytes, text: JsonText, root: Json) -> Reading:
    event, fields = mapping(root, "event") or root, _fields_of(root)
    return Reading(
        webhook=webhook,
        body=part,
        json=text,
        root=root,
        event=event,
        fields=fields,
        topic=trimmed(root, "topic"),
        kind=trimmed(event, "evt-tp") or trimmed(root, "evt-tp") or _kind_by_shape(fields),
    )


def _fields_of(root: Json) -> Json | None:
    """Return the field map: under its name, or its fields flat in `event` or at the top, as one integrator noted."""
    holders = (mapping(root, "event"), root)
    named = (holder.get("fld-val-list") for holder in holders)
    flat = (holder for holder in holders if _FLAT & holder.keys())
    return next((found for found in named if isinstance(found, dict)), None) or next(flat, None)


def _kind_by_shape(fields: Json | None) -> str | None:
    if fields is None:
        return None
    if trimmed(fields, "new_state"):
        return STATE_CHANGE if trimmed(fields, "message_id") else REQUEST_CHANGE
    is_inbound = trimmed(fields, "message_id") and {"message_body", "mo_price"} & fields.keys()
    return RECEIVED if is_inbound else None


def _plain_list(body: bytes) -> "Sequence[_Parsed] | None":
    """Return the events of a list that is written as we would write it; None for every other body.

    What is written again byte for byte has no name twice, and its parts are the bytes that came. So one reader for the
    parts and one for the figures is enough: this is the quick way of most lists.
    """
    text = bare(body)
    if not text.startswith(b"["):
        return None
    try:
        value = orjson.loads(text)
        if not 0 < len(value) <= LONGEST_LIST or not all(isinstance(item, dict) for item in value):
            return None
        parts = [orjson.dumps(item) for item in value]
        if b"[" + b",".join(parts) + b"]" != text:
            return None
        exact: list[Json] = _EXACT.decode(text.decode())
    except (ValueError, TypeError, RecursionError):
        # No JSON, or too deep: who looks closer says what it is.
        return None
    return [(JsonText(part), root) for part, root in zip(parts, exact, strict=True)]


def _parts(body: bytes) -> Sequence["bytes | _Failure"]:
    """Return the bytes of each event: the body, or the items of the list that it is."""
    stripped = bare(body)
    if not stripped.startswith(b"["):
        return [Unreadable.XML if stripped.startswith(b"<") else body]
    try:
        count = _count(stripped)
        # Each event carries its own part of the body: too many would make a flood of one request.
        found = items_of(b'{"list":' + stripped + b"}", "list") if count <= LONGEST_LIST else ()
    except RecursionError:
        return [NotAnObject.TOO_DEEP]
    except ValueError:
        return [NotAnObject.NOT_JSON]
    return found or [Unreadable.TOO_MANY_EVENTS if count else Unreadable.EMPTY_LIST]


def _count(body: bytes) -> int:
    """Return how many items a list has. Raises ValueError where the body is no JSON list."""
    # Numbers as texts: a long one is no reason to refuse its list.
    return len(json.loads(body, parse_int=str, parse_float=str))


def _parsed(body: bytes) -> "_Failure | _Parsed":
    parsed = parse_object(body)
    if parsed.json is None:
        return parsed.failure or NotAnObject.NOT_AN_OBJECT
    try:
        exact = _EXACT_AND_UNIQUE.decode(parsed.json.raw.decode())
    except RepeatedNameError:
        return Unreadable.REPEATED_KEYS
    except RecursionError:
        return NotAnObject.TOO_DEEP
    return parsed.json, exact


def _whole(written: str) -> int | Figure:
    return int(written) if len(written) <= _LONGEST_WHOLE else Figure(written)


_EXACT = json.JSONDecoder(parse_float=Figure, parse_int=_whole)
_EXACT_AND_UNIQUE = json.JSONDecoder(parse_float=Figure, parse_int=_whole, object_pairs_hook=unique_names)
