"""The codec: what is written is read, what is unknown is kept, what lies is refused."""

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import CodecError, decode_event, encode_event
from schemas.events import EVENT_CLASSES, DeliveryUpdated, Event, MessageReceived
from schemas.json_text import JsonText
from schemas.times import from_millis
from tests.support.events import events, json_values

RECEIVED_AT = from_millis(1_767_225_600_000)


def delivery(**changes: object) -> dict[str, object]:
    """Return the JSON members of a small delivery update."""
    members: dict[str, object] = {
        "provider": "telnyx",
        "account": "main",
        "received_at": "2026-01-01T00:00:00.000Z",
        "status": "delivered",
    }
    return members | changes


def decoded(members: dict[str, object]) -> DeliveryUpdated:
    """Return the delivery update that the members are."""
    return decode_event(DeliveryUpdated, "id-1", orjson.dumps(members))


@given(events)
def test_decode_of_encode_is_the_same(event: Event) -> None:
    """Nothing is lost or changed on the way through JSON."""
    assert decode_event(type(event), event.id, encode_event(event)) == event


@given(events)
def test_encode_of_decode_is_the_same_bytes(event: Event) -> None:
    """A reader that passes an event on writes what it read."""
    once = encode_event(event)
    assert encode_event(decode_event(type(event), event.id, once)) == once


def test_an_unknown_member_is_kept() -> None:
    """A newer writer's field survives an older reader."""
    event = decoded(delivery(new_field={"nested": [1, 2]}))
    assert event.extra == {"new_field": {"nested": [1, 2]}}
    assert orjson.loads(encode_event(event))["new_field"] == {"nested": [1, 2]}


def test_an_unknown_word_is_kept() -> None:
    """Enums are open."""
    assert decoded(delivery(status="beamed_up")).status == "beamed_up"


def test_a_field_cannot_be_forged_by_an_unknown_member() -> None:
    """`extra` never overwrites a field of ours."""
    event = replace(decoded(delivery()), extra={"status": "read"})
    assert orjson.loads(encode_event(event))["status"] == "delivered"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"status": 7}, "status"),
        ({"status": None}, "without 'status'"),
        ({"received_at": "yesterday"}, "received_at"),
        ({"errors": "none"}, "errors"),
        ({"errors": [{"code": 40001}]}, "code"),
        ({"cost": {"currency": "USD"}}, "without 'amount'"),
        ({"parts": True}, "parts"),
    ],
)
def test_a_known_member_of_another_type_is_refused(change: dict[str, object], complaint: str) -> None:
    """What would lie to a reader is an error that names the member."""
    with pytest.raises(CodecError, match=complaint):
        decoded(delivery(**change))


@given(st.sampled_from(list(EVENT_CLASSES.values())), st.binary(max_size=60))
def test_no_bytes_raise_anything_else(cls: type[Event], data: bytes) -> None:
    """Whatever lies in a topic, a reader meets one kind of error."""
    with pytest.raises(CodecError):
        decode_event(cls, "id-1", data)


@given(st.sampled_from(list(EVENT_CLASSES.values())), st.dictionaries(st.text(max_size=12), json_values))
def test_no_object_raises_anything_else(cls: type[Event], members: dict[str, object]) -> None:
    """A JSON object of any shape is an event or a CodecError."""
    data = orjson.dumps(delivery(request_id="r", scope="s", number="n", consent="c", notice="n", reason="r") | members)
    try:
        outcome: object = decode_event(cls, "id-1", data)
    except CodecError as error:
        outcome = error
    assert isinstance(outcome, Event | CodecError)


def test_what_is_absent_is_left_out() -> None:
    """No nulls and no empty lists on the wire."""
    event = MessageReceived(id="i", provider="telnyx", account="main", received_at=RECEIVED_AT)
    assert orjson.loads(encode_event(event)) == {
        "provider": "telnyx",
        "account": "main",
        "received_at": "2026-01-01T00:00:00.000Z",
    }


def test_the_providers_object_goes_along_verbatim() -> None:
    """Numbers keep their digits, members their order and blanks."""
    raw = b'{ "b": 1.10, "a": 123456789012345678901234567890 }'
    event = MessageReceived(
        id="i", provider="telnyx", account="main", received_at=RECEIVED_AT, provider_data=JsonText(raw)
    )
    assert b'"provider_data":' + raw in encode_event(event)


def test_from_is_called_from_on_the_wire() -> None:
    """Python's reserved word does not leak into the contract."""
    event = MessageReceived(id="i", provider="telnyx", account="main", received_at=RECEIVED_AT, from_="+13125550001")
    assert orjson.loads(encode_event(event))["from"] == "+13125550001"
