"""Telnyx's webhooks to events: every shape, identity, and that nothing raises or is lost."""

import re
from pathlib import Path
from typing import Any

import pytest

from schemas.events import (
    ConsentChanged,
    Cost,
    DeliveryUpdated,
    Event,
    LinkClicked,
    Media,
    MessageReceived,
    ProviderNotified,
    WebhookUnrecognized,
)
from tests.support.telnyx import event_body, event_names, event_value
from tests.support.telnyx_events import assert_round_trip, events_of, written

EXAMPLES = Path(__file__).parents[4] / "shared" / "providers" / "telnyx" / "examples"
# What the start of a file's name promises; the longest start that fits counts.
EXPECTED: dict[str, type[Event]] = {
    "event_10dlc_": ProviderNotified,
    "event_api_v1_": WebhookUnrecognized,
    "event_campaign_status_": ProviderNotified,
    "event_link_click": LinkClicked,
    "event_message_delivered_not_a_real_event": WebhookUnrecognized,
    "event_message_echo_": ProviderNotified,
    "event_message_finalized_": DeliveryUpdated,
    "event_message_read_": DeliveryUpdated,
    "event_message_received_": MessageReceived,
    "event_message_sent_": DeliveryUpdated,
    "event_messaging_profile_": ProviderNotified,
    "event_whatsapp_": ProviderNotified,
}
FIXTURE_EXPECTED: dict[str, type[Event]] = {
    "received_": MessageReceived,
    "received_outbound": WebhookUnrecognized,
    "sent": DeliveryUpdated,
    "finalized_": DeliveryUpdated,
    "read_": DeliveryUpdated,
    "alias_delivery": DeliveryUpdated,
    "alias_inbound": MessageReceived,
    "alias_click": LinkClicked,
    "link_click": LinkClicked,
    "echo": ProviderNotified,
    "ten_dlc_": ProviderNotified,
    "campaign_": ProviderNotified,
    "spend_limit": ProviderNotified,
    "whatsapp_": ProviderNotified,
    "voice_": ProviderNotified,
    "unknown_": WebhookUnrecognized,
    "malformed_": WebhookUnrecognized,
}
CONSENT_WORD = re.compile(r"received_.*(stop|start)(_|$)")
ACCOUNT = "main"


def expected_class(name: str, table: dict[str, type[Event]]) -> type[Event]:
    """Return the class that the longest fitting start of a name promises."""
    return table[max((start for start in table if name.startswith(start)), key=len)]


def expected_classes(name: str, table: dict[str, type[Event]]) -> set[type[Event]]:
    """Return the class that a name promises, with that of a consent where it is an opt-out or opt-in word."""
    consent: set[type[Event]] = {ConsentChanged} if CONSENT_WORD.search(name) else set()
    return {expected_class(name, table)} | consent


def inbound(name: str) -> MessageReceived:
    """Return the one message of a fixture."""
    event = events_of(event_body(name))[0]
    assert isinstance(event, MessageReceived)
    return event


def deliveries(name: str) -> list[DeliveryUpdated]:
    """Return the delivery updates of a fixture."""
    found = events_of(event_body(name))
    return [event for event in found if isinstance(event, DeliveryUpdated)]


def delivery(name: str) -> DeliveryUpdated:
    """Return the one delivery update of a fixture."""
    (event,) = deliveries(name)
    return event


def payload(value: dict[str, Any]) -> dict[str, Any]:
    """Return the payload within an envelope."""
    found: dict[str, Any] = value["data"]["payload"]
    return found


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the published examples are not beside the repository")
def test_published_examples() -> None:
    """Every published example becomes an event of the class that its name promises, and survives the codec."""
    paths = sorted(EXAMPLES.glob("event_*.json"))
    assert len(paths) > 70
    for path in paths:
        found = events_of(path.read_bytes())
        assert {type(event) for event in found} == expected_classes(path.stem, EXPECTED), path.stem
        assert_round_trip(found)


@pytest.mark.parametrize("name", event_names())
def test_fixture(name: str) -> None:
    """Every fixture becomes an event of its class, carrying the body verbatim."""
    found = events_of(event_body(name))
    assert {type(event) for event in found} == expected_classes(name, FIXTURE_EXPECTED)
    assert_round_trip(found)
    assert all(event.provider_data and event.provider_data.raw == event_body(name).strip() for event in found)


def test_common_fields() -> None:
    """An event says whose it is, when it happened by both clocks, and which attempt brought it."""
    event = inbound("received_sms_attempt_2")
    assert (event.provider, event.account, event.tenant, event.attempt) == ("telnyx", ACCOUNT, "acme", 2)
    assert event.occurred_at is not None
    assert event.occurred_at.isoformat() == "2026-01-01T00:00:01.250000+00:00"


def test_inbound_sms() -> None:
    """An SMS says who wrote what to which number."""
    event = inbound("received_sms")
    assert (event.from_, event.to, event.text, event.channel) == ("+13125550101", "+17735550100", "HOURS", "sms")
    assert (event.direction, event.parts, event.subject, event.autoresponse) == ("inbound", 1, None, None)
    assert event.cost is not None
    assert event.cost.amount == "0.0040"


@pytest.mark.parametrize("name", ["received_sms_strings", "received_sms_to_string", "received_sms_no_direction"])
def test_inbound_numbers_in_other_shapes(name: str) -> None:
    """`from` and `to` may be texts, and `direction` may be missing."""
    event = inbound(name)
    assert (event.from_, event.to, event.direction) == ("+13125550101", "+17735550100", "inbound")


def test_message_id_of_old_samples() -> None:
    """Where the payload has no `id`, `message_id` stands in."""
    assert inbound("received_sms_strings").message_id == "5e5e-text-id"


def test_short_code_stays() -> None:
    """A short code is no E.164 number and gets no plus."""
    assert inbound("received_sms_short_code").from_ == "72555"


def test_outbound_received_is_no_customer_message() -> None:
    """Answering what the account sent itself would make a loop."""
    (event,) = events_of(event_body("received_outbound"))
    assert isinstance(event, WebhookUnrecognized)
    assert (event.reason, event.notice) == ("unexpected_direction", "message.received")


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("received_stop", "stop"),
        ("received_start", "start"),
        ("received_help", "help"),
        ("received_custom_keyword", "other"),
        ("received_stop_old", "stop"),
    ],
)
def test_opt_out_words(name: str, family: str) -> None:
    """`autoresponse_type` decides; without it the keyword list does, whatever case and space."""
    assert inbound(name).autoresponse == family


@pytest.mark.parametrize("text", ["STOP", "Stopall", "stop  ALL", " unsubscribe\n", "cancel", "END", "quit"])
def test_stop_keywords_without_type(text: str) -> None:
    """The documented words opt out also where the type is null."""
    value = event_value("received_sms")
    payload(value)["text"] = text
    event, _ = events_of(written(value))
    assert isinstance(event, MessageReceived)
    assert event.autoresponse == "stop"


def test_stop_in_a_sentence_is_no_keyword() -> None:
    """The word has to be the whole text."""
    value = event_value("received_sms")
    payload(value)["text"] = "please stop by"
    (event,) = events_of(written(value))
    assert isinstance(event, MessageReceived)
    assert event.autoresponse is None


def test_mms_with_null_text_and_either_hash_key() -> None:
    """A picture without words keeps its files, by whichever name Telnyx gives their hash and type."""
    event = inbound("received_mms")
    assert event.text is None
    assert event.media[0].hash == "5e" * 16
    assert event.media[1] == Media(url="https://media.telnyx.com/5e5e-b.3gp", content_type="video/3gpp")
    (other,) = inbound("received_mms_type_key").media
    assert (other.content_type, other.hash) == ("image/png", "ab" * 32)


@pytest.mark.parametrize("name", ["received_group_cc_objects", "received_group_cc_strings"])
def test_group_inbound_names_the_others(name: str) -> None:
    """`cc` holds the other people in either shape, and never our own number."""
    assert inbound(name).cc == ("+13125550102", "+13125550103")


def test_rcs_shapes() -> None:
    """RCS content is text, a file, a place or a chosen suggestion."""
    assert inbound("received_rcs_text").text == "Hello by RCS"
    assert inbound("received_rcs_text").to == "5e5e4a5c0670c2a9"
    (file,) = inbound("received_rcs_file").media
    assert (file.name, file.size, file.content_type) == ("photo.jpg", 179099, "image/jpeg")
    assert inbound("received_rcs_location").content_type == "location"
    assert inbound("received_rcs_suggestion").text == "Explore the online store"


def test_whatsapp_shapes() -> None:
    """WhatsApp content is under the name of its type; edits and revocations name the first message."""
    assert inbound("received_whatsapp_text").text == "Is my order on the way?"
    image = inbound("received_whatsapp_image")
    assert (image.text, image.media[0].content_type) == ("Look", "image/jpeg")
    edit = inbound("received_whatsapp_edit")
    assert (edit.text, edit.related_message_id) == ("Is my order 42 on the way?", "5e5e-original")
    revoke = inbound("received_whatsapp_revoke")
    assert (revoke.text, revoke.related_message_id, revoke.content_type) == (None, "5e5e-original", "revoke")
    assert inbound("received_whatsapp_button").text == "Yes, please"


def test_hidden_whatsapp_number() -> None:
    """A person who hides the number is known by the id that the business can answer to."""
    assert inbound("received_whatsapp_hidden_number").from_ == "US.13491208655302741918"


@pytest.mark.parametrize(
    ("name", "status", "provider_status", "failure_class"),
    [
        ("sent", "sent", "sent", None),
        ("sent_queued", "queued", "queued", None),
        ("sent_without_status", "sent", None, None),
        ("finalized_delivered", "delivered", "delivered", None),
        ("finalized_failed", "failed", "delivery_failed", "permanent"),
        ("finalized_failed_no_errors", "failed", "sending_failed", "unknown"),
        ("finalized_opt_out", "failed", "sending_failed", "opt_out"),
        ("finalized_unconfirmed", "unconfirmed", "delivery_unconfirmed", None),
        ("finalized_expired", "expired", "expired", "unknown"),
        ("finalized_new_status", "unknown", "carrier_said_maybe", None),
        ("read_rcs", "read", "read", None),
    ],
)
def test_delivery_status(name: str, status: str, provider_status: str | None, failure_class: str | None) -> None:
    """Telnyx's word becomes ours and stays beside it; failures get a class."""
    event = delivery(name)
    assert (event.status, event.provider_status, event.failure_class) == (status, provider_status, failure_class)


def test_delivery_fields() -> None:
    """A delivery carries numbers, times, cost and tags."""
    event = delivery("sent")
    assert (event.from_, event.to, event.tags, event.direction) == (
        "+17735550100",
        "+13125550101",
        ("tag-a",),
        "outbound",
    )
    assert event.sent_at is not None
    assert event.valid_until is not None
    assert delivery("sent_queued").cost == Cost(amount="0.0051", currency="USD")
    assert delivery("sent_from_string").from_ == "+17735550100"
    assert delivery("finalized_alphanumeric").from_ == "ACMECORP"
    assert delivery("read_rcs").from_ == "5e5e4a5c0670c2a9"


def test_code_given_as_a_number_is_text() -> None:
    """Errors have their code as text."""
    assert delivery("finalized_opt_out").errors[0].code == "40300"


def test_group_gives_one_event_a_recipient() -> None:
    """Each recipient has a state of its own, and an error goes to the one that it points to."""
    found = deliveries("finalized_group")
    assert [event.status for event in found] == ["delivered", "failed", "unknown"]
    assert [len(event.errors) for event in found] == [0, 1, 0]
    assert len({event.id for event in found}) == 3
    assert {event.message_id for event in found} == {found[0].group_id}


def test_same_recipient_twice_gives_two_ids() -> None:
    """Entries that cannot be told apart by number are told apart by order, and only then."""
    value = event_value("finalized_group")
    entries = payload(value)["to"]
    alone = [event.id for event in events_of(written(value))]
    entries[2] = {**entries[0], "status": "read"}
    doubled = [event.id for event in events_of(written(value))]
    assert doubled[:2] == alone[:2]
    assert len(set(doubled)) == 3


def test_sent_and_finalized_are_two_events() -> None:
    """One message id, two `data.id`: both are kept, in whichever order they come."""
    first, second = delivery("sent"), delivery("finalized_delivered")
    assert first.message_id == second.message_id
    assert first.id != second.id


def test_duplicate_with_higher_attempt_has_the_same_id() -> None:
    """A retry is the same event."""
    assert inbound("received_sms_attempt_1").id == inbound("received_sms_attempt_2").id


def test_click_without_envelope_fields() -> None:
    """A link click has neither id nor type; its number gets its plus."""
    (event,) = events_of(event_body("link_clicked"))
    assert isinstance(event, LinkClicked)
    assert (event.to, event.url) == ("+13125550101", "https://example.com/parcel")
    assert event.occurred_at == event.clicked_at is not None


@pytest.mark.parametrize("part", ["message_id", "url", "to", "time_clicked"])
def test_another_click_is_another_event(part: str) -> None:
    """Message, URL, recipient and moment make a click's identity."""
    value = event_value("link_clicked")
    before = events_of(written(value))[0].id
    value["data"][part] = "+13125550199" if part == "to" else "2026-01-02T00:00:00Z"
    assert events_of(written(value))[0].id != before


@pytest.mark.parametrize(
    ("name", "notice", "kind", "status"),
    [
        ("echo", "message.echo", "whatsapp_business_app", None),
        ("ten_dlc_brand", "10dlc.brand.update", "REGISTRATION", "failed"),
        ("campaign_flat", "10dlc.campaign.update", "TELNYX_EVENT", "DORMANT"),
        ("spend_limit", "messaging-profile.spend-limit-reached", None, None),
        ("whatsapp_account", "whatsapp.account.update", "ACCOUNT_OFFBOARDED", None),
        ("whatsapp_template_flat", "whatsapp.template.approved", None, "APPROVED"),
        ("whatsapp_quality_flat", "whatsapp.phone_number.quality_changed", None, "YELLOW"),
        ("voice_call", "call.initiated", None, None),
    ],
)
def test_notices(name: str, notice: str, kind: str | None, status: str | None) -> None:
    """News of the account keep Telnyx's own name, with or without an envelope."""
    (event,) = events_of(event_body(name))
    assert isinstance(event, ProviderNotified)
    assert (event.notice, event.kind, event.status) == (notice, kind, status)


def test_a_byte_order_mark_before_the_body_is_ignored() -> None:
    """A proxy may have put one there; the event is the same."""
    body = b'{"data": {"event_type": "message.sent"}}'
    assert [event.id for event in events_of(b"\xef\xbb\xbf" + body)] == [event.id for event in events_of(body)]


@pytest.mark.parametrize(
    ("body", "reason", "notice"),
    [
        (b"", "not_json", None),
        (b"{", "not_json", None),
        (b'{"a": \xff}', "not_json", None),
        (b"[1]", "not_an_object", None),
        (b"null", "not_an_object", None),
        (b'{"data": 1}', "malformed_payload", None),
        (b'{"data": null}', "malformed_payload", None),
        (b"{}", "unknown_event", None),
        (b'{"data": {"event_type": 5}}', "unknown_event", None),
        (b'{"data": {"event_type": "message.failed", "id": "1"}}', "unknown_event", "message.failed"),
        (b'{"data": {"event_type": "message.sent"}}', "malformed_payload", "message.sent"),
        (b"[" * 400 + b"]" * 400, "too_deep", None),
        (b'{"data":' * 255 + b"1" + b"}" * 255, "too_deep", None),
        (b'{"data":' * 254 + b"1" + b"}" * 254, "unknown_event", None),
    ],
)
def test_what_is_not_understood_is_kept(body: bytes, reason: str, notice: str | None) -> None:
    """Each kind of failure gives one event with its reason."""
    found = events_of(body)
    (event,) = found
    assert isinstance(event, WebhookUnrecognized)
    assert (event.reason, event.notice) == (reason, notice)
    assert_round_trip(found)


def test_half_an_emoji_costs_no_message() -> None:
    """A text cut within an emoji is legal JSON that UTF-8 cannot hold; the message arrives all the same."""
    body = event_body("received_sms").replace(b'"HOURS"', rb'"cut \ud83d and \\ud83d and \ud83d\ude80"')
    (event,) = found = events_of(body)
    assert isinstance(event, MessageReceived)
    assert event.text == "cut \ufffd and \\ud83d and 🚀"
    assert_round_trip(found)
