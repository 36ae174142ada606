"""Every event of the contract, what they are made of, and the words in them, for consumers of other teams.

An enum is open: a field holds a text, which may be a word that this version does not know yet.
"""

from schemas.events import (
    ConsentChanged,
    Cost,
    DeliveryUpdated,
    Event,
    InboundMessage,
    LinkClicked,
    Media,
    MessageReceived,
    MessageReplied,
    ProviderError,
    ProviderNotified,
    RequestUpdated,
    SendCompleted,
    SendRequested,
    StateChanged,
    WebhookUnrecognized,
)
from schemas.json_text import JsonText
from schemas.vocabulary import (
    Autoresponse,
    Channel,
    Consent,
    ConsentSource,
    DeliveryStatus,
    Direction,
    EventType,
    FailureClass,
    RequestStatus,
    SendOutcome,
    SendPurpose,
)

__all__ = [
    "Autoresponse",
    "Channel",
    "Consent",
    "ConsentChanged",
    "ConsentSource",
    "Cost",
    "DeliveryStatus",
    "DeliveryUpdated",
    "Direction",
    "Event",
    "EventType",
    "FailureClass",
    "InboundMessage",
    "JsonText",
    "LinkClicked",
    "Media",
    "MessageReceived",
    "MessageReplied",
    "ProviderError",
    "ProviderNotified",
    "RequestStatus",
    "RequestUpdated",
    "SendCompleted",
    "SendOutcome",
    "SendPurpose",
    "SendRequested",
    "StateChanged",
    "WebhookUnrecognized",
]
