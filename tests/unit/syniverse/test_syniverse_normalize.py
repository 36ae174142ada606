"""Event Manager's events to common ones: every published example, and shapes of our own."""

from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

from providers.syniverse.consent import answers
from schemas.events import (
    ConsentChanged,
    Cost,
    DeliveryUpdated,
    Event,
    LinkClicked,
    Media,
    MessageReceived,
    ProviderError,
    ProviderNotified,
    RequestUpdated,
)
from tests.support.syniverse import (
    assert_round_trip,
    envelope,
    events_of,
    example,
    own_body,
    own_names,
    own_value,
    written,
)

E = TypeVar("E", bound=Event)
EXAMPLE_EVENTS: dict[str, tuple[type[Event], ...]] = {
    "event_message_request_state_change_completed": (RequestUpdated,),
    "event_message_state_change_bad_request": (DeliveryUpdated,),
    "event_message_state_change_clickthru": (DeliveryUpdated, LinkClicked),
    "event_message_state_change_delivered": (DeliveryUpdated,),
    "event_message_state_change_event_id_underscore": (DeliveryUpdated,),
    "event_message_state_change_expired": (DeliveryUpdated,),
    "event_message_state_change_external_id": (DeliveryUpdated,),
    "event_message_state_change_failed": (DeliveryUpdated,),
    "event_message_state_change_failed_no_consent": (DeliveryUpdated,),
    "event_message_state_change_redelivered_attempt_2": (DeliveryUpdated,),
    "event_message_state_change_sent_from_queued": (DeliveryUpdated,),
    "event_mo_attempt_as_string": (MessageReceived,),
    "event_mo_mms": (MessageReceived,),
    "event_mo_rcs_postback": (MessageReceived,),
    "event_mo_sms": (MessageReceived,),
    "event_mo_stop": (MessageReceived, ConsentChanged),
    "event_voice_call_state_change": (ProviderNotified,),
    "observed_mo_fields_flat": (MessageReceived,),
}
OWN_EVENTS: dict[str, tuple[type[Event], ...]] = {
    "state_": (DeliveryUpdated,),
    "state_converted": (DeliveryUpdated, ProviderNotified),
    "state_processed_of_inbound": (ProviderNotified,),
    "click_": (DeliveryUpdated, LinkClicked),
    "inbound_": (MessageReceived,),
    "inbound_start": (MessageReceived, ConsentChanged),
    "inbound_stop": (MessageReceived, ConsentChanged),
    "request_": (RequestUpdated,),
    "list_of_three": (DeliveryUpdated, MessageReceived),
    "flat_state": (DeliveryUpdated,),
    "event_at_top": (DeliveryUpdated,),
    "voice_": (ProviderNotified,),
    "media_": (ProviderNotified,),
    "unknown_type_of_messages": (ProviderNotified,),
}


def one(found: tuple[Event, ...], cls: type[E]) -> E:
    """Return the one event of a class."""
    (event,) = [event for event in found if isinstance(event, cls)]
    return event


def delivery(**fields: Any) -> DeliveryUpdated:
    """Return the delivery update of a state change with those fields."""
    return one(events_of(written(envelope(**{"message_id": "m", "new_state": "SENT", **fields}))), DeliveryUpdated)


def inbound(**fields: Any) -> MessageReceived:
    """Return the message of an inbound event with those fields."""
    given = {"message_id": "m", "from_address": "+15555550142", **fields}
    return one(events_of(written(envelope("mo_message_received", **given))), MessageReceived)


@pytest.mark.parametrize("name", EXAMPLE_EVENTS)
def test_published_example(name: str) -> None:
    """Each example gives the events that the specification's table says, and they can be stored."""
    found = events_of(example(name))
    assert tuple(map(type, found)) == EXAMPLE_EVENTS[name]
    assert_round_trip(found)


@pytest.mark.parametrize("name", own_names())
def test_own_fixture(name: str) -> None:
    """Each of our shapes gives the events that the start of its name promises."""
    expected = OWN_EVENTS[max((start for start in OWN_EVENTS if name.startswith(start)), key=len)]
    found = events_of(own_body(name))
    assert tuple(map(type, found)) == expected
    assert_round_trip(found)


def test_an_event_of_another_service_is_a_notice() -> None:
    """The captured request of number information is kept under its topic and type."""
    import orjson

    captured = orjson.loads(example("http_capture_nis_deactivation"))
    event = one(events_of(written(captured["body"])), ProviderNotified)
    assert event.notice == "NIS-Events/deactivation_event"
    assert event.provider_event_id == "d0qgWF8ERLGn_7JJOGhqNQ"


def test_a_delivery_has_what_the_event_says() -> None:
    """Every field of a delivered message finds its place."""
    event = one(events_of(own_body("state_delivered")), DeliveryUpdated)
    assert (event.status, event.provider_status, event.failure_class, event.errors) == (
        "delivered",
        "DELIVERED",
        None,
        (),
    )
    assert (event.from_, event.to, event.direction) == ("66000", "+15555550142", "outbound")
    assert (event.message_id, event.request_id) == ("MsgAAAAAAAAAAAAAAAAA01", "ReqAAAAAAAAAAAAAAAAA01")
    assert (event.parts, event.cost, event.attempt) == (2, Cost(amount="0.0075"), 1)
    assert event.provider_event_id == "EvtAAAAAAAAAAAAAAAAA02"
    assert event.occurred_at == datetime(2026, 1, 1, 10, 20, 30, 400_000, tzinfo=UTC)
    assert event.provider_data is not None
    assert event.provider_data.raw == own_body("state_delivered").strip()


def test_a_failure_has_its_code_and_class() -> None:
    """A send without consent is an opt-out, with Syniverse's own words beside it."""
    event = one(events_of(example("event_message_state_change_failed_no_consent")), DeliveryUpdated)
    assert (event.status, event.failure_class) == ("failed", "opt_out")
    assert event.errors == (ProviderError(code="1005", title="No subscriber consent"),)


def test_a_message_has_what_the_event_says() -> None:
    """Sender, receiver, text, files, price and the id of our sender find their places."""
    event = one(events_of(own_body("inbound_two_files")), MessageReceived)
    assert (event.from_, event.to, event.text) == ("+15555550142", "66000", None)
    assert event.media == (Media(name="AttAAAAAAAAAAAAAAAAA01"), Media(name="AttAAAAAAAAAAAAAAAAA02"))
    assert (event.cost, event.parts, event.direction) == (Cost(amount="0.0050"), 1, "inbound")
    assert event.sender_id == "SndAAAAAAAAAAAAAAAAA01"


def test_a_reply_of_rcs_keeps_its_text() -> None:
    """The postback is JSON in the text; its kind tells that nobody wrote it by hand."""
    event = one(events_of(example("event_mo_rcs_postback")), MessageReceived)
    assert (event.text, event.content_type) == ('{"postbackData":"YES"}', "postback")


def test_a_request_on_an_inbound_message_makes_no_reply_of_it() -> None:
    """Nothing says that the message answers one of that request, and a poll may not have it."""
    assert inbound(message_request_id="r").related_message_id is None


@pytest.mark.parametrize("spelling", ["event-id", "event_id"])
def test_both_spellings_of_the_event_id(spelling: str) -> None:
    """The guide writes one and the samples the other."""
    value = {name: item for name, item in envelope(message_id="m", new_state="SENT").items() if name != "event-id"}
    (event,) = events_of(written({**value, spelling: "theirs"}))
    assert event.provider_event_id == "theirs"


@pytest.mark.parametrize(("given", "read"), [(1, 1), ("1", 1), (" 2 ", 2), ("x", None), (1.5, None), (True, None)])
def test_attempts(given: object, read: int | None) -> None:
    """A number, or a text of one."""
    (event,) = events_of(written({**envelope(message_id="m", new_state="SENT"), "attempt": given}))
    assert event.attempt == read


def test_an_external_id_is_trimmed() -> None:
    """A published sample has a space in front."""
    event = one(events_of(example("event_message_request_state_change_completed")), RequestUpdated)
    assert event.external_id == "SessionID123456,msg001,20190712"
    assert (event.status, event.provider_status, event.errors) == ("completed", "COMPLETED", ())


def test_an_empty_external_id_is_absent() -> None:
    """`""` stands for nothing."""
    assert one(events_of(own_body("request_accepted")), RequestUpdated).external_id is None


def test_a_rejected_request_has_its_error() -> None:
    """The reason goes along."""
    event = one(events_of(own_body("request_rejected")), RequestUpdated)
    assert event.status == "rejected"
    assert event.errors == (ProviderError(code="1006", title="Template error"),)


@pytest.mark.parametrize(
    ("literal", "amount"),
    [("0.0075", "0.0075"), ("7.5e-3", "0.0075"), ("0", "0"), ('"0.0095"', "0.0095"), ("1.10", "1.10")],
)
def test_prices_keep_their_digits(literal: str, amount: str) -> None:
    """Numbers and texts are decimals as they are written."""
    body = written(envelope(message_id="m", new_state="SENT", mt_price="@")).replace(b'"@"', literal.encode())
    assert one(events_of(body), DeliveryUpdated).cost == Cost(amount=amount)


@pytest.mark.parametrize("given", [None, True, "free", "", [], "1e999", "NaN", 10**40])
def test_what_is_no_price(given: object) -> None:
    """It counts as absent, and costs nothing to find out."""
    assert delivery(mt_price=given).cost is None


def test_a_click_carries_label_and_url() -> None:
    """From any field whose name speaks of labels or tracking: Syniverse publishes no name."""
    event = one(events_of(own_body("click_labelled")), LinkClicked)
    assert (event.label, event.url, event.to) == ("spring", "https://example.com/sale", "+15555550142")
    assert event.clicked_at == event.occurred_at


def test_a_conversion_is_read_and_a_notice() -> None:
    """The message is read, and that somebody bought is news of its own."""
    found = events_of(own_body("state_converted"))
    assert one(found, DeliveryUpdated).status == "read"
    assert (one(found, ProviderNotified).notice, one(found, ProviderNotified).status) == ("conversion", "CONVERTED")


def test_our_own_mark_on_an_inbound_message_is_no_delivery() -> None:
    """PROCESSED is what we set; the message was not ours."""
    event = one(events_of(own_body("state_processed_of_inbound")), ProviderNotified)
    assert (event.notice, event.status) == ("SCG-Message/message_state_change", "PROCESSED")


def test_voice_is_a_notice() -> None:
    """Its topic and type are the notice, its state the status."""
    event = one(events_of(example("event_voice_call_state_change")), ProviderNotified)
    assert (event.notice, event.status) == ("SCG-Voice-Call/call_state_change", "ACTIVE")


def test_a_state_that_nobody_told_us_is_unknown() -> None:
    """The event counts, with the raw word."""
    event = one(events_of(own_body("state_unknown_word")), DeliveryUpdated)
    assert (event.status, event.provider_status) == ("unknown", "TELEPORTED")


def test_each_event_of_a_list_carries_its_own_body() -> None:
    """Not the whole list."""
    found = events_of(own_body("list_of_three"))
    bodies = [event.provider_data.value() for event in found if event.provider_data is not None]
    assert bodies == own_value("list_of_three")[:2]


WORDS_OUT = [
    *("STOP", "stopall", " Stop All ", "Unsubscribe", "CANCEL", "end", "quit.", "\nSTOP!"),
    *("REVOKE", "optout", "Opt  Out", "opt-out.", '"STOP"', "'stop'.", "\u201cStop\u201d", "...stop"),
]


@pytest.mark.parametrize("word", WORDS_OUT)
def test_words_that_opt_out(word: str) -> None:
    """The whole text, whatever its case, space, quotes or punctuation around it."""
    event = one(
        events_of(written(envelope("mo_message_received", message_id="m", from_address="+1", message_body=word))),
        ConsentChanged,
    )
    assert (event.consent, event.source, event.scope, event.number) == ("opted_out", "message", "account", "+1")


@pytest.mark.parametrize("word", ["START", " unstop "])
def test_words_that_opt_in(word: str) -> None:
    """They take an opt-out back."""
    body = envelope("mo_message_received", message_id="m", from_address="+1", message_body=word, sender_id_id="s")
    event = one(events_of(written(body)), ConsentChanged)
    assert (event.consent, event.scope, event.keyword) == ("opted_in", "sender:s", word.strip().upper())


@pytest.mark.parametrize("text", ["please stop", "STOP it", "help", "START.", "start?", "", "stop " * 2000, None, 7])
def test_texts_that_say_nothing_of_consent(text: object) -> None:
    """A word within a sentence is none."""
    body = envelope("mo_message_received", message_id="m", from_address="+1", message_body=text)
    assert [type(event) for event in events_of(written(body))] == [MessageReceived]


@pytest.mark.parametrize(
    ("manager", "word", "family"),
    [
        (None, "STOP", None),
        ("USER", "STOP", None),
        ("SCG", "STOP", "stop"),
        ("SCG", "START", "start"),
        ("SCG", "HELP", None),
        ("SCG", "REVOKE", None),
        ("SCG_UNSOLICITED_OPT_OUT", "QUIT", "stop"),
        ("SCG_UNSOLICITED_OPT_OUT", "UNSUBSCRIBE", None),
        ("SCG_UNSOLICITED_OPT_OUT", "START", None),
    ],
)
def test_who_answers_the_word(manager: str | None, word: str, family: str | None) -> None:
    """Syniverse answers where it keeps the consents, and there only the words that its pages name."""
    body = envelope("mo_message_received", message_id="m", from_address="+1", message_body=word)
    settings = {} if manager is None else {"consent_managed_by": manager}
    assert one(events_of(written(body), settings), MessageReceived).autoresponse == family
    assert answers(word, settings) == family


def test_consent_needs_a_number() -> None:
    """Without one there is nobody who said it; the message is kept."""
    body = envelope("mo_message_received", message_id="m", message_body="STOP")
    assert [type(event) for event in events_of(written(body))] == [MessageReceived]


@pytest.mark.parametrize("written_as", ["447700900123", "+447700900123", " 447700900123 "])
def test_a_person_has_one_number_however_it_is_written(written_as: str) -> None:
    """The writer's consent must not hang on a plus sign: 11 to 15 digits of a person are a number of E.164."""
    body = envelope("mo_message_received", message_id="m", from_address=written_as, message_body="STOP")
    found = events_of(written(body))
    message, consent = one(found, MessageReceived), one(found, ConsentChanged)
    assert (message.from_, consent.number) == ("+447700900123", "+447700900123")


def test_our_own_side_stays_as_it_is_written() -> None:
    """It may be an id or a code: without knowing that it is a long code, no plus sign is put before it."""
    inbound = envelope("mo_message_received", message_id="m", from_address="+447700900123", to_address="447700900999")
    assert one(events_of(written(inbound)), MessageReceived).to == "447700900999"
    outbound = envelope(message_id="m", new_state="SENT", from_address="447700900999", to_address="447700900123")
    event = one(events_of(written(outbound)), DeliveryUpdated)
    assert (event.from_, event.to) == ("447700900999", "+447700900123")


@pytest.mark.parametrize(
    ("state", "sent", "completed"),
    [
        ("QUEUED", False, False),
        ("SENT", True, False),
        ("DELIVERED", False, True),
        ("FAILED", False, True),
        ("EXPIRED", False, True),
        ("BAD_REQUEST", False, True),
        ("DELETED", False, True),
        ("TEST", False, True),
        ("READ", False, False),
        ("CLICKTHRU", False, False),
    ],
)
def test_a_push_has_the_date_of_its_state(state: str, sent: bool, completed: bool) -> None:
    """The envelope's time is when the message came into it; of what was before, a push says nothing."""
    event = one(events_of(written(envelope(message_id="m", new_state=state))), DeliveryUpdated)
    assert event.occurred_at is not None
    assert event.sent_at == (event.occurred_at if sent else None)
    assert event.completed_at == (event.occurred_at if completed else None)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"external_message_request_id": " order-1"}, "order-1"),
        ({"external_id": "order-1"}, "order-1"),
        ({"external_message_request_id": "", "external_id": "order-1"}, "order-1"),
        ({"external_message_request_id": ""}, None),
    ],
)
def test_the_senders_own_id_of_the_request(fields: dict[str, str], expected: str | None) -> None:
    """Trimmed; an empty one is none."""
    event = one(events_of(written(envelope(message_id="m", new_state="SENT", **fields))), DeliveryUpdated)
    assert event.external_id == expected
