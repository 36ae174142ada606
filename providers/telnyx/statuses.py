"""Telnyx's words for where a message stands, and ours."""

from collections.abc import Mapping

from schemas.vocabulary import DeliveryStatus

# Source: README, section 4. The last block are names of detail records, where their meaning is clear.
STATUSES: Mapping[str, DeliveryStatus] = {
    "queued": DeliveryStatus.QUEUED,
    "scheduled": DeliveryStatus.SCHEDULED,
    "sending": DeliveryStatus.SENDING,
    "sent": DeliveryStatus.SENT,
    "delivery_unconfirmed": DeliveryStatus.UNCONFIRMED,
    "expired": DeliveryStatus.EXPIRED,
    "cancelled": DeliveryStatus.CANCELLED,
    "sending_failed": DeliveryStatus.FAILED,
    "delivery_failed": DeliveryStatus.FAILED,
    "delivered": DeliveryStatus.DELIVERED,
    "webhook_delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    "dlr_unconfirmed": DeliveryStatus.UNCONFIRMED,
    "dlr_timeout": DeliveryStatus.UNCONFIRMED,
    "gw_reject": DeliveryStatus.REJECTED,
    "failed": DeliveryStatus.FAILED,
}
"""Telnyx's words for where a message stands, in its own spelling, and ours."""

# Where a recipient has no status, the event's name tells as much as it can.
_BY_EVENT: Mapping[str, DeliveryStatus] = {
    "message.sent": DeliveryStatus.SENT,
    "message.read": DeliveryStatus.READ,
}
FAILED = frozenset({DeliveryStatus.FAILED, DeliveryStatus.REJECTED, DeliveryStatus.EXPIRED})
"""The statuses that get a class of failure."""


def status_of(provider_status: str | None, event_type: str | None) -> DeliveryStatus:
    """Return our word for Telnyx's; UNKNOWN for a word that nobody has told us.

    A `message.read` says `read` whatever the recipient's status still says: nobody reads what was not delivered.
    """
    by_event = _BY_EVENT.get(event_type or "", DeliveryStatus.UNKNOWN)
    if provider_status is None or by_event is DeliveryStatus.READ:
        return by_event
    return STATUSES.get(provider_status.strip().lower(), DeliveryStatus.UNKNOWN)
