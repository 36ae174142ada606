"""The table of SCG's resources: where each is, what it holds, which of the six operations it has.

Source: specification, section 3. Messages and message requests have no update in the Swagger; the SDKs' documentation
has one for `state`, so it is offered. Classes and types of sender ids are in the SDKs alone.
"""

from providers.syniverse.api.filters import (
    AccessTokenFilters,
    AttachmentFilters,
    ChannelFilters,
    ConsentFilters,
    ConsentHistoryFilters,
    ContactFilters,
    ContactGroupFilters,
    Filters,
    KeywordFilters,
    MessageFilters,
    MessageRequestFilters,
    SenderIdFilters,
    TemplateFilters,
)
from providers.syniverse.api.models import (
    AccessToken,
    Attachment,
    Channel,
    Keyword,
    Message,
    MessageRequest,
    MessageTemplate,
    SenderId,
    SenderIdWord,
)
from providers.syniverse.api.paths import ACCESS_TOKENS, CONSENT_HISTORY, MESSAGE_REQUESTS, MESSAGES, SCG
from providers.syniverse.api.people import ConsentEntry, ConsentStatus, Contact, ContactGroup
from providers.syniverse.api.resource import Kind

_ALL = frozenset({"create", "get", "update", "replace", "list", "delete"})
_NO_PUT = _ALL - {"replace"}
_NO_CHANGE = _NO_PUT - {"update"}
_READ = frozenset({"get", "list"})
_LIST = frozenset({"list"})

CONTACTS = Kind("contacts", f"{SCG}/contacts", Contact, ContactFilters, _ALL)
GROUPS = Kind("contact_groups", f"{SCG}/contact_groups", ContactGroup, ContactGroupFilters, _ALL)
GROUP_MEMBERS = Kind(
    "contact_group_members", f"{SCG}/contact_groups/{{owner_id}}/contacts", Contact, ContactFilters, frozenset()
)
REQUESTS = Kind("message_requests", MESSAGE_REQUESTS, MessageRequest, MessageRequestFilters, _NO_PUT)
MESSAGE = Kind("messages", MESSAGES, Message, MessageFilters, _NO_PUT)
SENDERS = Kind("sender_ids", f"{SCG}/messaging/sender_ids", SenderId, SenderIdFilters, _NO_PUT)
CLASSES = Kind("sender_id_classes", f"{SCG}/messaging/sender_id_classes", SenderIdWord, Filters, _READ)
TYPES = Kind("sender_id_types", f"{SCG}/messaging/sender_id_types", SenderIdWord, Filters, _READ)
CHANNELS = Kind("channels", f"{SCG}/messaging/channels", Channel, ChannelFilters, _ALL)
CHANNEL_SENDERS = Kind(
    "channel_sender_ids", f"{SCG}/messaging/channels/{{owner_id}}/sender_ids", SenderId, SenderIdFilters, frozenset()
)
TEMPLATES = Kind("templates", f"{SCG}/messaging/message_templates", MessageTemplate, TemplateFilters, _ALL)
KEYWORDS = Kind("keywords", f"{SCG}/messaging/keywords", Keyword, KeywordFilters, _ALL)
ATTACHMENTS = Kind("attachments", f"{SCG}/messaging/attachments", Attachment, AttachmentFilters, _NO_PUT)
TOKENS = Kind("access_tokens", ACCESS_TOKENS, AccessToken, AccessTokenFilters, _NO_CHANGE)
CONSENT = Kind("consent", f"{SCG}/consent/contact_address_statuses", ConsentStatus, ConsentFilters, _NO_PUT)
HISTORY = Kind("consent_history", CONSENT_HISTORY, ConsentEntry, ConsentHistoryFilters, _LIST)
