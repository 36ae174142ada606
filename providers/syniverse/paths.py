"""Where things are at Syniverse, below the host. Source: specification, sections 1 and 3."""

SCG = "/scg-external-api/api/v1"
CONTENT = "/scg-attachment/api/v1/messaging/attachments"
ESS = "/ess/v1"

MESSAGES = f"{SCG}/messaging/messages"
MESSAGE_REQUESTS = f"{SCG}/messaging/message_requests"
CONSENT_STATUSES = f"{SCG}/consent/contact_address_statuses"
CONSENT_HISTORY = f"{SCG}/consent/contact_address_history"
"""Also the targets of polled records, by which they are normalized: messages, and the history of consent."""
