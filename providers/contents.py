"""What of a body counts when two webhooks are compared: all but the value that changes with each attempt.

Two bodies of which a normalizer could read different things must never count as repeats. So the bytes stay as they
came, with every digit of every number, and one value alone is taken out, in a place that is proved: the text with a
mark in its place is parsed, and the mark must be that member of the outermost object.
"""

import json
import re
from typing import Any

import orjson

from providers.bodies import RepeatedNameError, unique_names
from providers.fields import LONGEST_LIST

LARGEST_COMPARED = 16 * 1024
"""Bytes of the largest body that is looked into. In larger ones each byte counts: nobody has to wait for them."""

WHOLE_NUMBER = rb"(?:0|[1-9][0-9]{0,17}+)"
"""A whole number of JSON, of no more digits than all readers can tell apart."""

BLANKS = rb"[ \t\r\n]*+"
"""White space of JSON (RFC 8259, 2)."""

_MARK = "~left out~"
_MARKED = b'"' + _MARK.encode() + b'"'


def member(name: str, value: bytes) -> re.Pattern[bytes]:
    """Return the pattern of a member with that name whose whole value fits the pattern `value`."""
    ends = rb"(?=" + BLANKS + rb"[,}])"
    return re.compile(rb'("' + re.escape(name.encode()) + rb'"' + BLANKS + rb":" + BLANKS + rb")" + value + ends)


def without(body: bytes, name: str, found: re.Pattern[bytes], *, lists: bool = False) -> bytes | None:
    """Return a JSON object without the value of one member. None: every byte counts.

    That is so where `found`, made by `member` for that `name`, stands nowhere or more than once, where the body is no
    JSON object, or has a name twice in an object. With `lists` a list of up to 100 objects is taken, each with its own.
    """
    if len(body) > LARGEST_COMPARED or _MARKED in body:
        return None
    rest, count = found.subn(rb"\1" + _MARKED, body)
    if not 0 < count <= (LONGEST_LIST if lists else 1):
        return None
    try:
        value = orjson.loads(rest)
        objects = value if lists and isinstance(value, list) else [value]
        proved = len(objects) == count and all(isinstance(one, dict) and one.get(name) == _MARK for one in objects)
        return rest if proved and _names_are_unique(rest, value) else None
    except (ValueError, orjson.JSONEncodeError):
        # No JSON, with a number that Python does not take, or too deep.
        return None


def _names_are_unique(text: bytes, value: Any) -> bool:
    if orjson.dumps(value) == text:
        # What is written again byte for byte has lost no member; most bodies are, and this is the quick way.
        return True
    try:
        json.loads(text, object_pairs_hook=unique_names)
    except RepeatedNameError:
        return False
    return True
