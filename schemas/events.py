"""The typed events of the contract: frozen values, one class for each `ce_type`.

A field that a provider does not give is None or empty and is left out of the JSON. `extra` keeps what a newer
writer added, so that passing an event on loses nothing. The JSON name of a field is its own name, save where
Python reserves that word (`from_` is `from`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from schemas.json_text import JsonText
from schemas.vocabulary import EventType


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Money that a provider asks: `amount` is a decimal number as text."""

    amount: str
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A reference to a file, never the file: a URL, or a pointer into the raw record (RFC 6901)."""

    url: str | None = None
    content_type: str | None = None
    size: int | None = None
    hash: str | None = None
    name: str | None = None
    pointer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderError:
    """An error as the provider words it; `code` is the provider's own."""

    code: str | None = None
    title: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event has. `id` travels as `ce_id`, all else as JSON.

    `message_id` is the provider's; `occurred_at` is the provider's clock, `received_at` ours; `attempt` counts
    the provider's deliveries from 1. `provider_event_id` is the provider's own id of what happened, where it has
    one. `provider_data` is the provider's own object, verbatim.
    """

    TYPE: ClassVar[EventType]

    id: str
    provider: str
    account: str
    tenant: str | None = None
    message_id: str | None = None
    occurred_at: datetime | None = None
    received_at: datetime
    attempt: int | None = None
    provider_event_id: str | None = None
    provider_data: JsonText | None = None
    extra: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryUpdated(Event):
    """One message to one recipient changed its status.

    `status` is a word of DeliveryStatus, or one that this version does not know; `provider_status` is the
    provider's own. `failure_class` is a word of FailureClass, there for failures only. `to` is the recipient.
    `request_id` names the message request that made the message, where the provider has such (Syniverse), and
    `external_id` is the id that the sender gave that request.
    """

    TYPE = EventType.DELIVERY_UPDATED

    status: str
    provider_status: str | None = None
    failure_class: str | None = None
    errors: tuple[ProviderError, ...] = ()
    from_: str | None = None
    to: str | None = None
    channel: str | None = None
    direction: str | None = None
    group_id: str | None = None
    request_id: str | None = None
    external_id: str | None = None
    sent_at: datetime | None = None
    completed_at: datetime | None = None
    valid_until: datetime | None = None
    cost: Cost | None = None
    parts: int | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestUpdated(Event):
    """A message request, which stands for many messages, changed its state (Syniverse).

    `status` is a word of RequestStatus, `external_id` the id that the sender gave the request.
    """

    TYPE = EventType.REQUEST_UPDATED

    request_id: str
    status: str
    provider_status: str | None = None
    external_id: str | None = None
    counts: Mapping[str, object] = field(default_factory=dict[str, object])
    errors: tuple[ProviderError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage(Event):
    """What a person wrote to one of the account's numbers.

    `from_` is the person, `to` the account's own number. `autoresponse` is a word of Autoresponse where the
    provider has answered this message itself, or answers it by its own rules; None everywhere else.
    `related_message_id` names the message that this one edits, revokes or answers, where the provider says so.
    `sender_id` is the provider's own id of our number, for providers that send by that id and not by the number.
    """

    from_: str | None = None
    to: str | None = None
    cc: tuple[str, ...] = ()
    text: str | None = None
    subject: str | None = None
    media: tuple[Media, ...] = ()
    channel: str | None = None
    direction: str | None = None
    encoding: str | None = None
    parts: int | None = None
    cost: Cost | None = None
    tags: tuple[str, ...] = ()
    autoresponse: str | None = None
    content_type: str | None = None
    related_message_id: str | None = None
    sender_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived(InboundMessage):
    """A message that answers none that the provider knows of."""

    TYPE = EventType.MESSAGE_RECEIVED


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReplied(InboundMessage):
    """A message that answers `related_message_id`."""

    TYPE = EventType.MESSAGE_REPLIED


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkClicked(Event):
    """A shortened link was opened. `to` is the recipient of the message that held it."""

    TYPE = EventType.LINK_CLICKED

    url: str | None = None
    to: str | None = None
    label: str | None = None
    clicked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentChanged(Event):
    """The current consent of a person within a scope of the provider, and how it came.

    `scope` is what the consent holds for: `profile:ID`, `sender:ID`, or `account`. `consent` is a word of Consent,
    `provider_status` the provider's own. `source` says how it came, a word of ConsentSource.
    """

    TYPE = EventType.CONSENT_CHANGED

    scope: str
    number: str
    consent: str
    provider_status: str | None = None
    source: str | None = None
    keyword: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderNotified(Event):
    """The provider says something about the account, a number, a campaign, or echoes a foreign message.

    `notice` is the provider's own name of it; `kind` its kind within that name.
    """

    TYPE = EventType.PROVIDER_NOTIFIED

    notice: str
    kind: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookUnrecognized(Event):
    """A verified webhook that this version does not understand; its bytes are in the raw topic.

    `reason` says in one word what failed, `notice` is the event's name where one could be read.
    """

    TYPE = EventType.WEBHOOK_UNRECOGNIZED

    reason: str
    notice: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged(Event):
    """The merged state of one message to one recipient; without `to` it counts for every recipient of the message.

    Of several records of a key the last one holds, and no state goes back. `status_event_id` is the event that made
    the state, `occurred_at` its time; `provider_status` and `failure_class` are its own. `rank` is the place of the
    status in the order that decides, `final` says that the provider has nothing more to tell, `first_at` is when we
    heard of the message first. `status_message_id` is the message whose news it is, where `message_id` is a message
    request (Syniverse).
    """

    TYPE = EventType.STATE_CHANGED

    status: str
    to: str | None = None
    status_event_id: str | None = None
    provider_status: str | None = None
    failure_class: str | None = None
    rank: int | None = None
    final: bool | None = None
    first_at: datetime | None = None
    status_message_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequested(Event):
    """A consumer wants a text sent. `id` is the command's id and the provider's idempotency key.

    `from_` is our number; without it the provider chooses one. `sender_id` is the provider's own id of that number,
    where the inbound message named it. `in_reply_to` is the provider's id of the inbound message, `cause` the id of
    the event that led to it, `cause_at` when that happened. `purpose` is a word of SendPurpose where the text may be
    owed to a person who has opted out; None everywhere else.
    The first call that may send it begins before `expires_at`, or none does. A call whose end is not known may be
    repeated after that, under the same id: only so it is learnt what came of it.
    """

    TYPE = EventType.SEND_REQUESTED

    from_: str | None = None
    to: str
    text: str
    sender_id: str | None = None
    in_reply_to: str | None = None
    cause: str | None = None
    cause_at: datetime | None = None
    rule: str | None = None
    purpose: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendCompleted(Event):
    """What came of a command: `outcome` is a word of SendOutcome, `message_id` the provider's, if it gave one."""

    TYPE = EventType.SEND_COMPLETED

    command_id: str
    outcome: str
    from_: str | None = None
    to: str | None = None
    in_reply_to: str | None = None
    reason: str | None = None
    failure_class: str | None = None
    errors: tuple[ProviderError, ...] = ()


EVENT_CLASSES: Mapping[EventType, type[Event]] = {
    cls.TYPE: cls
    for cls in (
        DeliveryUpdated,
        RequestUpdated,
        MessageReceived,
        MessageReplied,
        LinkClicked,
        ConsentChanged,
        ProviderNotified,
        WebhookUnrecognized,
        StateChanged,
        SendRequested,
        SendCompleted,
    )
}
