"""Bodies that are no events: each is kept with its reason, none is refused or lost."""

import pytest

from providers.fields import LONGEST_LIST
from schemas.events import DeliveryUpdated, MessageReceived, ProviderNotified, WebhookUnrecognized
from tests.support.syniverse import assert_round_trip, envelope, events_of, written

GOOD = written(envelope(message_id="m", new_state="SENT"))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"not json", "not_json"),
        (b'{"topic":', "not_json"),
        (b'{"topic": NaN}', "not_json"),
        (b"\xff\xfe{}", "not_json"),
        (b"<event><topic>SCG-Message</topic></event>", "xml"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><event/>", "xml"),
        (b"7", "not_an_object"),
        (b"null", "not_an_object"),
        (b"[]", "empty_list"),
        (b"[1", "not_json"),
        (b'[1], "list": [2]', "not_json"),
        (b"[" * 5000, "too_deep"),
        (b'{"a":' * 400 + b"1" + b"}" * 400, "too_deep"),
        (b'{"topic":"a","topic":"b"}', "repeated_keys"),
        (b'{"topic":"SCG-Message","event":{"fld-val-list":{"message_id":"1","message_id":"2"}}}', "repeated_keys"),
        (b"{}", "unknown_event"),
        (b'{"hello":"world"}', "unknown_event"),
        (b'{"topic":"SCG-Message"}', "unknown_event"),
        (b'{"message_id":"m"}', "unknown_event"),
        (b'{"topic":"SCG-Message","event":{"evt-tp":"message_state_change"}}', "malformed_event"),
        (b'{"event":{"evt-tp":"message_state_change","fld-val-list":{}}}', "malformed_event"),
        (b'{"event":{"evt-tp":"mo_message_received","fld-val-list":[]}}', "malformed_event"),
        (b'{"event":{"evt-tp":"message_request_state_change","fld-val-list":{"new_state":"X"}}}', "malformed_event"),
    ],
)
def test_unreadable_body(body: bytes, reason: str) -> None:
    """One event tells in a word why."""
    found = events_of(body)
    assert_round_trip(found)
    (event,) = found
    assert isinstance(event, WebhookUnrecognized)
    assert event.reason == reason


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\n\xef\xbb\xbf \n"])
@pytest.mark.parametrize("body", [GOOD, b"[" + GOOD + b"]"])
def test_a_byte_order_mark_before_the_body_is_ignored(before: bytes, body: bytes) -> None:
    """Some writers put one there: the event is the same, and has the same id."""
    assert [type(event) for event in events_of(before + body)] == [DeliveryUpdated]
    assert events_of(before + body)[0].id == events_of(body)[0].id


def test_what_cannot_be_read_has_the_id_of_the_envelope() -> None:
    """So that its repeats are found."""
    (event,) = events_of(b'{"event-id":"theirs","topic":"SCG-Message","event":{"evt-tp":"message_state_change"}}')
    assert isinstance(event, WebhookUnrecognized)
    assert (event.provider_event_id, event.notice) == ("theirs", "SCG-Message/message_state_change")


def test_a_broken_item_spoils_no_other() -> None:
    """Each item of a list is read by itself."""
    found = events_of(b"[" + GOOD + b', 7, {"a":1,"a":2}, {"x":NaN}]')
    reasons = [event.reason for event in found if isinstance(event, WebhookUnrecognized)]
    assert isinstance(found[0], DeliveryUpdated)
    assert reasons == ["not_an_object", "repeated_keys", "not_json"]


def test_a_list_as_long_as_the_bound() -> None:
    """Each item gives its event."""
    items = [envelope(message_id=f"m{n}", new_state="SENT") for n in range(LONGEST_LIST)]
    assert len(events_of(written(items))) == LONGEST_LIST


def test_a_longer_list_is_one_event() -> None:
    """It is kept whole in the raw record and makes no flood."""
    (event,) = events_of(written([{}] * (LONGEST_LIST + 1)))
    assert isinstance(event, WebhookUnrecognized)
    assert event.reason == "too_many_events"


@pytest.mark.parametrize("topic", [None, "SCG-Message", "scg-message"])
def test_the_topic_may_be_missing_or_in_small_letters(topic: str | None) -> None:
    """The event's type tells enough."""
    (event,) = events_of(written({**envelope(message_id="m", new_state="SENT"), "topic": topic}))
    assert isinstance(event, DeliveryUpdated)


def test_a_known_type_under_another_topic_is_a_notice() -> None:
    """The type is that topic's own."""
    (event,) = events_of(written({**envelope(message_id="m", new_state="SENT"), "topic": "Other"}))
    assert isinstance(event, ProviderNotified)
    assert event.notice == "Other/message_state_change"


def test_a_type_without_a_topic_is_a_notice() -> None:
    """Its own name is all that there is."""
    (event,) = events_of(written({"event": {"evt-tp": "call_state_change", "fld-val-list": {}}}))
    assert isinstance(event, ProviderNotified)
    assert event.notice == "call_state_change"


def test_an_event_without_a_type_is_known_by_its_fields() -> None:
    """A state and a message make a state change, a text and a message an inbound one."""
    (state,) = events_of(written(envelope(None, message_id="m", new_state="SENT")))
    (inbound,) = events_of(written(envelope(None, message_id="m", message_body="hi")))
    assert (type(state), type(inbound)) == (DeliveryUpdated, MessageReceived)


def test_fields_may_stand_in_the_event_itself() -> None:
    """Without a map of their own."""
    event = {"evt-tp": "mo_message_received", "message_id": "m", "message_body": "hi", "from_address": "+1"}
    (found,) = events_of(written({"topic": "SCG-Message", "event": event}))
    assert isinstance(found, MessageReceived)
    assert (found.message_id, found.text) == ("m", "hi")


def test_half_an_emoji_costs_no_message() -> None:
    """A text that was cut within a surrogate pair is mended."""
    body = written(envelope("mo_message_received", message_id="m", message_body="@")).replace(b"@", rb"hi \ud83d")
    (event,) = events_of(body)
    assert isinstance(event, MessageReceived)
    assert event.text == "hi \ufffd"


def test_a_very_long_number_costs_no_event() -> None:
    """It is kept as it is written and counts for nothing."""
    body = written(envelope(message_id="m", new_state="SENT", fragments_count="@")).replace(b'"@"', b"9" * 100)
    (event,) = events_of(body)
    assert isinstance(event, DeliveryUpdated)
    assert event.parts is None
