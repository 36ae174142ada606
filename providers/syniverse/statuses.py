"""Syniverse's words for where a message or a message request stands, and ours.

Source: README, sections 4.1 and 4.2.
"""

from collections.abc import Mapping

from schemas.vocabulary import DeliveryStatus, RequestStatus

STATUSES: Mapping[str, DeliveryStatus] = {
    "CREATED": DeliveryStatus.QUEUED,
    "PAUSED": DeliveryStatus.QUEUED,
    "QUEUED": DeliveryStatus.QUEUED,
    "SCHEDULED": DeliveryStatus.SCHEDULED,
    "SENT": DeliveryStatus.SENT,
    "EXPIRED": DeliveryStatus.EXPIRED,
    # Both are ends of a message that nobody tried to deliver.
    "DELETED": DeliveryStatus.CANCELLED,
    "TEST": DeliveryStatus.CANCELLED,
    "BAD_REQUEST": DeliveryStatus.REJECTED,
    "FAILED": DeliveryStatus.FAILED,
    "DELIVERED": DeliveryStatus.DELIVERED,
    "READ": DeliveryStatus.READ,
    "CLICKTHRU": DeliveryStatus.READ,
    "CONVERTED": DeliveryStatus.READ,
}
REQUESTS: Mapping[str, RequestStatus] = {
    "SUBMITTED": RequestStatus.SUBMITTED,
    "ACCEPTED": RequestStatus.ACCEPTED,
    "REJECTED": RequestStatus.REJECTED,
    "PREPARING": RequestStatus.PREPARING,
    "PAUSED": RequestStatus.PAUSED,
    "TRANSMITTING": RequestStatus.TRANSMITTING,
    "COMPLETED": RequestStatus.COMPLETED,
    "CANCELED": RequestStatus.CANCELLED,
}
SENT = "SENT"
ENDS = frozenset({"DELIVERED", "FAILED", "EXPIRED", "BAD_REQUEST", "DELETED", "TEST"})
"""States in which a message's way ends. READ and its like come after: their time is not the delivery's."""

CLICKED = "CLICKTHRU"
CONVERTED = "CONVERTED"
INBOUND_STATES = frozenset({"RECEIVED", "PROCESSED"})
"""States of inbound messages: PROCESSED is what we set ourselves."""

FAILURES = frozenset({DeliveryStatus.FAILED, DeliveryStatus.REJECTED, DeliveryStatus.EXPIRED})
"""The statuses that get a class of failure."""


def state_of(word: str | None) -> str | None:
    """Return a state in Syniverse's own spelling, which is capitals."""
    return word.upper() if word is not None else None


def status_of(state: str | None) -> DeliveryStatus:
    """Return our word for a message's state; UNKNOWN for a word that nobody has told us."""
    return STATUSES.get(state_of(state) or "", DeliveryStatus.UNKNOWN)


def request_status_of(state: str | None) -> RequestStatus:
    """Return our word for a message request's state; UNKNOWN for a word that nobody has told us."""
    return REQUESTS.get(state_of(state) or "", RequestStatus.UNKNOWN)
