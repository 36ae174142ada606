"""MessageMedia's words and codes for where a message stands, and ours.

Source: README of this folder, "Events"; the words are documented, which code goes with which word is inferred.
"""

import re
from collections.abc import Mapping

from schemas.vocabulary import DeliveryStatus

STATUSES: Mapping[str, DeliveryStatus] = {
    "undefined": DeliveryStatus.UNKNOWN,
    "queued": DeliveryStatus.QUEUED,
    # Stopped for a manual check: it waits, whatever came before.
    "held": DeliveryStatus.QUEUED,
    "scheduled": DeliveryStatus.SCHEDULED,
    "processing": DeliveryStatus.SENDING,
    "processed": DeliveryStatus.SENDING,
    # At the platform's gateway; `submitted` is at the carrier.
    "enroute": DeliveryStatus.SENDING,
    "submitted": DeliveryStatus.SENT,
    "expired": DeliveryStatus.EXPIRED,
    "cancelled": DeliveryStatus.CANCELLED,
    "rejected": DeliveryStatus.REJECTED,
    "failed": DeliveryStatus.FAILED,
    "undeliverable": DeliveryStatus.FAILED,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
}
_CODES: Mapping[DeliveryStatus, str] = {
    DeliveryStatus.SENDING: "101 102",
    DeliveryStatus.QUEUED: "151",
    DeliveryStatus.SENT: "200 210 211 212 213",
    DeliveryStatus.DELIVERED: "220 221",
    DeliveryStatus.EXPIRED: "320 401",
    DeliveryStatus.REJECTED: "301 302 303 304 305 402 403 410 411 412 413 414",
    DeliveryStatus.FAILED: "330 331 332 333 400 405",
}
_BY_CODE: Mapping[str, DeliveryStatus] = {code: status for status, codes in _CODES.items() for code in codes.split()}
FAILED = frozenset({DeliveryStatus.FAILED, DeliveryStatus.REJECTED, DeliveryStatus.EXPIRED})
"""The statuses that get a class of failure."""

FINAL = FAILED | {DeliveryStatus.CANCELLED, DeliveryStatus.DELIVERED, DeliveryStatus.READ}
"""The statuses that no other follows."""

_CODE = re.compile(r"[0-9]{1,6}", re.ASCII)


def is_code(status: str) -> bool:
    """Tell whether a status is a code: one of the provider's own templates puts the code where the word belongs."""
    return _CODE.fullmatch(status.strip()) is not None


def status_of(provider_status: str | None, code: str | None) -> DeliveryStatus:
    """Return our word for MessageMedia's, whatever its case; the code decides where there is no word.

    UNKNOWN for a word that nobody has told us, whatever the code: the word is what the provider says to trust.
    """
    if provider_status is None or is_code(provider_status):
        return _BY_CODE.get((code or "").strip(), DeliveryStatus.UNKNOWN)
    return STATUSES.get(provider_status.strip().lower(), DeliveryStatus.UNKNOWN)
