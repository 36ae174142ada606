"""The topic catalogue: names, keys, partitions and how long each is kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from schemas.events import (
    ConsentChanged,
    Event,
    InboundMessage,
    RequestUpdated,
    SendCompleted,
    SendRequested,
    StateChanged,
)
from schemas.vocabulary import EventType

DAY_MS = 24 * 60 * 60 * 1000
PARTITIONS = 12
"""Fixed for a major version of a topic: another count would send a key to another partition."""

MAX_MESSAGE_BYTES = 2 * 1024 * 1024
MAX_WEBHOOK_BYTES = 10 * 1024 * 1024
"""A raw record holds a whole body, the files of an MMS among it."""

HEADER_BYTES = 64 * 1024
"""Room beyond the origin's limit where records carry more headers, so that whatever the origin took is taken."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the contract. `retention_ms` is None where compaction alone decides what is kept."""

    name: str
    summary: str
    key: str
    partitions: int = PARTITIONS
    retention_ms: int | None = 30 * DAY_MS
    compacted: bool = False
    max_message_bytes: int = MAX_MESSAGE_BYTES


WEBHOOKS = Topic(
    "messaging.webhooks.v1",
    "every distinct verified webhook, byte for byte",
    "account and webhook id",
    retention_ms=7 * DAY_MS,
    max_message_bytes=MAX_WEBHOOK_BYTES,
)
DELIVERY = Topic(
    "messaging.delivery.v1", "the status of one message to one recipient", "account and message or request id"
)
INBOUND = Topic("messaging.inbound.v1", "what people wrote", "conversation: account, our number, theirs")
CLICKS = Topic("messaging.clicks.v1", "links that were opened", "account and message id")
CONSENT = Topic(
    "messaging.consent.v1",
    "the current consent and how it came",
    "account, scope, their number",
    retention_ms=None,
    compacted=True,
)
NOTICES = Topic("messaging.notices.v1", "account events, echoes, and all that is not understood yet", "account")
STATES = Topic(
    "messaging.states.v1",
    "the merged state of each message",
    "account, message id, recipient",
    retention_ms=90 * DAY_MS,
    compacted=True,
)
COMMANDS = Topic("messaging.commands.v1", "what consumers want sent", "conversation", retention_ms=7 * DAY_MS)
RESULTS = Topic("messaging.results.v1", "what came of it", "conversation")

CATALOGUE: tuple[Topic, ...] = (WEBHOOKS, DELIVERY, INBOUND, CLICKS, CONSENT, NOTICES, STATES, COMMANDS, RESULTS)

TOPIC_OF: Mapping[EventType, Topic] = {
    EventType.WEBHOOK_RECEIVED: WEBHOOKS,
    EventType.DELIVERY_UPDATED: DELIVERY,
    EventType.REQUEST_UPDATED: DELIVERY,
    EventType.MESSAGE_RECEIVED: INBOUND,
    EventType.MESSAGE_REPLIED: INBOUND,
    EventType.LINK_CLICKED: CLICKS,
    EventType.CONSENT_CHANGED: CONSENT,
    EventType.PROVIDER_NOTIFIED: NOTICES,
    EventType.WEBHOOK_UNRECOGNIZED: NOTICES,
    EventType.STATE_CHANGED: STATES,
    EventType.SEND_REQUESTED: COMMANDS,
    EventType.SEND_COMPLETED: RESULTS,
}


def dead_letter_topic(topic: Topic, group: str) -> Topic:
    """Return the topic that takes what the group could not process of `topic`."""
    return Topic(
        f"{topic.name}.{group}.dlq",
        f"what {group} could not process",
        "as the origin",
        topic.partitions,
        30 * DAY_MS,
        max_message_bytes=topic.max_message_bytes + HEADER_BYTES,
    )


def retry_topic(topic: Topic, group: str) -> Topic:
    """Return the topic that keeps what the group will try again later. Its partitions are those of `topic`."""
    return Topic(
        f"{topic.name}.{group}.retry",
        f"what {group} will try again later",
        "as the origin",
        topic.partitions,
        7 * DAY_MS,
        max_message_bytes=topic.max_message_bytes + HEADER_BYTES,
    )


def partition_key(event: Event) -> bytes:
    """Return the key that keeps in order what belongs together: UTF-8, parts joined by `|`."""
    parts = _KEYS.get(TOPIC_OF[event.TYPE].name, _account_and_message)(event)
    return "|".join(part or "" for part in (event.account, *parts)).encode("utf-8", "replace")


def subject_of(event: Event) -> str:
    """Return what the event is about, the CloudEvents `subject`: a message id where there is one."""
    if isinstance(event, RequestUpdated):
        return event.request_id
    if isinstance(event, SendCompleted):
        return event.command_id
    return event.message_id or event.id


def _account_and_message(event: Event) -> tuple[str | None, ...]:
    return (subject_of(event),)


def _conversation(event: Event) -> tuple[str | None, ...]:
    match event:
        case InboundMessage():
            return event.to, event.from_
        case SendRequested() | SendCompleted():
            return event.from_, event.to
        case _:
            return ()


def _consent(event: Event) -> tuple[str | None, ...]:
    return (event.scope, event.number) if isinstance(event, ConsentChanged) else ()


def _state(event: Event) -> tuple[str | None, ...]:
    return (event.message_id, event.to) if isinstance(event, StateChanged) else ()


def _account_alone(_event: Event) -> tuple[str | None, ...]:
    return ()


_KEYS: Mapping[str, Callable[[Event], tuple[str | None, ...]]] = {
    INBOUND.name: _conversation,
    COMMANDS.name: _conversation,
    RESULTS.name: _conversation,
    CONSENT.name: _consent,
    STATES.name: _state,
    NOTICES.name: _account_alone,
}
