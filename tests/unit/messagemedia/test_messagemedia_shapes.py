"""Custom webhooks of any template: which event it is, whose names, what is absent, forms and queries."""

from typing import Any
from urllib.parse import quote_plus

import pytest

from providers.messagemedia.events.variables import is_absent, is_absent_text, variable_of
from providers.messagemedia.preparing.template import GROUPS
from schemas.events import ConsentChanged, DeliveryUpdated, Event, MessageReceived, MessageReplied, WebhookUnrecognized
from tests.support.messagemedia_webhooks import events_of, fixture_value

PERSON, OURS = "+61491570156", "+61491570157"
FORM = "application/x-www-form-urlencoded"


def by_get(query: str, settings: dict[str, Any] | None = None) -> tuple[Event, ...]:
    """Return the events of a webhook by GET."""
    return events_of(b"", settings, method="GET", target=f"/webhooks/main?{query}", content_type=None)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("delivery_report", DeliveryUpdated),
        ("reply", MessageReplied),
        ("opt_out", MessageReplied),
        ("DELIVERED_DR", DeliveryUpdated),
        ("received_sms", MessageReplied),
        ("RECEIVED_MMS", MessageReplied),
        ("OPT_OUT_SMS", MessageReplied),
    ],
)
def test_the_literal_event_decides_first(event: str, expected: type[Event]) -> None:
    """It goes before the URL."""
    value = {"event": event, "message_id": "5e1", "source_number": PERSON}
    group = "replies" if expected is DeliveryUpdated else "reports"
    found = events_of(value, target=f"/webhooks/main?group={group}")
    assert type(found[0]) is expected
    assert (len(found) == 2) == ("opt" in event.lower())


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ("delivery_report_id", DeliveryUpdated),
        ("drId", DeliveryUpdated),
        ("reportId", DeliveryUpdated),
        ("reply_id", MessageReceived),
        ("moId", MessageReceived),
        ("notification_id", MessageReceived),
        ("notificationId", MessageReceived),
    ],
)
def test_then_the_id_decides(member: str, expected: type[Event]) -> None:
    """Each kind of news has an id of its own; it goes before the URL."""
    found = events_of({member: "5e1", "source_number": PERSON}, target="/webhooks/main?group=reports")
    assert type(found[0]) is expected
    assert found[0].provider_event_id == "5e1"
    assert any(isinstance(event, ConsentChanged) for event in found) == member.startswith("notification")


@pytest.mark.parametrize(
    ("group", "expected"),
    [("reports", DeliveryUpdated), ("replies", MessageReplied), ("opt_outs", MessageReplied)],
)
def test_then_the_url_decides(group: str, expected: type[Event]) -> None:
    """Our setup gives each group of events its own."""
    value = {"message_id": "5e1", "source_number": PERSON}
    found = events_of(value, target=f"/webhooks/main?x=1&group={group}")
    assert type(found[0]) is expected
    assert (len(found) == 2) == (group == "opt_outs")


def test_our_groups_are_the_ones_that_urls_are_read_for() -> None:
    """What the setup registers and what is read here have the same names."""
    value = {"message_id": "5e1", "source_number": PERSON}
    for group in GROUPS:
        assert not isinstance(events_of(value, target=f"/webhooks/main?group={group.name}")[0], WebhookUnrecognized)


def test_the_group_of_a_get_is_no_member_of_the_news() -> None:
    """It stands among the variables and tells the kind."""
    (event,) = by_get("group=reports&id=5e1")
    assert isinstance(event, DeliveryUpdated)
    assert event.message_id == "5e1"


def test_an_unknown_group_says_nothing() -> None:
    """The shape decides then."""
    (event,) = events_of({"status": "delivered", "id": "5e1"}, target="/webhooks/main?group=other&group=reports")
    assert isinstance(event, DeliveryUpdated)


@pytest.mark.parametrize("reference", ["$replyId", "$moId", "${replyId}", "$!moId", "$esc.json($replyId)"])
def test_an_opt_out_through_a_template_for_replies(reference: str) -> None:
    """An opt-out alone has no reply id, so the variable stays; whatever it says, the person is out."""
    found = events_of({"reply_id": reference, "source_number": PERSON, "content": "enough"})
    consent = found[1]
    assert isinstance(consent, ConsentChanged)
    assert (consent.consent, consent.keyword, consent.number) == ("opted_out", "enough", PERSON)


REFERENCES = [
    "$replyId",
    "$!replyId",
    "${x}",
    "$!{x}",
    "$x",
    "$!x",
    "$metadata.get('k')",
    '$metadata.get("k (1)")',
    "$esc.json($x)",
    "$!esc.json($!x)",
    "$esc.json($metadata.get('k'))",
    "$entry.originalName",
    " $mtId ",
]


@pytest.mark.parametrize("reference", REFERENCES)
def test_variables_that_were_not_filled_in_are_absent(reference: str) -> None:
    """The platform leaves their own text where it has no value."""
    assert variable_of(reference) is not None
    assert is_absent(reference)
    value = fixture_value("reply_callback") | {"message_id": reference}
    assert isinstance(events_of(value)[0], MessageReceived)


@pytest.mark.parametrize("text", ["$5", "$", "US$", "$ x", "costs $x", "$x and $y", "${", "$x.", "$a" * 300, "", "x"])
def test_other_texts_are_no_variables(text: str) -> None:
    """Money and sentences are texts."""
    assert variable_of(text) is None


@pytest.mark.parametrize("text", ["$cash", "$type", "$key", "$status", "$esc.json($x)", "$metadata.get('k')", " "])
def test_a_person_may_write_what_looks_like_a_variable(text: str) -> None:
    """Variables that no template puts where a person's words stand are texts there."""
    (event,) = events_of(fixture_value("reply_callback") | {"content": text})
    assert isinstance(event, MessageReplied)
    assert event.text == text


@pytest.mark.parametrize("name", ["moContent", "replyContent", "mtContent", "messageContent"])
@pytest.mark.parametrize("form", ["$%s", "$!%s", "${%s}", "$!{%s}", "$esc.json($%s)", "$!esc.json($!%s)", " $%s "])
def test_a_text_that_was_not_filled_in_is_absent(form: str, name: str) -> None:
    """The variables of texts are, in each of their forms."""
    assert is_absent_text(form % name)
    (event,) = events_of(fixture_value("reply_callback") | {"content": form % name})
    assert isinstance(event, MessageReplied)
    assert event.text is None


@pytest.mark.parametrize(
    ("names", "attribute", "value"),
    [
        (("message_id", "messageId", "mtId"), "message_id", "5e9"),
        (("status",), "provider_status", "held"),
        (("source_number", "sourceAddress", "source_address", "addressSender"), "to", PERSON),
        (("destination_number", "destinationAddress", "destination_address"), "from_", OURS),
    ],
)
def test_names_of_a_report(names: tuple[str, ...], attribute: str, value: str) -> None:
    """Each of the names that templates use gives the same."""
    for name in names:
        (event,) = events_of({"drId": "5e1", name: value})
        assert getattr(event, attribute) == value


@pytest.mark.parametrize(
    ("names", "attribute"),
    [
        (("reply_id", "replyId", "moId", "id"), "message_id"),
        (("message_id", "messageId", "mtId"), "related_message_id"),
        (("content", "message_content", "replyContent", "reply_content", "moContent", "contentReply"), "text"),
    ],
)
def test_names_of_a_reply(names: tuple[str, ...], attribute: str) -> None:
    """Each of the names that templates use gives the same."""
    for name in names:
        event = events_of({"event": "reply", "source_number": PERSON, name: "5e9"})[0]
        assert getattr(event, attribute) == "5e9"


def test_text_of_the_sent_message_is_no_reply() -> None:
    """`messageContent` is what we sent."""
    event = events_of({"replyId": "5e1", "sourceAddress": PERSON, "messageContent": "Hi", "replyContent": "Ho"})[0]
    assert isinstance(event, MessageReceived)
    assert event.text == "Ho"


def test_field_names_of_the_account_go_first() -> None:
    """An operator's own template is read by the names that the setting gives, also into an object."""
    settings = {
        "field_names": {"content": "said.words", "source_number": "who", "reply_id": "key", "status": 5, "no": "x"}
    }
    value = {"key": "5e1", "who": PERSON, "said": {"words": "hello"}, "content": "not this"}
    (event,) = events_of(value, settings)
    assert isinstance(event, MessageReceived)
    assert (event.text, event.from_, event.message_id) == ("hello", PERSON, "5e1")


def test_a_name_with_a_dot_in_it_is_one_name() -> None:
    """A member of that very name goes before the way into an object."""
    (event,) = events_of({"reply_id": "1", "source_number": PERSON, "a.b": "x"}, {"field_names": {"content": "a.b"}})
    assert isinstance(event, MessageReceived)
    assert event.text == "x"


@pytest.mark.parametrize(
    "settings", [{"field_names": None}, {"field_names": "x"}, {"field_names": {"content": ""}}, {}]
)
def test_other_field_names_are_none(settings: dict[str, Any]) -> None:
    """A senseless setting changes nothing."""
    event = events_of(fixture_value("reply_callback"), settings)[0]
    assert isinstance(event, MessageReplied)
    assert event.text == "When do you open?"


@pytest.mark.parametrize("content_type", [FORM, f"{FORM}; charset=utf-8", "text/plain", "application/json", None])
def test_form(content_type: str | None) -> None:
    """A form is read by its content type, or by its look."""
    body = f"replyId=5e1&sourceAddress={quote_plus(PERSON)}&replyContent=a+b%26c&messageId=5e2".encode()
    (event,) = events_of(body, content_type=content_type)
    assert isinstance(event, MessageReplied)
    assert (event.from_, event.text, event.related_message_id) == (PERSON, "a b&c", "5e2")
    assert event.provider_data is not None
    assert event.provider_data.value()["replyContent"] == "a b&c"


def test_json_under_the_content_type_of_a_form() -> None:
    """Content types are not documented; an object is an object."""
    (event,) = events_of(fixture_value("report_callback"), content_type=FORM)
    assert isinstance(event, DeliveryUpdated)


@pytest.mark.parametrize("written", ["%2B61491570156", "+61491570156", "%2061491570156"])
def test_numbers_in_a_query(written: str) -> None:
    """An unescaped plus sign has become a blank."""
    (event,) = by_get(f"contentReply=Hello&addressSender={written}")
    assert isinstance(event, MessageReceived)
    assert (event.from_, event.text) == (PERSON, "Hello")


def test_a_short_number_in_a_query_gets_its_plus_back() -> None:
    """Ten digits behind a blank were a number with a plus."""
    (event,) = by_get("replyId=5e1&sourceAddress=+6591234567&destinationAddress=Acme+12345")
    assert isinstance(event, MessageReceived)
    assert (event.from_, event.to) == ("+6591234567", "Acme 12345")


@pytest.mark.parametrize(
    "written", ["2026-01-01T11:00:02+11:00", "2026-01-01T11:00:02.000%2B11:00", "2026-01-01T00:00:02Z"]
)
def test_times_in_a_query(written: str) -> None:
    """The sign of a zone is lost in the same way."""
    (event,) = by_get(f"replyId=5e1&sourceAddress=x&timestamp={written}")
    assert event.occurred_at is not None
    assert event.occurred_at.isoformat() == "2026-01-01T00:00:02+00:00"


def test_post_without_a_body_is_read_from_its_url() -> None:
    """Variables can stand in the URL of any webhook."""
    (event,) = events_of(b"", target="/webhooks/main?drId=5e1&status=delivered")
    assert isinstance(event, DeliveryUpdated)
    assert event.status == "delivered"


def test_query_of_odd_bytes() -> None:
    """What is no UTF-8 is replaced."""
    (event,) = by_get("replyId=5e1&sourceAddress=x&moContent=%ff\udcff%e4%bd%a0")
    assert isinstance(event, MessageReceived)
    assert event.text == "\ufffd\ufffd你"


@pytest.mark.parametrize("name", ["short", "Acme", "61400"])
def test_senders_that_are_no_numbers_stay(name: str) -> None:
    """An alphanumeric sender or a short code is kept as it is."""
    event = events_of(fixture_value("reply_callback") | {"source_number": name})[0]
    assert isinstance(event, MessageReplied)
    assert event.from_ == name


@pytest.mark.parametrize(("said", "channel"), [("SMS", "sms"), ("MMS", "mms"), ("TTS", "tts"), ("other", None)])
def test_format_is_the_channel(said: str, channel: str | None) -> None:
    """Its older name `type` may say anything else."""
    for name in ("format", "type", "service_type"):
        event = events_of(fixture_value("reply_callback") | {name: said})[0]
        assert isinstance(event, MessageReplied)
        assert event.channel == channel


@pytest.mark.parametrize(
    ("count", "attempt"), [("0", 1), (1, 2), ("3", 4), ("$retryCount", None), ("x", None), (True, None)]
)
def test_retry_count(count: object, attempt: int | None) -> None:
    """The first delivery is attempt 1."""
    (event,) = events_of(fixture_value("report_callback") | {"retry_count": count})
    assert event.attempt == attempt


@pytest.mark.parametrize(
    ("units", "amount"), [(1, "1"), ("2", "2"), (1.5, "1.5"), ("$billingUnits", None), ("x", None)]
)
def test_billing_units(units: object, amount: str | None) -> None:
    """A number, in quotes or not."""
    (event,) = events_of(fixture_value("report_callback") | {"billing_units": units})
    assert isinstance(event, DeliveryUpdated)
    assert (event.cost and event.cost.amount) == amount
