"""From a request to the fields in it: a JSON object, a form, or the query of a GET."""

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs

from providers.bodies import NotAnObject, RepeatedNameError, bare, parse_object, unique_names
from providers.fields import Json
from providers.messagemedia.proof.signed_text import plain_bytes
from schemas.json_text import JsonText
from schemas.webhook import Webhook

GROUP_PARAMETER = "group"
"""The query parameter of our webhooks' URLs that tells their groups apart."""

_BLANKS = b" \t\r\n"
# A form names its first field at once. Content types of webhooks are not documented, so the look decides too.
_FORM = re.compile(rb"[A-Za-z_][\w.\[\]-]{0,99}=")
_MOST_FIELDS = 200
_LARGEST_FORM = 128 * 1024


class Unreadable(StrEnum):
    """Why a request is no event of ours, in one word, besides the words of NotAnObject."""

    XML = "xml"
    EMPTY = "empty"
    FORM_TOO_LARGE = "form_too_large"
    UNKNOWN_EVENT = "unknown_event"
    MALFORMED_PAYLOAD = "malformed_payload"
    REPEATED_NAMES = "repeated_names"
    MIXED_KINDS = "mixed_kinds"


@dataclass(frozen=True, slots=True)
class Body:
    """What a request says. `json` is its object to carry along; both are empty where `failure` says why.

    `plus_lost` says that the fields come from a form or a query, where an unescaped plus sign is a blank.
    """

    json: JsonText | None = None
    root: Json = field(default_factory=dict[str, Any])
    failure: Unreadable | NotAnObject | None = None
    plus_lost: bool = False


def body_of(webhook: Webhook) -> Body:
    """Return what a webhook says. Never raises, whatever the bytes."""
    data = webhook.body.strip(_BLANKS)
    kind = (webhook.header("content-type") or "").lower()
    if not data:
        return _fields(query_of(webhook))
    if data.startswith(b"<") or "xml" in kind:
        return Body(failure=Unreadable.XML)
    if data[:1] not in b"{[" and ("x-www-form-urlencoded" in kind or _FORM.match(data)):
        return _fields(bare(data).decode("utf-8", "replace"))
    parsed = parse_object(data)
    if parsed.json is not None and _repeats(parsed.json):
        return Body(failure=Unreadable.REPEATED_NAMES)
    return Body(parsed.json, parsed.root, parsed.failure)


def query_of(webhook: Webhook) -> str:
    """Return the query of a webhook's target, where every text can be stored."""
    return plain_bytes(webhook.target.partition("?")[2]).decode("utf-8", "replace")


def parameters_of(query: str) -> Json:
    """Return the fields of a query or form: a text each, a list of them where a name is repeated.

    Empty where it is larger than any webhook's: no form carries files.
    """
    if len(query) > _LARGEST_FORM:
        return {}
    try:
        found = parse_qs(query, keep_blank_values=True, errors="replace", max_num_fields=_MOST_FIELDS)
    except ValueError:
        return {}
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _repeats(text: JsonText) -> bool:
    try:
        json.loads(text.raw, object_pairs_hook=unique_names)
    except RepeatedNameError:
        return True
    return False


def _fields(text: str) -> Body:
    root = parameters_of(text)
    if not root:
        return Body(failure=Unreadable.FORM_TOO_LARGE if text.strip("&") else Unreadable.EMPTY)
    return Body(JsonText.of(root), root, plus_lost=True)
