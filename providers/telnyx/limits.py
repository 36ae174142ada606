"""What Telnyx documents as refused, found before anything is sent. Source: README, section 5.

What the pages do not say is left to Telnyx: a value that it takes one day must not need a new version of ours.
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

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
_SHORT_CODE = re.compile(r"[0-9]{3,8}", re.ASCII)
_IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9_:-]{1,255}", re.ASCII)


def is_idempotency_key(value: str) -> bool:
    """Tell whether a text is what Telnyx takes as `Idempotency-Key`."""
    return _IDEMPOTENCY_KEY.fullmatch(value) is not None


def idempotency_key(given: str | None) -> str:
    """Return the key given, or a new one, so that our own retries are safe. Raises LimitError."""
    if given is None:
        return str(uuid.uuid4())
    if not is_idempotency_key(given):
        raise LimitError("idempotency_key: 1 to 255 of A-Z, a-z, 0-9, underscore, colon and hyphen")
    return given


def number(name: str, value: str) -> str:
    """Return a phone number. Raises LimitError where it is not E.164."""
    if not _E164.fullmatch(value):
        raise LimitError(f"{name}: not a phone number as E.164, such as +12125550100")
    return value


def recipient(name: str, value: str) -> str:
    """Return a phone number or short code. Raises LimitError for anything else."""
    if not _SHORT_CODE.fullmatch(value) and not _E164.fullmatch(value):
        raise LimitError(f"{name}: neither a phone number as E.164 nor a short code")
    return value


def sender_name(name: str, value: str) -> str:
    """Return a phone number, short code or alphanumeric sender id, which has a letter. Raises LimitError."""
    if any(sign.isalpha() for sign in value) and not value.startswith("+"):
        return value
    return recipient(name, value)


def whatsapp_recipient(name: str, value: str) -> str:
    """Return a phone number, or the id of a WhatsApp user who hides the number. Raises LimitError."""
    return filled(name, value) if any(sign.isalpha() for sign in value) else number(name, value)


def group(name: str, values: Sequence[str]) -> Sequence[str]:
    """Return the recipients of a group message. Raises LimitError for none, more than 8, or one that is no number."""
    if isinstance(values, str) or not 1 <= len(values) <= MOST_IN_A_GROUP:
        raise LimitError(f"{name}: a list of 1 to {MOST_IN_A_GROUP} numbers")
    return [recipient(name, value) for value in values]


def numbers(name: str, values: Sequence[str]) -> Sequence[str]:
    """Return a list of our numbers. Raises LimitError for none, or one that is no number."""
    if isinstance(values, str) or not values:
        raise LimitError(f"{name}: a list of at least one number")
    return [recipient(name, value) for value in values]


def filled(name: str, value: str) -> str:
    """Return a text. Raises LimitError where nothing is in it."""
    if not value.strip():
        raise LimitError(f"{name}: empty")
    return value


def uuid_text(name: str, value: str) -> str:
    """Return an id. Raises LimitError where it is no UUID."""
    try:
        uuid.UUID(value)
    except ValueError:
        raise LimitError(f"{name}: not a UUID") from None
    return value


def profile(name: str, value: str) -> str:
    """Return the id of a messaging profile, or the empty text that unassigns. Raises LimitError."""
    return uuid_text(name, value) if value else value


def path_part(name: str, value: str) -> str:
    """Return an id as it stands in a path. Raises LimitError for what would make another path of it."""
    if not value.strip() or value in {".", ".."}:
        raise LimitError(f"{name}: not an id")
    return quote(value, safe="", errors="replace")


def moment(name: str, value: datetime, clock: Clock) -> datetime:
    """Return when to send. Raises LimitError outside 5 minutes to 5 days ahead; without a zone it is UTC."""
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    if not SOONEST <= aware - from_clock(clock) <= LATEST:
        raise LimitError(f"{name}: not 5 minutes to 5 days ahead")
    return aware


def page(number_: int | None, size: int | None) -> None:
    """Raise LimitError where Telnyx has no such page."""
    if number_ is not None and number_ < 1:
        raise LimitError("page_number: pages are counted from 1")
    if size is not None and not 1 <= size <= LARGEST_PAGE:
        raise LimitError(f"page_size: 1 to {LARGEST_PAGE}")


def whatsapp_message(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a WhatsApp message. Raises LimitError where its text or a caption is too long, or the text is empty."""
    words = mapping(message, "text").get("body")
    if isinstance(words, str) and not 1 <= len(words.encode("utf-8", "replace")) <= LONGEST_WHATSAPP_TEXT:
        raise LimitError(f"whatsapp_message.text.body: 1 to {LONGEST_WHATSAPP_TEXT} bytes")
    captions = (text(mapping(message, kind), "caption") for kind in _CAPTIONED)
    if any(caption is not None and len(caption) > LONGEST_CAPTION for caption in captions):
        raise LimitError(f"whatsapp_message: a caption has at most {LONGEST_CAPTION} characters")
    return message
