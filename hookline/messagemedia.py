"""What the client of MessageMedia takes and gives, for other programs."""

from providers.messagemedia.client import MessageMediaClient
from providers.messagemedia.models import (
    Attachment,
    Authorisation,
    Credits,
    DeliveryReport,
    Message,
    MessageWebhook,
    NewMessage,
    Reply,
    SignatureKey,
    VendorAccount,
)

__all__ = [
    "Attachment",
    "Authorisation",
    "Credits",
    "DeliveryReport",
    "Message",
    "MessageMediaClient",
    "MessageWebhook",
    "NewMessage",
    "Reply",
    "SignatureKey",
    "VendorAccount",
]
