"""The envelope: CloudEvents attributes in record headers; keys, topics and the raw record."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import CodecError
from schemas.envelope import event_to_record, read_envelope, read_event
from schemas.events import (
    ConsentChanged,
    DeliveryUpdated,
    Event,
    LinkClicked,
    MessageReceived,
    ProviderNotified,
    RequestUpdated,
    SendCompleted,
    SendRequested,
    StateChanged,
    WebhookUnrecognized,
)
from schemas.records import Record, StoredRecord
from schemas.times import from_millis
from schemas.topics import CATALOGUE, TOPIC_OF, dead_letter_topic, partition_key
from schemas.vocabulary import DeliveryStatus, EventType
from schemas.webhook import NotAWebhookError, Webhook, webhook_from_record, webhook_to_record
from tests.support.events import events

COMMON: dict[str, Any] = {
    "id": "e1",
    "provider": "telnyx",
    "account": "main",
    "received_at": from_millis(1_767_225_600_123),
}


def stored(record: Record) -> StoredRecord:
    """Return the record as a log gives it back."""
    return StoredRecord(record.topic, 3, 7, record.timestamp, record.key, record.value, record.headers)


def webhook(**changes: Any) -> Webhook:
    """Return a small raw webhook."""
    values: dict[str, Any] = {
        "provider": "telnyx",
        "account": "main",
        "tenant": "acme",
        "method": "POST",
        "target": "/webhooks/main?a=1",
        "headers": (("content-type", "application/json"), ("x-twice", "a"), ("x-twice", "b")),
        "body": b'{"data": 1.10}',
        "received_at": from_millis(1_767_225_600_123),
        "peer": "192.0.2.7",
        "verified_key": "k1",
    }
    return Webhook(**(values | changes))


@given(events, st.none() | st.just("w1"))
def test_a_record_gives_its_event_back(event: Event, webhook_id: str | None) -> None:
    """Every event of every class survives the way through a log."""
    delivered = read_event(stored(event_to_record(event, webhook_id=webhook_id)))
    assert delivered.event == event
    assert delivered.envelope.webhook_id == webhook_id
    assert delivered.envelope.type == event.TYPE


def test_the_attributes_stand_in_the_headers() -> None:
    """Names and forms are the contract of other languages."""
    event = MessageReceived(
        **COMMON, tenant="acme", message_id="m1", occurred_at=from_millis(1_767_225_599_000), from_="+1", to="+2"
    )
    record = event_to_record(event, webhook_id="w1", traceparent="00-a-b-01")
    assert dict(record.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"e1",
        "ce_source": b"/telnyx/main",
        "ce_type": b"messaging.message.received",
        "ce_time": b"2025-12-31T23:59:59.000Z",
        "ce_subject": b"m1",
        "ce_dataschema": b"urn:hookline:schema:messaging.message.received:1",
        "ce_account": b"main",
        "ce_tenant": b"acme",
        "ce_webhookid": b"w1",
        "traceparent": b"00-a-b-01",
        "content-type": b"application/json",
    }
    assert record.timestamp == 1_767_225_600_123


def test_without_an_occurrence_the_time_is_ours() -> None:
    """`ce_time` is never missing."""
    record = event_to_record(ProviderNotified(**COMMON, notice="n"))
    assert dict(record.headers)["ce_time"] == b"2026-01-01T00:00:00.123Z"


@pytest.mark.parametrize(
    ("event", "topic", "key"),
    [
        (DeliveryUpdated(**COMMON, message_id="m1", status="sent", to="+1"), "messaging.delivery.v1", "main|m1"),
        (RequestUpdated(**COMMON, request_id="r1", status="done"), "messaging.delivery.v1", "main|r1"),
        (MessageReceived(**COMMON, message_id="m1", from_="+1", to="+2"), "messaging.inbound.v1", "main|+2|+1"),
        (LinkClicked(**COMMON, message_id="m1"), "messaging.clicks.v1", "main|m1"),
        (ConsentChanged(**COMMON, scope="s", number="+1", consent="out"), "messaging.consent.v1", "main|s|+1"),
        (ProviderNotified(**COMMON, notice="n"), "messaging.notices.v1", "main"),
        (WebhookUnrecognized(**COMMON, reason="r"), "messaging.notices.v1", "main"),
        (StateChanged(**COMMON, message_id="m1", status="sent", to="+1"), "messaging.states.v1", "main|m1|+1"),
        (SendRequested(**COMMON, from_="+2", to="+1", text="t"), "messaging.commands.v1", "main|+2|+1"),
        (
            SendCompleted(**COMMON, command_id="c", outcome="sent", from_="+2", to="+1"),
            "messaging.results.v1",
            "main|+2|+1",
        ),
        (DeliveryUpdated(**COMMON, status="sent"), "messaging.delivery.v1", "main|e1"),
    ],
)
def test_each_event_has_its_topic_and_key(event: Event, topic: str, key: str) -> None:
    """What belongs together shares a key: a message, a conversation, an account."""
    assert TOPIC_OF[event.TYPE].name == topic
    assert partition_key(event) == key.encode()


def test_every_type_has_a_topic_of_the_catalogue() -> None:
    """Nothing can be published to nowhere."""
    assert set(TOPIC_OF) == set(EventType)
    assert set(TOPIC_OF.values()) == set(CATALOGUE)


def test_a_dead_letter_topic_is_named_after_topic_and_group() -> None:
    """An operator finds it by its name."""
    assert (
        dead_letter_topic(TOPIC_OF[EventType.MESSAGE_RECEIVED], "auto-reply").name
        == "messaging.inbound.v1.auto-reply.dlq"
    )


def test_a_record_without_an_id_is_refused() -> None:
    """A foreign record is told apart from an event."""
    with pytest.raises(CodecError, match="ce_id"):
        read_envelope(StoredRecord("t", 0, 0, 0, None, b"{}", ()))


def test_a_type_without_a_class_is_refused() -> None:
    """A reader of an older version says what it met."""
    headers = (("ce_id", b"x"), ("ce_type", b"messaging.of.the.future"))
    with pytest.raises(CodecError, match=r"messaging\.of\.the\.future"):
        read_event(StoredRecord("t", 0, 0, 0, None, b"{}", headers))


def test_the_raw_record_gives_the_webhook_back() -> None:
    """Body, target, repeated headers, peer and key: nothing is lost."""
    raw = webhook()
    assert webhook_from_record(stored(webhook_to_record(raw, raw.id))) == raw


def test_the_raw_records_value_is_the_exact_body() -> None:
    """Bytes, not a reading of them."""
    assert webhook_to_record(webhook(), "w1").value == b'{"data": 1.10}'


def test_header_bytes_that_are_not_text_survive() -> None:
    """A sender's header may hold any byte."""
    raw = webhook(headers=(("x-odd", b"caf\xe9".decode("utf-8", "surrogateescape")),))
    assert dict(webhook_to_record(raw, "w1").headers)["http_x-odd"] == b"caf\xe9"
    assert webhook_from_record(stored(webhook_to_record(raw, "w1"))) == raw


def test_a_header_field_cannot_pose_as_the_method() -> None:
    """A sender's field named `method` is data like any other."""
    raw = webhook(headers=(("method", "GET"), ("target", "/elsewhere")))
    assert webhook_from_record(stored(webhook_to_record(raw, "w1"))) == raw


def test_the_webhook_id_is_of_account_and_content() -> None:
    """A repeat of the same bytes is the same webhook, whatever the headers; another account's is not."""
    assert webhook().id == webhook(headers=(), target="/webhooks/failover", peer=None).id
    assert webhook().id != webhook(account="other").id
    assert webhook().id != webhook(body=b'{"data": 1.1}').id


def test_a_webhook_without_a_body_is_known_by_its_query() -> None:
    """By GET the content stands in the target."""
    assert webhook(body=b"").id != webhook(body=b"", target="/webhooks/main?a=2").id


def test_a_record_without_a_method_is_no_webhook() -> None:
    """Whoever reads the raw topic is told what is missing."""
    with pytest.raises(NotAWebhookError, match="ce_provider"):
        webhook_from_record(StoredRecord("t", 0, 0, 0, None, b"{}", ()))


def test_unknown_is_the_lowest_status_and_read_the_highest() -> None:
    """The order in which a message's state may only rise."""
    ranked = sorted(DeliveryStatus, key=lambda status: status.rank)
    assert ranked[0] is DeliveryStatus.UNKNOWN
    assert ranked[-2:] == [DeliveryStatus.DELIVERED, DeliveryStatus.READ]
