"""What the client of Telnyx takes and gives, for other programs."""

from providers.telnyx.calls import UNSET
from providers.telnyx.client import TelnyxClient
from providers.telnyx.models import (
    BulkUpdate,
    CostBreakdown,
    Features,
    FeatureSet,
    Health,
    Message,
    MessageError,
    MessageMedia,
    MessagingProfile,
    Money,
    NumberSettings,
    OptOut,
    Party,
)

__all__ = [
    "UNSET",
    "BulkUpdate",
    "CostBreakdown",
    "FeatureSet",
    "Features",
    "Health",
    "Message",
    "MessageError",
    "MessageMedia",
    "MessagingProfile",
    "Money",
    "NumberSettings",
    "OptOut",
    "Party",
    "TelnyxClient",
]
