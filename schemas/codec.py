"""Events to JSON and back.

Encoding leaves out what is absent. Decoding keeps what it does not know: unknown members go to `extra`, unknown
words of an enum stay texts. What is known and of the wrong type is an error, because it would lie to the reader.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson

from schemas.events import Event
from schemas.json_text import JsonText
from schemas.times import format_time, parse_time

Coder = Callable[[Any], Any]
E = TypeVar("E", bound=Event)
# Travels as `ce_id`, and the home of what is unknown: neither is a JSON member of its own name.
_NOT_MEMBERS = frozenset({"id", "extra"})
_ABSENT: tuple[object, ...] = ((), {})
# The provider's own text comes last, so that a reader can cut it out as it stands.
_VERBATIM = "provider_data"
_VERBATIM_MARK = b',"provider_data":'
_MOST_MARKS = 16


class CodecError(ValueError):
    """A record that does not hold the event that it says it holds."""


@dataclass(frozen=True, slots=True)
class Member:
    """How one field becomes one JSON member; `required` members must be there when reading."""

    attribute: str
    name: str
    encode: Coder
    decode: Coder
    required: bool


def encode_event(event: Event) -> bytes:
    """Return the JSON of an event, without its id."""
    plain = _plain(event)
    if _VERBATIM in plain:
        plain[_VERBATIM] = plain.pop(_VERBATIM)
    return orjson.dumps(plain)


def decode_event(cls: type[E], event_id: str, data: bytes) -> E:
    """Return the event of class `cls` that the JSON holds.

    `provider_data` is byte for byte what our own writers wrote; of JSON in another order it is the same value.
    Raises CodecError where it is not a JSON object, a required member is missing or a known one has another type.
    """
    try:
        plain = _cut(data) or orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise CodecError(f"not JSON: {error}") from error
    if not isinstance(plain, dict):
        raise CodecError("the value is not a JSON object")
    return cls(id=event_id, extra=_unknown(cls, plain), **_read(cls, plain))


def _cut(data: bytes) -> dict[str, Any] | None:
    """Return the members with `provider_data` as its text, None where it does not stand last in compact JSON.

    The mark may also stand deeper. It is the member of the object itself if what is before it, closed by one brace,
    is JSON, and what is after it too: deeper, one brace would not be enough.
    """
    at = -1
    for _ in range(_MOST_MARKS):
        at = data.find(_VERBATIM_MARK, at + 1)
        if at < 0 or not data.endswith(b"}"):
            return None
        raw = data[at + len(_VERBATIM_MARK) : -1]
        try:
            plain, value = orjson.loads(data[:at] + b"}"), orjson.loads(raw)
        except orjson.JSONDecodeError:
            continue
        return {**plain, _VERBATIM: None if value is None else JsonText(raw)}
    return None


def members_of(cls: type) -> tuple[Member, ...]:
    """Return the JSON members of a schema class, in order."""
    return _members(cls)


@cache
def _members(cls: type) -> tuple[Member, ...]:
    hints = get_type_hints(cls)
    return tuple(
        Member(
            attribute=item.name,
            name=item.name.rstrip("_"),
            encode=_coders(hints[item.name])[0],
            decode=_coders(hints[item.name])[1],
            required=item.default is MISSING and item.default_factory is MISSING,
        )
        for item in fields(cls)
        if item.name not in _NOT_MEMBERS
    )


def _plain(value: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    cls: type = type(value)
    for member in _members(cls):
        item = getattr(value, member.attribute)
        # An empty one is false: a comparison of each value would cost more than all the rest.
        if item is not None and (item or item not in _ABSENT):
            plain[member.name] = item if member.encode is _as_is else member.encode(item)
    for name, item in getattr(value, "extra", {}).items():
        plain.setdefault(name, item)
    return plain


def _read(cls: type, plain: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for member in _members(cls):
        item = plain.get(member.name)
        if item is not None:
            values[member.attribute] = _decoded(cls, member, item)
        elif member.required:
            raise CodecError(f"{cls.__name__} without {member.name!r}")
    return values


def _decoded(cls: type, member: Member, item: Any) -> Any:
    try:
        return member.decode(item)
    except (TypeError, ValueError) as error:
        raise CodecError(f"{cls.__name__}.{member.name}: {error}") from error


def _unknown(cls: type, plain: Mapping[str, Any]) -> dict[str, object]:
    known = {member.name for member in _members(cls)}
    return {name: item for name, item in plain.items() if name not in known}


def _coders(hint: Any) -> tuple[Coder, Coder]:
    """Return how to write and how to read a value of that type."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _coders(next(arg for arg in get_args(hint) if arg is not type(None)))
    if origin is tuple:
        write, read = _coders(get_args(hint)[0])
        return (lambda items: [write(item) for item in items]), (lambda items: tuple(map(read, _checked(items, list))))
    if hint is datetime:
        return format_time, _read_time
    if hint is JsonText:
        return (lambda text: orjson.Fragment(text.raw)), JsonText.of
    if isinstance(hint, type) and is_dataclass(hint):
        nested: type = hint
        return _plain, lambda item: nested(**_read(nested, _checked(item, dict)))
    plain_type = origin if isinstance(origin, type) else hint
    expected = dict if plain_type is Mapping or origin is not None else plain_type
    return _as_is, lambda item: _checked(item, expected)


def _as_is(item: Any) -> Any:
    return item


def _checked(item: Any, expected: type) -> Any:
    if not isinstance(item, expected) or (expected is int and isinstance(item, bool)):
        raise TypeError(f"expected {expected.__name__}, found {type(item).__name__}")
    return item


def _read_time(item: Any) -> datetime:
    moment = parse_time(item)
    if moment is None:
        raise ValueError(f"not a time: {str(item)[:40]!r}")
    return moment
