"""What Syniverse documents as refused, found before a call. Source: specification, sections 2.16, 2.18, 3.1."""

import re
from datetime import UTC, datetime, timedelta

from providers.rest.errors import LimitError
from providers.syniverse.api.models import Message, MessageRequest
from providers.syniverse.api.records import Record

LONGEST_EXTERNAL_ID = 1500
MOST_IN_A_GROUP = 10
LONGEST_PAUSE = timedelta(hours=24)
SHORTEST_VALIDITY = 900
LONGEST_VALIDITY = 9_999_999_999_999_999_999

# sender_id:, channel:, contact:, group:, voice:, fb:, we:, psh:, wa:, and what may come: passed on untouched.
_PREFIXED = re.compile(r"[A-Za-z][A-Za-z0-9_]*:.+", re.ASCII | re.DOTALL)
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{3,15}", re.ASCII)
_AMERICAN = re.compile(r"\+?1[0-9]{10}|[0-9]{10}", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9._~:@=-]+", re.ASCII)


def prefixed(address: str) -> bool:
    """Tell whether an address says what it is by a prefix."""
    return _PREFIXED.fullmatch(address) is not None


def check(item: Record, now: float) -> None:
    """Raise LimitError for what would be refused anyway; `now` is in Unix seconds. Other resources pass."""
    if isinstance(item, Message | MessageRequest):
        _check_sending(item, datetime.fromtimestamp(now, UTC))


def check_recipient(address: str) -> None:
    """Raise LimitError for a recipient that is neither prefixed nor a number: E.164, or bare digits."""
    if not prefixed(address) and not _NUMBER.fullmatch(address):
        raise LimitError("a recipient is +E.164, bare digits, or has a prefix such as contact: or group:")


def check_sender(address: str) -> None:
    """Raise LimitError for a sender that is no id, has no prefix, and is no number."""
    if address.startswith("+") and not _NUMBER.fullmatch(address):
        raise LimitError("a sender is sender_id:ID, channel:ID or an id")
    if not prefixed(address) and not _ID.fullmatch(address.removeprefix("+")):
        raise LimitError("a sender is sender_id:ID, channel:ID or an id")


def check_validity(seconds: int) -> None:
    """Raise LimitError for a life of a token that Syniverse refuses: 0 (for ever), or 900 seconds and more."""
    if seconds != 0 and not SHORTEST_VALIDITY <= seconds <= LONGEST_VALIDITY:
        raise LimitError(f"the validity of a token is 0 or {SHORTEST_VALIDITY} to {LONGEST_VALIDITY} seconds")


def check_page(offset: int, limit: int | None) -> None:
    """Raise LimitError for a place before the first item, or a page of none."""
    if offset < 0 or (limit is not None and limit < 1):
        raise LimitError("offset is 0 or more, limit 1 or more")


def _check_sending(item: Message | MessageRequest, now: datetime) -> None:
    recipients = item.to if isinstance(item, MessageRequest) else filter(None, (item.to,))
    for address in recipients:
        check_recipient(address)
    if item.from_ is not None:
        check_sender(item.from_)
    if item.external_id is not None and len(item.external_id) > LONGEST_EXTERNAL_ID:
        raise LimitError(f"external_id has at most {LONGEST_EXTERNAL_ID} characters")
    if item.attachments and item.media_urls:
        raise LimitError("a message has attachments or media_urls, not both")
    _check_pause(item, now)
    if isinstance(item, MessageRequest) and item.group_mms:
        _check_group(item.to)


def _check_pause(item: Message | MessageRequest, now: datetime) -> None:
    begin = max(now, (item.scheduled_delivery_time or now).astimezone(UTC))
    if item.pause_expiry_time is not None and item.pause_expiry_time.astimezone(UTC) > begin + LONGEST_PAUSE:
        raise LimitError("pause_expiry_time is at most 24 hours ahead")


def _check_group(recipients: tuple[str, ...]) -> None:
    if len(recipients) > MOST_IN_A_GROUP:
        raise LimitError(f"a group MMS has at most {MOST_IN_A_GROUP} recipients")
    if any(not prefixed(address) and not _AMERICAN.fullmatch(address) for address in recipients):
        raise LimitError("a group MMS goes to numbers of the United States alone")
