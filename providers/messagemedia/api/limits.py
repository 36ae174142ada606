"""What MessageMedia documents as refused, found before a call. Source: README of this folder, sections 4, 6 and 7.

Every function raises LimitError, whose text names the property and never shows its value.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlsplit

from providers.messagemedia.api.models import NewMessage
from providers.rest.errors import LimitError

T = TypeVar("T")

MOST_MESSAGES = 100
MOST_CONFIRMED = 100
MOST_BLACKLISTED = 10
LONGEST_CONTENT = 5000
_LONGEST_SUBJECT = 64
_MOST_METADATA = 10
_LONGEST_METADATA_KEY = 100
_LONGEST_METADATA_VALUE = 256
_LONGEST_URL = 1000
_LONGEST_HEADER_NAME = 200
_LONGEST_HEADER_VALUE = 1000
_LONGEST_READ_TIMEOUT = 60_000

FORMATS = ("SMS", "MMS", "TTS")
SOURCE_NUMBER_TYPES = ("INTERNATIONAL", "ALPHANUMERIC", "SHORTCODE")
WEBHOOK_METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")
ENCODINGS = ("JSON", "FORM_ENCODED", "XML")
DIGESTS = ("SHA224", "SHA256", "SHA512")
CIPHERS = ("RSA",)
EVENTS = (
    "RECEIVED_SMS",
    "OPT_OUT_SMS",
    "RECEIVED_MMS",
    "ENROUTE_DR",
    "SUBMITTED_DR",
    "DELIVERED_DR",
    "EXPIRED_DR",
    "REJECTED_DR",
    "FAILED_DR",
)

_E164 = re.compile(r"\+[1-9][0-9]{7,14}", re.ASCII)


def check_messages(messages: Sequence[NewMessage]) -> None:
    """Check a request to send: 1 to 100 messages, each as documented."""
    _count("messages", messages, MOST_MESSAGES)
    for message in messages:
        if not _is_a(NewMessage, message):
            raise LimitError("messages: one is no NewMessage")
        check_message(message)


def check_message(message: NewMessage) -> None:
    """Check one message."""
    _length("content", message.content, 1, LONGEST_CONTENT)
    check_number("destination_number", message.destination_number)
    check_word("format", message.format, FORMATS)
    check_word("source_number_type", message.source_number_type, SOURCE_NUMBER_TYPES)
    if message.source_number is not None:
        _text("source_number", message.source_number)
    if message.source_number_type is not None and not message.source_number:
        raise LimitError("source_number_type: only with a source_number")
    _check_media(message)
    _check_metadata(_mapping("metadata", message.metadata))
    if message.callback_url is not None:
        check_url("callback_url", message.callback_url)
    for name in ("scheduled", "message_expiry_timestamp"):
        _check_zone(name, getattr(message, name))


def check_number(name: str, number: str) -> None:
    """Check a number: E.164, a plus sign and 8 to 15 digits."""
    if not _is_a(str, number) or not is_number(number):
        raise LimitError(f"{name}: not E.164, a plus sign and 8 to 15 digits")


def check_numbers(name: str, numbers: Sequence[str], most: int | None = None) -> None:
    """Check a list of numbers: at least one, at most so many, each E.164."""
    _count(name, numbers, most)
    for number in numbers:
        check_number(name, number)


def check_ids(name: str, ids: Sequence[str]) -> None:
    """Check the ids of one confirmation: 1 to 100 of them, none empty."""
    _count(name, ids, MOST_CONFIRMED)
    for one in ids:
        check_id(name, one)


def is_number(text: str) -> bool:
    """Tell whether a text is a number as the API takes it."""
    return _E164.fullmatch(text) is not None


def check_id(name: str, value: str) -> None:
    """Check an id that the body of a call names."""
    _text(name, value)
    if not value:
        raise LimitError(f"{name}: empty")


def check_word(name: str, value: str | None, words: Collection[str]) -> None:
    """Check a property that holds one word of a list, if it is given."""
    if value is not None and value not in words:
        raise LimitError(f"{name}: none of {', '.join(words)}")


def check_events(events: Sequence[str] | None) -> None:
    """Check the events of a webhook: at least one, each a documented word; None says that they are not given."""
    if events is None:
        return
    _count("events", events, None)
    for event in events:
        check_word("events", event, EVENTS)


def check_headers(headers: Mapping[str, str] | None) -> None:
    """Check the headers of a webhook: names up to 200 and values up to 1000 characters, no Content-Type."""
    for name, value in _mapping("headers", headers).items():
        _length("headers: a name", name, 1, _LONGEST_HEADER_NAME)
        _length("headers: a value", value, 0, _LONGEST_HEADER_VALUE)
        if name.strip().lower() == "content-type":
            raise LimitError("headers: the encoding sets Content-Type")


def check_webhook_url(url: str | None) -> None:
    """Check the URL of a webhook, if it is given: http or https, up to 1000 characters."""
    if url is not None:
        _length("url", url, 1, _LONGEST_URL)
        check_url("url", url)


def check_url(name: str, url: str) -> None:
    """Check a URL: http or https, with a host."""
    _text(name, url)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise LimitError(f"{name}: not a URL") from error
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise LimitError(f"{name}: not an http or https URL")


def check_patience(read_timeout: int | None, retries: int | None, retry_delay: int | None) -> None:
    """Check how patient a webhook is: milliseconds up to 60000, 0 to 5 retries, 5 to 60 seconds between them."""
    _between("read_timeout", read_timeout, 1, _LONGEST_READ_TIMEOUT)
    _between("retries", retries, 0, 5)
    _between("retry_delay", retry_delay, 5, 60)


def listed(name: str, values: Sequence[T]) -> tuple[T, ...]:
    """Return the items of a list."""
    # A text is a sequence of texts too: each of its characters would count as one.
    if isinstance(values, str):
        raise LimitError(f"{name}: one text, where a list is wanted")
    if not _is_a(Sequence, values):
        raise LimitError(f"{name}: not a list")
    return tuple(values)


def check_page_size(page_size: int) -> None:
    """Check the size of a page."""
    _between("page_size", page_size, 1, None)


def _check_media(message: NewMessage) -> None:
    if message.format != "MMS" and (message.media or message.subject is not None):
        raise LimitError("media and subject: only with the format MMS")
    _length("subject", "" if message.subject is None else message.subject, 0, _LONGEST_SUBJECT)
    for url in listed("media", message.media):
        check_url("media", url)


def _check_metadata(metadata: Mapping[str, str]) -> None:
    if len(metadata) > _MOST_METADATA:
        raise LimitError(f"metadata: more than {_MOST_METADATA} pairs")
    for key, value in metadata.items():
        _length("metadata: a key", key, 1, _LONGEST_METADATA_KEY)
        _length("metadata: a value", value, 0, _LONGEST_METADATA_VALUE)


def _check_zone(name: str, moment: datetime | None) -> None:
    if moment is not None and not _is_a(datetime, moment):
        raise LimitError(f"{name}: not a time")
    if moment is not None and moment.tzinfo is None:
        raise LimitError(f"{name}: a time without a zone")


def _count(name: str, values: Sequence[object], most: int | None) -> None:
    listed(name, values)
    if not values or (most is not None and len(values) > most):
        raise LimitError(f"{name}: {len(values)}, where {f'1 to {most}' if most else 'at least 1'} can be named")


def _length(name: str, value: str, least: int, most: int) -> None:
    _text(name, value)
    if not least <= len(value) <= most:
        raise LimitError(f"{name}: {len(value)} characters, where {least} to {most} are allowed")


def _between(name: str, value: int | None, least: int, most: int | None) -> None:
    if value is None:
        return
    if not _is_a(int, value) or value < least or (most is not None and value > most):
        raise LimitError(f"{name}: not {f'from {least} to {most}' if most is not None else f'at least {least}'}")


def _text(name: str, value: object) -> None:
    if not _is_a(str, value):
        raise LimitError(f"{name}: not a text")


def _mapping(name: str, value: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return an object, an empty one for None."""
    if value is not None and not _is_a(Mapping, value):
        raise LimitError(f"{name}: not an object")
    return value or {}


def _is_a(kind: type, value: object) -> bool:
    # What was read from JSON may hold anything, whatever the annotations say.
    return isinstance(value, kind) and not isinstance(value, bool)
