"""What Telnyx documents as refused, found before anything is sent. Source: README, section 5.

What the pages do not say is left to Telnyx: a value that it takes one day must not need a new version of ours.
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from providers.fields import mapping, text
from providers.rest.errors import LimitError
from schemas.times import Clock, from_clock

MOST_IN_A_GROUP = 8
LARGEST_PAGE = 250
SOONEST = timedelta(minutes=5)
LATEST = timedelta(days=5)
LONGEST_WHATSAPP_TEXT = 4096
LONGEST_CAPTION = 1024
_CAPTIONED = ("image", "video", "document")
# E.164 has 15 digits at most; no country has numbers shorter than 7 with its code.
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_SHORT_CODE = re.compile(r"[1-9][0-9]{2,7}", re.ASCII)
# The United States, Canada and who shares their numbering plan; no area code begins with 0 or 1.
_AMERICAN = re.compile(r"\+1[2-9][0-9]{9}", re.ASCII)
# Python's own reader takes braces, `urn:uuid:` and hyphens anywhere.
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9_:-]{1,255}", re.ASCII)


def is_idempotency_key(value: str) -> bool:
    """Tell whether a text is what Telnyx takes as `Idempotency-Key`."""
    return _IDEMPOTENCY_KEY.fullmatch(value) is not None


def idempotency_key(given: str | None) -> str:
    """Return the key given, or a new one, so that our own retries are safe. Raises LimitError."""
    if given is None:
        return str(uuid.uuid4())
    if not is_idempotency_key(_text("idempotency_key", given)):
        raise LimitError("idempotency_key: 1 to 255 of A-Z, a-z, 0-9, underscore, colon and hyphen")
    return given


def number(name: str, value: str) -> str:
    """Return a phone number. Raises LimitError where it is not E.164."""
    if not _E164.fullmatch(_text(name, value)):
        raise LimitError(f"{name}: not a phone number as E.164, such as +12125550100")
    return value


def recipient(name: str, value: str) -> str:
    """Return a phone number or short code. Raises LimitError for anything else."""
    if not _SHORT_CODE.fullmatch(_text(name, value)) and not _E164.fullmatch(value):
        raise LimitError(f"{name}: neither a phone number as E.164 nor a short code")
    return value


def sender_name(name: str, value: str) -> str:
    """Return a phone number, short code or alphanumeric sender id, which has a letter. Raises LimitError."""
    if any(sign.isalpha() for sign in _text(name, value)) and not value.startswith("+"):
        return value
    return recipient(name, value)


def whatsapp_recipient(name: str, value: str) -> str:
    """Return a phone number, or the id of a WhatsApp user who hides the number. Raises LimitError."""
    return value if any(sign.isalpha() for sign in _text(name, value)) else number(name, value)


def group(name: str, values: Sequence[str]) -> Sequence[str]:
    """Return the recipients of a group message. Raises LimitError for none, more than 8, or one outside +1."""
    if not 1 <= len(_list(name, values)) <= MOST_IN_A_GROUP:
        raise LimitError(f"{name}: a list of 1 to {MOST_IN_A_GROUP} numbers")
    if not all(_AMERICAN.fullmatch(_text(name, value)) for value in values):
        raise LimitError(f"{name}: a group has numbers of the United States and Canada alone, such as +12125550100")
    return values


def numbers(name: str, values: Sequence[str]) -> Sequence[str]:
    """Return a list of our numbers. Raises LimitError for none, or one that is no number."""
    if not _list(name, values):
        raise LimitError(f"{name}: a list of at least one number")
    return [recipient(name, value) for value in values]


def filled(name: str, value: str) -> str:
    """Return a text. Raises LimitError where nothing is in it."""
    if not _text(name, value).strip():
        raise LimitError(f"{name}: empty")
    return value


def uuid_text(name: str, value: str) -> str:
    """Return an id. Raises LimitError where it is no UUID: 32 hexadecimal digits and four hyphens."""
    if not _UUID.fullmatch(_text(name, value)):
        raise LimitError(f"{name}: not a UUID")
    return value


def profile(name: str, value: str) -> str:
    """Return the id of a messaging profile, or the empty text that unassigns. Raises LimitError."""
    return uuid_text(name, value) if _text(name, value) else value


def moment(name: str, value: datetime, clock: Clock) -> datetime:
    """Return when to send. Raises LimitError outside 5 minutes to 5 days ahead; without a zone it is UTC."""
    if not _is_a(datetime, value):
        raise LimitError(f"{name}: not a time")
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    if not SOONEST <= aware - from_clock(clock) <= LATEST:
        raise LimitError(f"{name}: not 5 minutes to 5 days ahead")
    return aware


def page(number_: int | None, size: int | None) -> None:
    """Raise LimitError where Telnyx has no such page."""
    if number_ is not None and not (_is_a(int, number_) and number_ >= 1):
        raise LimitError("page_number: pages are counted from 1")
    if size is not None and not (_is_a(int, size) and 1 <= size <= LARGEST_PAGE):
        raise LimitError(f"page_size: 1 to {LARGEST_PAGE}")


def whatsapp_message(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a WhatsApp message. Raises LimitError where its text or a caption is too long, or the text is empty."""
    if not _is_a(Mapping, message):
        raise LimitError("whatsapp_message: not an object")
    words = mapping(message, "text").get("body")
    if isinstance(words, str) and not 1 <= len(words.encode("utf-8", "replace")) <= LONGEST_WHATSAPP_TEXT:
        raise LimitError(f"whatsapp_message.text.body: 1 to {LONGEST_WHATSAPP_TEXT} bytes")
    captions = (text(mapping(message, kind), "caption") for kind in _CAPTIONED)
    if any(caption is not None and len(caption) > LONGEST_CAPTION for caption in captions):
        raise LimitError(f"whatsapp_message: a caption has at most {LONGEST_CAPTION} characters")
    return message


def _text(name: str, value: str) -> str:
    """Return a text. Raises LimitError for what is none: a value that was read from JSON may be anything."""
    if not _is_a(str, value):
        raise LimitError(f"{name}: not a text")
    return value


def _list(name: str, values: Sequence[str]) -> Sequence[str]:
    """Return a list. Raises LimitError for what is none; one text is a sequence of texts too."""
    if not _is_a(Sequence, values) or isinstance(values, str):
        raise LimitError(f"{name}: not a list")
    return values


def _is_a(kind: type, value: object) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
