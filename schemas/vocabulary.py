"""The words of the contract. Enums are open: a reader keeps a word that it does not know."""

from enum import StrEnum


class EventType(StrEnum):
    """What an event says happened: the CloudEvents `type`."""

    WEBHOOK_RECEIVED = "messaging.webhook.received"
    DELIVERY_UPDATED = "messaging.delivery.updated"
    REQUEST_UPDATED = "messaging.request.updated"
    MESSAGE_RECEIVED = "messaging.message.received"
    MESSAGE_REPLIED = "messaging.message.replied"
    LINK_CLICKED = "messaging.link.clicked"
    CONSENT_CHANGED = "messaging.consent.changed"
    PROVIDER_NOTIFIED = "messaging.provider.notified"
    WEBHOOK_UNRECOGNIZED = "messaging.webhook.unrecognized"
    STATE_CHANGED = "messaging.state.changed"
    SEND_REQUESTED = "messaging.send.requested"
    SEND_COMPLETED = "messaging.send.completed"


class DeliveryStatus(StrEnum):
    """Where a message to one recipient stands, in rank from the lowest to the highest."""

    UNKNOWN = "unknown"
    QUEUED = "queued"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    SENT = "sent"
    UNCONFIRMED = "unconfirmed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    FAILED = "failed"
    DELIVERED = "delivered"
    READ = "read"

    @property
    def rank(self) -> int:
        """The place in the order that the state of a message never goes back in."""
        return _RANKS[self]


_RANKS = {status: rank for rank, status in enumerate(DeliveryStatus)}


class FailureClass(StrEnum):
    """Why a message failed, as far as it tells what to do next."""

    PERMANENT = "permanent"
    TEMPORARY = "temporary"
    OPT_OUT = "opt_out"
    CONFIGURATION = "configuration"
    UNKNOWN = "unknown"


class RequestStatus(StrEnum):
    """Where a message request stands. COMPLETED says that its messages were made, not that any was delivered."""

    UNKNOWN = "unknown"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    PREPARING = "preparing"
    PAUSED = "paused"
    TRANSMITTING = "transmitting"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Consent(StrEnum):
    """Whether a person may be texted within a scope. UNKNOWN: nothing was said."""

    OPTED_IN = "opted_in"
    OPTED_OUT = "opted_out"
    UNKNOWN = "unknown"


class ConsentSource(StrEnum):
    """How a consent came: by a message of the person, an event or a list of the provider, or by ourselves."""

    MESSAGE = "message"
    PROVIDER = "provider"
    LIST = "list"
    COMPANY = "company"


class Direction(StrEnum):
    """Which way a message went, seen from the account."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Channel(StrEnum):
    """What carried a message."""

    SMS = "sms"
    MMS = "mms"
    RCS = "rcs"
    WHATSAPP = "whatsapp"


class Autoresponse(StrEnum):
    """The family of an opt-out word, where the provider has answered it itself."""

    STOP = "stop"
    START = "start"
    HELP = "help"
    OTHER = "other"


class SendOutcome(StrEnum):
    """What came of a command to send."""

    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"


class SendPurpose(StrEnum):
    """What a command answers that is answered also to a person who opted out."""

    OPT_OUT_CONFIRMATION = "opt_out_confirmation"
    OPT_IN_CONFIRMATION = "opt_in_confirmation"
    HELP = "help"


class Ingress(StrEnum):
    """How a raw webhook came in."""

    PUSH = "push"
    POLL = "poll"
