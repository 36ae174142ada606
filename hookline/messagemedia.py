"""What the client of MessageMedia takes and gives, for other programs."""

from providers.messagemedia.api.models import (
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
from providers.messagemedia.client import MessageMediaClient

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
