"""A record as one line of JSON, and back: what `hookline tail` prints and other commands read."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson

from schemas.records import Headers, StoredRecord
from schemas.times import format_time, from_millis, parse_time, to_millis
from schemas.topics import WEBHOOKS

_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")


class NotALineError(ValueError):
    """A line that `hookline tail` did not print."""


def line_of(record: StoredRecord, **more: str) -> bytes:
    """Return the record as one JSON object and a newline; `more` are further members, which `record_of` passes over."""
    fields: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": _time_text(record.timestamp),
        "key": None if record.key is None else _text(record.key),
        "headers": joined_headers(record.headers),
        **_value(record),
        **more,
    }
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def joined_headers(headers: Headers) -> dict[str, str]:
    """Return headers as texts; repeated ones are joined as HTTP does it (RFC 9110, 5.2)."""
    found: dict[str, str] = {}
    for name, value in headers:
        found[name] = f"{found[name]}, {_text(value)}" if name in found else _text(value)
    return found


def record_of(line: bytes) -> StoredRecord:
    """Return the record of a line. Raises NotALineError."""
    try:
        fields = orjson.loads(line)
        return StoredRecord(
            topic=fields["topic"],
            partition=fields["partition"],
            offset=fields["offset"],
            timestamp=_millis(fields["timestamp"]),
            key=None if fields["key"] is None else fields["key"].encode(),
            value=_bytes(fields),
            headers=tuple((name, value.encode()) for name, value in fields["headers"].items()),
        )
    except (ValueError, TypeError, KeyError, AttributeError, binascii.Error) as error:
        raise NotALineError(f"not a line of `hookline tail`: {error}") from error


def _value(record: StoredRecord) -> dict[str, Any]:
    if record.value is None:
        return {"value": None}
    if record.topic == WEBHOOKS.name or record.topic.startswith(f"{WEBHOOKS.name}."):
        return {"value_base64": base64.b64encode(record.value).decode()}
    try:
        orjson.loads(record.value)
    except orjson.JSONDecodeError:
        return {"value_base64": base64.b64encode(record.value).decode()}
    # As it is, every digit and every member's place kept. A line break in JSON is always white space between
    # tokens, as texts have theirs escaped (RFC 8259, 7), so that a blank says the same on one line.
    return {"value": orjson.Fragment(record.value.translate(_ONE_LINE))}


def _bytes(fields: Mapping[str, Any]) -> bytes | None:
    if "value_base64" in fields:
        return base64.b64decode(fields["value_base64"], validate=True)
    value = fields["value"]
    return None if value is None else orjson.dumps(value)


def _time_text(millis: int) -> str:
    try:
        return format_time(from_millis(millis))
    except OverflowError:
        return format_time(from_millis(0))


def _millis(text: object) -> int:
    moment = parse_time(text)
    if moment is None:
        raise NotALineError(f"timestamp {text!r} is no time")
    return to_millis(moment)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
