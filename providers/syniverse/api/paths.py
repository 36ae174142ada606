"""Where things are at Syniverse, below the host. Source: specification, sections 1 and 3."""

SCG = "/scg-external-api/api/v1"
CONTENT = "/scg-attachment/api/v1/messaging/attachments"
ESS = "/ess/v1"

MESSAGES = f"{SCG}/messaging/messages"
"""Also the target of polled messages, by which they are normalized."""

CONSENT_HISTORY = f"{SCG}/consent/contact_address_history"
"""Also the target of polled consent."""

MESSAGE_REQUESTS = f"{SCG}/messaging/message_requests"
ACCESS_TOKENS = f"{SCG}/access_tokens"
