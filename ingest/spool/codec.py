"""The payload of a frame: a webhook as exact binary, by way of the raw record of the contract."""

import struct

from schemas.records import Headers, Record
from schemas.times import to_millis
from schemas.topics import WEBHOOKS
from schemas.webhook import NotAWebhookError, Webhook, webhook_from_record, webhook_to_record

_VERSION = 1
_HEAD = struct.Struct(">BqI")
_SIZE = struct.Struct(">I")


class NotAPayloadError(ValueError):
    """Bytes that hold no webhook although their checksum is right: another version wrote them."""


def encode_webhook(webhook: Webhook, webhook_id: str) -> bytes:
    """Return the payload: version, time in ms, the record's headers each with its lengths, then the body.

    Raises UnicodeEncodeError for texts that no header field can hold (a surrogate that escapes no byte).
    """
    record = webhook_to_record(webhook, webhook_id)
    parts = [_HEAD.pack(_VERSION, record.timestamp, len(record.headers))]
    for name, value in record.headers:
        key = name.encode("utf-8", "surrogateescape")
        parts += (_SIZE.pack(len(key)), key, _SIZE.pack(len(value)), value)
    parts.append(record.value or b"")
    return b"".join(parts)


def decode_webhook(payload: bytes) -> Webhook:
    """Return the webhook of a payload. Raises NotAPayloadError."""
    try:
        version, millis, count = _HEAD.unpack_from(payload)
        if version != _VERSION:
            raise NotAPayloadError(f"version {version} is not known")
        headers, end = _headers(payload, count)
        # Topic and key are for the log alone: the webhook has no part of them.
        return webhook_from_record(Record(WEBHOOKS.name, None, payload[end:], headers, millis))
    except (struct.error, OverflowError, NotAWebhookError) as error:
        raise NotAPayloadError(f"no webhook: {error}") from error


def peek_millis(payload: bytes) -> int:
    """Return when the webhook of a payload was received, in ms since 1970; 0 where it does not say."""
    return int(_HEAD.unpack_from(payload)[1]) if len(payload) >= _HEAD.size else 0


def received_millis(webhook: Webhook) -> int:
    """Return what `peek_millis` will say of the webhook's payload."""
    return to_millis(webhook.received_at)


def _headers(payload: bytes, count: int) -> tuple[Headers, int]:
    found: list[tuple[str, bytes]] = []
    at = _HEAD.size
    for _ in range(count):
        name, at = _sized(payload, at)
        value, at = _sized(payload, at)
        found.append((name.decode("utf-8", "surrogateescape"), value))
    return tuple(found), at


def _sized(payload: bytes, at: int) -> tuple[bytes, int]:
    (length,) = _SIZE.unpack_from(payload, at)
    end = at + _SIZE.size + length
    if end > len(payload):
        raise NotAPayloadError("no webhook: a header is longer than the payload")
    return payload[at + _SIZE.size : end], end
