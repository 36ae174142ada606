"""From the bytes of a body to the JSON object in it, and why that may fail."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from providers.fields import Json
from schemas.json_text import JsonText

# What orjson writes; it reads more. No provider's own bodies have more than six levels.
_DEEPEST = 254
# White space of JSON (RFC 8259, 2). Around the object it is no part of it.
_BLANKS = b" \t\r\n"
_MARK = b"\xef\xbb\xbf"
_PAIR = rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
# Half a pair, or a run without any: the longer the run, the fewer calls the mending costs.
_ESCAPES = re.compile(
    rb"(?:[^\\]++|\\(?!u[dD][89a-fA-F]).|" + _PAIR + rb")++|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})", re.DOTALL
)


class NotAnObject(StrEnum):
    """Why a body is no JSON object that an event can hold, in one word."""

    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    TOO_DEEP = "too_deep"


@dataclass(frozen=True, slots=True)
class Parsed:
    """A body's JSON object: its text to carry along, and its members. Both are empty where `failure` says why."""

    json: JsonText | None = None
    root: Json = field(default_factory=dict[str, Any])
    failure: NotAnObject | None = None


def bare(body: bytes) -> bytes:
    """Return a body without white space around it, nor the byte order mark that a reader may ignore (RFC 8259, 8.1)."""
    return body.strip(_BLANKS).removeprefix(_MARK).lstrip(_BLANKS)


def parse_object(body: bytes) -> Parsed:
    """Return the JSON object that a body holds. Never raises, whatever the bytes."""
    body = bare(body)
    value, failure = _parse(body)
    if failure is NotAnObject.NOT_JSON and (mended := _without_lone_surrogates(body)) != body:
        body = mended
        value, failure = _parse(body)
    if not isinstance(value, dict):
        return Parsed(failure=failure or NotAnObject.NOT_AN_OBJECT)
    return Parsed(JsonText(body), value)


def _parse(body: bytes) -> tuple[Any, NotAnObject | None]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None, NotAnObject.NOT_JSON
    return (None, NotAnObject.TOO_DEEP) if _too_deep(body, value) else (value, None)


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


class RepeatedNameError(ValueError):
    """A JSON object has a name twice: two readers may see two different events in it."""


def unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of those members, as the `object_pairs_hook` of a reader. Raises RepeatedNameError."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RepeatedNameError
    return found
