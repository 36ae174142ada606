"""CloudEvents 1.0 in the Kafka binary mode: attributes in record headers, the JSON data in the value.

Source: CloudEvents 1.0.2, Kafka Protocol Binding, section 3.2.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from schemas.codec import CodecError, decode_event, encode_event
from schemas.events import EVENT_CLASSES, Event
from schemas.records import Headers, Record, StoredRecord
from schemas.times import format_time, parse_time, to_millis
from schemas.topics import TOPIC_OF, partition_key, subject_of
from schemas.vocabulary import EventType, Ingress
from schemas.webhook import NotAWebhookError, WebhookReceived, webhook_from_record

JSON_CONTENT_TYPE = b"application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The CloudEvents attributes of one event. `replay_id` is set on what a replay wrote.

    `ingress` is `poll` where we asked the provider for it, None where it was pushed to us, or is an event of our own.
    """

    id: str
    type: str
    source: str
    time: datetime | None
    subject: str | None = None
    account: str | None = None
    tenant: str | None = None
    webhook_id: str | None = None
    traceparent: str | None = None
    replay_id: str | None = None
    ingress: str | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """An event as a consumer gets it: the envelope, the typed event, and the record that held both."""

    envelope: Envelope
    event: Event
    record: StoredRecord


def schema_uri(event_type: EventType) -> str:
    """Return the name of the JSON Schema of that type's data."""
    return f"urn:hookline:schema:{event_type}:1"


def event_to_record(
    event: Event, *, webhook_id: str | None = None, traceparent: str | None = None, ingress: str | None = None
) -> Record:
    """Return the record that carries the event on the topic of its type.

    `ingress` says how its raw record came; the usual way, a push, needs no header.
    """
    return Record(
        topic=TOPIC_OF[event.TYPE].name,
        key=partition_key(event),
        value=encode_event(event),
        headers=_headers(event, webhook_id, traceparent, None if ingress == Ingress.PUSH else ingress),
        timestamp=to_millis(event.received_at),
    )


def read_envelope(record: StoredRecord) -> Envelope:
    """Return the CloudEvents attributes of a record.

    Raises CodecError where the record has no id or no type.
    """
    # Of a name that repeats the first counts. A dozen walks along the headers would cost more than all else here.
    texts = {name: value.decode("utf-8", "replace") for name, value in reversed(record.headers)}
    event_id, kind = texts.get("ce_id"), texts.get("ce_type")
    if not event_id or not kind:
        raise CodecError("no ce_id or no ce_type: not an event of ours")
    return Envelope(
        id=event_id,
        type=kind,
        source=texts.get("ce_source", ""),
        time=parse_time(texts.get("ce_time")),
        subject=texts.get("ce_subject"),
        account=texts.get("ce_account"),
        tenant=texts.get("ce_tenant"),
        webhook_id=texts.get("ce_webhookid"),
        traceparent=texts.get("traceparent"),
        replay_id=texts.get("ce_replayid"),
        ingress=texts.get("ce_ingress"),
    )


def read_event(record: StoredRecord) -> Delivered:
    """Return the typed event that a record holds.

    Raises CodecError where the record holds none, or one of a type that this version does not know.
    """
    envelope = read_envelope(record)
    if envelope.type == EventType.WEBHOOK_RECEIVED:
        return Delivered(envelope, _raw(envelope.id, record), record)
    cls = _class_of(envelope.type)
    if cls is None:
        raise CodecError(f"event type {envelope.type!r} has no class here")
    return Delivered(envelope, decode_event(cls, envelope.id, record.value or b""), record)


def _raw(event_id: str, record: StoredRecord) -> WebhookReceived:
    try:
        webhook = webhook_from_record(record)
    except (NotAWebhookError, OverflowError) as error:
        raise CodecError(f"not a raw webhook: {error}") from error
    return WebhookReceived(
        id=event_id,
        provider=webhook.provider,
        account=webhook.account,
        tenant=webhook.tenant,
        received_at=webhook.received_at,
        webhook=webhook,
    )


def _class_of(kind: str) -> type[Event] | None:
    try:
        return EVENT_CLASSES.get(EventType(kind))
    except ValueError:
        return None


def _headers(event: Event, webhook_id: str | None, traceparent: str | None, ingress: str | None) -> Headers:
    source, names = _of_account(event.TYPE, event.provider, event.account, event.tenant)
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", _bytes(event.id)),
        *source,
        ("ce_time", format_time(event.occurred_at or event.received_at).encode()),
        ("ce_subject", _bytes(subject_of(event))),
        *names,
        *((("ce_webhookid", _bytes(webhook_id)),) if webhook_id is not None else ()),
        *((("ce_ingress", _bytes(ingress)),) if ingress is not None else ()),
        *((("traceparent", _bytes(traceparent)),) if traceparent is not None else ()),
        ("content-type", JSON_CONTENT_TYPE),
    )


@lru_cache(maxsize=1024)
def _of_account(kind: EventType, provider: str, account: str, tenant: str | None) -> tuple[Headers, Headers]:
    """Return what is the same in every event of an account: source and type, then schema and names."""
    tenants = () if tenant is None else (("ce_tenant", _bytes(tenant)),)
    return (
        (("ce_source", _bytes(f"/{provider}/{account}")), ("ce_type", kind.encode())),
        (("ce_dataschema", schema_uri(kind).encode()), ("ce_account", _bytes(account)), *tenants),
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
