"""The codec: what is written is read, what is unknown is kept, what lies is refused."""

import json
from dataclasses import replace
from random import Random

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


# JSON texts that a reader of values would change, or that could be taken for the end of something.
odd_texts = st.sampled_from(
    [
        b'{ "b" : 1.10,\n"a":123456789012345678901234567890 }',
        b'{"a":1,"a":2}',
        b'{"x":"\\",\\"provider_data\\":","provider_data":{"y":[1.0,{"provider_data":"}"}]}}',
        b'{"a":{"b":1,"provider_data":{"c":1,"provider_data":2}}}',
        b"{}",
        b'[1, "\\u00e9"]',
    ]
)


@given(events, odd_texts)
def test_a_reader_passes_the_providers_object_on_byte_for_byte(event: Event, raw: bytes) -> None:
    """Through one reader or many, no digit, blank or repeated member of it changes."""
    first = encode_event(replace(event, provider_data=JsonText(raw)))
    read = decode_event(type(event), event.id, first)
    assert read.provider_data is not None
    assert read.provider_data.raw == raw
    assert encode_event(read) == first


@given(events)
def test_the_text_of_the_providers_object_is_kept_for_every_event(event: Event) -> None:
    """Where there is one, it is the same bytes."""
    read = decode_event(type(event), event.id, encode_event(event))
    assert (read.provider_data and read.provider_data.raw) == (event.provider_data and event.provider_data.raw)


def test_an_inner_member_of_that_name_is_not_the_providers_object() -> None:
    """Neither in what a newer writer added nor where there is no such member at all."""
    event = replace(decoded(delivery()), extra={"new": {"a": 1, "provider_data": {"b": 2}}})
    assert decode_event(DeliveryUpdated, "id-1", encode_event(event)) == event
    whole = replace(event, provider_data=JsonText(b'{"n":1.10}'))
    found = decode_event(DeliveryUpdated, "id-1", encode_event(whole))
    assert (found.extra, found.provider_data and found.provider_data.raw) == (event.extra, b'{"n":1.10}')


@given(events, st.randoms(use_true_random=False), st.sampled_from([None, 2]))
def test_a_foreign_order_and_foreign_blanks_are_read(event: Event, random: Random, indent: int | None) -> None:
    """What another writer wrote is the same event, by its meaning."""
    members = list(orjson.loads(encode_event(event)).items())
    random.shuffle(members)
    foreign = json.dumps(dict(members), indent=indent).encode()
    assert decode_event(type(event), event.id, foreign) == event


def test_a_providers_object_of_null_is_absent() -> None:
    """As it is for every other member."""
    assert decoded(delivery(provider_data=None)).provider_data is None


def test_from_is_called_from_on_the_wire() -> None:
    """Python's reserved word does not leak into the contract."""
    event = MessageReceived(id="i", provider="telnyx", account="main", received_at=RECEIVED_AT, from_="+13125550001")
    assert orjson.loads(encode_event(event))["from"] == "+13125550001"
