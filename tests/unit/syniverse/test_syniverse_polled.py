"""Polled REST objects to events, and that push, repeat and poll give one id (P8)."""

from typing import Any

import pytest

from providers.syniverse.api.paths import CONSENT_HISTORY, MESSAGE_REQUESTS, MESSAGES
from schemas.envelope import event_to_record
from schemas.events import (
    ConsentChanged,
    Cost,
    DeliveryUpdated,
    Event,
    MessageReceived,
    RequestUpdated,
    WebhookUnrecognized,
)
from tests.support.syniverse import (
    assert_round_trip,
    envelope,
    events_of,
    example,
    own_body,
    own_value,
    polled_events,
    written,
)


def ids(found: tuple[Event, ...]) -> list[tuple[type[Event], str]]:
    """Return types and ids."""
    return [(type(event), event.id) for event in found]


def rest_message(**changes: Any) -> bytes:
    """Return the REST object of the message that `state_delivered` tells of."""
    fields = own_value("state_delivered")["event"]["fld-val-list"]
    item = {
        "id": fields["message_id"],
        "message_request_id": fields["message_request_id"],
        "direction": "MT",
        "from_address": "66000",
        "to_address": fields["to_address"],
        "state": "DELIVERED",
        "created_date": 1767262800000,
        "last_updated_date": 1767262900000,
        "delivered_date": 1767262850000,
    }
    return written({**item, **changes})


def rest_inbound(name: str, **changes: Any) -> bytes:
    """Return the REST object of an inbound message of our fixtures."""
    fields = own_value(name)["event"]["fld-val-list"]
    item = {
        "id": fields["message_id"],
        "direction": "MO",
        "customer_sender_id": fields["sender_id_id"],
        "from_address": fields["from_address"],
        "to_address": fields["to_address"],
        "body": fields["message_body"],
        "state": "RECEIVED",
        "created_date": 1767262800000,
    }
    return written({**item, **changes})


def history(**changes: Any) -> bytes:
    """Return an entry of the consent history."""
    item = {"msisdn": "15555550142", "sender_id": "s", "source": "CARRIER", "status": "OPTOUT"}
    return written({**item, "timestamp": 1767225600000, **changes})


@pytest.mark.parametrize("name", ["rest_message_delivered", "rest_message_sent", "rest_message_mo_received"])
def test_published_messages(name: str) -> None:
    """Each REST example gives one event that can be stored."""
    (event,) = found = polled_events(example(name))
    assert isinstance(event, MessageReceived if "_mo_" in name else DeliveryUpdated)
    assert_round_trip(found)


@pytest.mark.parametrize("name", ["rest_message_request_completed", "rest_message_request_completed_with_failure"])
def test_published_requests(name: str) -> None:
    """The counts tell what COMPLETED does not."""
    (event,) = found = polled_events(example(name), MESSAGE_REQUESTS)
    assert isinstance(event, RequestUpdated)
    assert event.status == "completed"
    assert event.counts["failed_count"] == (1 if name.endswith("failure") else 0)
    assert_round_trip(found)


def test_a_polled_message_has_what_rest_says() -> None:
    """Type, price, parts and times in milliseconds find their places."""
    (event,) = polled_events(example("rest_message_delivered"))
    assert isinstance(event, DeliveryUpdated)
    assert (event.channel, event.cost, event.parts) == ("sms", Cost(amount="0.024"), 1)
    assert event.completed_at == event.occurred_at
    assert event.sent_at is not None
    assert event.sent_at.isoformat() == "2022-07-01T19:50:00.214000+00:00"


def test_a_retry_has_the_id_of_the_first_delivery() -> None:
    """Attempts differ in nothing else, and the id has no attempt in it."""
    first = events_of(example("event_message_state_change_delivered"))
    again = events_of(example("event_message_state_change_redelivered_attempt_2"))
    assert ids(first) == ids(again)
    assert (first[0].attempt, again[0].attempt) == (1, 2)


@pytest.mark.parametrize("to", ["+15555550142", "15555550142", " +15555550142"])
def test_a_state_by_poll_has_the_id_of_its_push(to: str) -> None:
    """With or without the plus sign."""
    assert ids(polled_events(rest_message(to_address=to))) == ids(events_of(own_body("state_delivered")))


def test_another_state_is_another_event() -> None:
    """Of the same message."""
    assert ids(polled_events(rest_message(state="SENT"))) != ids(events_of(own_body("state_delivered")))


def test_a_number_without_its_plus_in_another_country_has_one_id() -> None:
    """The displayed address stays as it is written; the id does not care."""
    with_plus = polled_events(rest_message(to_address="+61491570156"))
    without = polled_events(rest_message(to_address="61491570156"))
    assert ids(with_plus) == ids(without)


def test_an_inbound_message_by_poll_has_the_id_of_its_push() -> None:
    """And so has what it says of consent."""
    assert ids(polled_events(rest_inbound("inbound_stop"))) == ids(events_of(own_body("inbound_stop")))
    assert len(polled_events(rest_inbound("inbound_stop"))) == 2


def test_a_processed_message_is_still_the_same() -> None:
    """Another poller may have marked it."""
    processed = polled_events(rest_inbound("inbound_stop", state="PROCESSED"))
    assert ids(processed) == ids(events_of(own_body("inbound_stop")))


def test_a_request_by_poll_has_the_id_of_its_push() -> None:
    """Request and state name it."""
    pushed = events_of(own_body("request_accepted"))
    polled = polled_events(written({"id": "ReqAAAAAAAAAAAAAAAAA01", "state": "ACCEPTED"}), MESSAGE_REQUESTS)
    assert ids(pushed) == ids(polled)


def test_a_conversion_by_poll_has_the_id_of_its_push() -> None:
    """Both the state and the notice."""
    pushed, polled = events_of(own_body("state_converted")), polled_events(rest_message(state="CONVERTED"))
    assert ids(pushed) == ids(polled)


def test_a_polled_click_is_a_state_alone() -> None:
    """A poll sees that something was opened, and no tap."""
    (event,) = polled_events(rest_message(state="CLICKTHRU"))
    assert isinstance(event, DeliveryUpdated)
    assert (event.status, event.provider_status) == ("read", "CLICKTHRU")


def test_each_tap_is_an_event() -> None:
    """Labelled links tell of every tap; the message is read once."""
    one, other = events_of(own_body("click_labelled")), events_of(own_body("click_of_another_link"))
    assert one[0].id == other[0].id
    assert one[1].id != other[1].id


def test_taps_without_an_event_id_are_told_apart_by_label() -> None:
    """The second key of the specification."""
    bodies = [
        {name: item for name, item in own_value(each).items() if name != "event-id"}
        for each in ("click_labelled", "click_of_another_link")
    ]
    one, other = (events_of(written(body))[1] for body in bodies)
    again = events_of(written({**bodies[0], "attempt": 2}))[1]
    assert one.id != other.id
    assert one.id == again.id


@pytest.mark.parametrize(
    ("direction", "state", "cls"),
    [("MO", "RECEIVED", MessageReceived), (None, "RECEIVED", MessageReceived), (None, "SENT", DeliveryUpdated)],
)
def test_which_way_a_polled_message_went(direction: str | None, state: str, cls: type[Event]) -> None:
    """Its direction tells, and its state where that is missing."""
    (event,) = polled_events(rest_message(direction=direction, state=state))
    assert isinstance(event, cls)


@pytest.mark.parametrize(
    ("failure_code", "ours"), [("NO_CONSENT", "opt_out"), ("1005", "opt_out"), (1002, "permanent"), (None, "unknown")]
)
def test_failures_by_poll(failure_code: object, ours: str) -> None:
    """A word or a number, as text or not."""
    (event,) = polled_events(rest_message(state="FAILED", failure_code=failure_code))
    assert isinstance(event, DeliveryUpdated)
    assert event.failure_class == ours


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("OPTIN", "opted_in"),
        ("WHITELIST", "opted_in"),
        ("OPTOUT", "opted_out"),
        ("BLACKLIST", "opted_out"),
        ("NONE", "unknown"),
        ("LATER", "unknown"),
    ],
)
def test_consents_of_the_history(status: str, ours: str) -> None:
    """Each is a statement of its own, with Syniverse's word beside ours."""
    (event,) = found = polled_events(history(status=status), CONSENT_HISTORY)
    assert isinstance(event, ConsentChanged)
    assert (event.consent, event.provider_status, event.scope) == (ours, status, "sender:s")
    assert event.number == "+15555550142"
    assert_round_trip(found)


@pytest.mark.parametrize(
    ("source", "ours"), [("MESSAGE", "message"), ("CARRIER", "provider"), ("COMPANY", "company"), (None, "list")]
)
def test_sources_of_the_history(source: str | None, ours: str) -> None:
    """The entry says how it came; without that it came by the list."""
    (event,) = polled_events(history(source=source, keyword="STOP"), CONSENT_HISTORY)
    assert isinstance(event, ConsentChanged)
    assert (event.source, event.keyword) == (ours, "STOP")


def test_an_entry_has_one_id_however_often_it_is_read() -> None:
    """Of scope, number, state and its time; the plus sign and the form of the time do not matter."""
    one = polled_events(history(), CONSENT_HISTORY)
    again = polled_events(history(msisdn="+15555550142", timestamp="2026-01-01T00:00:00.000Z"), CONSENT_HISTORY)
    later = polled_events(history(timestamp=1767225600001), CONSENT_HISTORY)
    assert ids(one) == ids(again)
    assert ids(one) != ids(later)


@pytest.mark.parametrize(
    ("body", "target", "reason"),
    [
        (b'{"state":"SENT"}', MESSAGES, "malformed_event"),
        (b'{"state":"ACCEPTED"}', MESSAGE_REQUESTS, "malformed_event"),
        (b'{"msisdn":"15555550142"}', CONSENT_HISTORY, "malformed_event"),
        (b'{"status":"OPTOUT"}', CONSENT_HISTORY, "malformed_event"),
        (b'{"id":"m"}', "/elsewhere", "unknown_event"),
        (b"[", MESSAGES, "not_json"),
    ],
)
def test_items_that_cannot_be_read(body: bytes, target: str, reason: str) -> None:
    """They are kept like every body."""
    (event,) = polled_events(body, target)
    assert isinstance(event, WebhookUnrecognized)
    assert event.reason == reason


def test_a_query_of_the_target_does_not_matter() -> None:
    """The path alone says what was asked."""
    (event,) = polled_events(rest_message(), f"{MESSAGES}?offset=100")
    assert isinstance(event, DeliveryUpdated)


def test_a_pushed_rest_object_is_no_event() -> None:
    """Which shape a body has is told by how it came: a push with a REST object is not understood."""
    (event,) = events_of(rest_message())
    assert isinstance(event, WebhookUnrecognized)


def test_a_message_without_an_id_of_its_own_has_that_of_its_event() -> None:
    """The envelope's id takes its place, so that a retry is found."""
    one = events_of(written(envelope("mo_message_received", from_address="+15555550142")))
    again = events_of(written({**envelope("mo_message_received", from_address="+15555550142"), "attempt": 2}))
    assert ids(one) == ids(again)


def test_push_poll_and_history_name_one_person_alike() -> None:
    """A consumer that keeps consents by number finds the same number, whichever way and however it was written."""
    fields = {"message_id": "m", "from_address": "447700900123", "message_body": "STOP", "sender_id_id": "s"}
    pushed = events_of(written(envelope("mo_message_received", **fields)))
    item = {"id": "m", "direction": "MO", "from_address": "+447700900123", "body": "STOP", "customer_sender_id": "s"}
    polled = polled_events(written(item))
    entry = written({"msisdn": "447700900123", "sender_id": "s", "status": "OPTOUT", "source": "MESSAGE"})
    history = polled_events(entry, CONSENT_HISTORY)
    assert ids(pushed) == ids(polled)
    consents = [event for event in (*pushed, *polled, *history) if isinstance(event, ConsentChanged)]
    assert [(event.scope, event.number) for event in consents] == [("sender:s", "+447700900123")] * 3
    assert len({event_to_record(event).key for event in consents}) == 1


def test_a_polled_end_without_its_own_date_has_the_last_changes() -> None:
    """REST has a date of delivery alone; a failure has as much of an end."""
    found = polled_events(rest_message(state="FAILED", delivered_date=None))
    event = found[0]
    assert isinstance(event, DeliveryUpdated)
    assert event.completed_at == event.occurred_at is not None


def test_push_and_poll_tell_the_same_of_a_delivery() -> None:
    """The dates of the end, and the sender's own id."""
    pushed = events_of(own_body("state_delivered"))[0]
    polled = polled_events(rest_message(external_message_request_id="order-1"))[0]
    assert isinstance(pushed, DeliveryUpdated)
    assert isinstance(polled, DeliveryUpdated)
    assert pushed.id == polled.id
    assert pushed.external_id == polled.external_id == "order-1"
    assert pushed.completed_at == pushed.occurred_at
    assert polled.completed_at == polled.occurred_at
