"""MessageMedia's webhooks and polled items to events: every documented shape."""

from typing import Any

import pytest

from providers.messagemedia.normalize import normalize
from schemas.events import (
    ConsentChanged,
    Cost,
    DeliveryUpdated,
    Event,
    Media,
    MessageReceived,
    MessageReplied,
    ProviderError,
    WebhookUnrecognized,
)
from schemas.json_text import JsonText
from tests.support.messagemedia_webhooks import (
    EXAMPLES,
    FIXTURES,
    assert_round_trip,
    events_of,
    fixture_names,
    fixture_value,
    polled,
    webhook_of,
)

REPORT, REPLY, RECEIVED = (DeliveryUpdated,), (MessageReplied,), (MessageReceived,)
OPT_OUT, UNKNOWN = (MessageReplied, ConsentChanged), (WebhookUnrecognized,)
EXPECTED: dict[str, tuple[type[Event], ...]] = {
    "callback_delivery_report.json": REPORT,
    "callback_delivery_report_billing_units.json": REPORT,
    "callback_delivery_report_live_2018.json": REPORT,
    "callback_delivery_report_sinch_eu.json": REPORT,
    "callback_mms_reply.json": REPLY,
    "callback_sms_reply.json": REPLY,
    "webhook_delivery_report.form.txt": REPORT,
    "webhook_delivery_report.json": REPORT,
    "webhook_delivery_report.xml": UNKNOWN,
    "webhook_mms_received_attachments.json": REPLY,
    "webhook_mms_received_text_only.json": REPLY,
    "webhook_opt_out.json": OPT_OUT,
    "webhook_opt_out_unrendered_reply_id.json": (MessageReceived, ConsentChanged),
    "webhook_sms_received.json": REPLY,
    "webhook_sms_received.query.txt": RECEIVED,
    "webhook_sms_received.xml": UNKNOWN,
    "webhook_sms_received_invalid_json.txt": UNKNOWN,
    "webhook_sms_received_n8n_template.json": RECEIVED,
    "webhook_sms_received_nested_template.json": REPLY,
    "webhook_status_minimal.json": REPORT,
}
FIXTURE_EXPECTED: dict[str, tuple[type[Event], ...]] = {
    "malformed_reply": UNKNOWN,
    "malformed_report": UNKNOWN,
    "opt_out_ours": OPT_OUT,
    "opt_out_reply_template": (MessageReceived, ConsentChanged),
    "reply_callback": REPLY,
    "reply_mms": RECEIVED,
    "reply_pairs": REPLY,
    "reply_stop": OPT_OUT,
    "reply_unsolicited": RECEIVED,
    "report_callback": REPORT,
    "report_minimal": REPORT,
    "report_ours": REPORT,
    "report_variables": REPORT,
    "unknown_words": UNKNOWN,
}
POLLED_EXAMPLES = {
    "rest_check_delivery_reports_response_200.json": ("delivery_reports", "/v1/delivery_reports", DeliveryUpdated),
    "rest_check_delivery_reports_response_rejected.json": ("delivery_reports", "/v1/delivery_reports", DeliveryUpdated),
    "rest_check_replies_response_200.json": ("replies", "/v1/replies", MessageReplied),
    "rest_check_replies_response_no_destination.json": ("replies", "/v1/replies", MessageReplied),
    "rest_check_replies_response_unsolicited.json": ("replies", "/v1/replies", MessageReceived),
}
needs_examples = pytest.mark.skipif(
    not EXAMPLES.is_dir(), reason="the published examples are not beside the repository"
)


def report(name: str) -> DeliveryUpdated:
    """Return the one delivery report of a fixture."""
    (event,) = events_of(fixture_value(name))
    assert isinstance(event, DeliveryUpdated)
    return event


def message(value: Any, **webhook: Any) -> MessageReceived | MessageReplied:
    """Return the message of a fixture's name or a value."""
    event = events_of(fixture_value(value) if isinstance(value, str) else value, **webhook)[0]
    assert isinstance(event, MessageReceived | MessageReplied)
    return event


@needs_examples
@pytest.mark.parametrize("name", EXPECTED)
def test_published_example(name: str) -> None:
    """Every published webhook becomes what it tells of."""
    body = (EXAMPLES / name).read_bytes()
    webhook = {
        ".json": webhook_of(body),
        ".xml": webhook_of(body, content_type="text/xml"),
        ".txt": webhook_of(body, content_type=None),
    }[name[name.rindex(".") :]]
    if "query" in name:
        webhook = webhook_of(method="GET", target=body.decode().strip(), content_type=None)
    found = normalize(webhook)
    assert tuple(type(event) for event in found) == EXPECTED[name]
    assert_round_trip(found)


@needs_examples
def test_every_published_webhook_is_expected_above() -> None:
    """No example file is left out."""
    names = {path.name for path in EXAMPLES.iterdir() if path.name.startswith(("callback_", "webhook_"))}
    assert names == EXPECTED.keys()


@needs_examples
@pytest.mark.parametrize("name", POLLED_EXAMPLES)
def test_published_polled_item(name: str) -> None:
    """Every item of a published check becomes the event that a push of it would be."""
    member, path, expected = POLLED_EXAMPLES[name]
    answer = JsonText((EXAMPLES / name).read_bytes()).value()
    assert answer[member]
    for item in answer[member]:
        (event,) = events = normalize(polled(JsonText.of(item).raw, path))
        assert isinstance(event, expected)
        assert_round_trip(events)


@pytest.mark.parametrize("name", FIXTURE_EXPECTED)
def test_fixture(name: str) -> None:
    """Every shape becomes what it tells of, and keeps the provider's own words beside it."""
    found = events_of(fixture_value(name))
    assert tuple(type(event) for event in found) == FIXTURE_EXPECTED[name]
    assert all(event.provider_data is not None for event in found)


def test_every_fixture_is_expected_above() -> None:
    """No fixture is left out."""
    assert fixture_names() == sorted(FIXTURE_EXPECTED)


def test_common_fields() -> None:
    """An event says whose it is, when it happened by the provider's clock, and which attempt brought it."""
    event = report("report_ours")
    assert (event.provider, event.account, event.tenant, event.attempt) == ("messagemedia", "main", "acme", 2)
    assert event.occurred_at is not None
    assert event.occurred_at.isoformat() == "2026-01-01T00:00:02.250000+00:00"
    assert event.provider_event_id == "5e000001-0000-4000-8000-000000000002"


def test_delivered_report() -> None:
    """The source of a report is who the message went to."""
    event = report("report_callback")
    assert (event.status, event.provider_status, event.failure_class) == ("delivered", "delivered", None)
    assert (event.from_, event.to, event.direction) == (None, "+61491570156", "outbound")
    assert event.message_id == "5e000002-0000-4000-8000-000000000001"
    assert event.completed_at is not None
    assert event.completed_at.isoformat() == "2026-01-01T00:00:01.125000+00:00"
    assert (event.sent_at, event.errors) == (None, ())


def test_billing_units_and_metadata() -> None:
    """Units are a cost without money; what the sender gave the message comes back as tags."""
    event = report("report_callback")
    assert event.cost == Cost(amount="2", currency="billing_units")
    assert event.tags == ("order=17", "shop=north")


def test_failed_report_has_code_and_class() -> None:
    """A block of the account's own list is an opt-out."""
    event = report("report_ours")
    assert (event.status, event.failure_class, event.channel) == ("rejected", "opt_out", "sms")
    assert event.errors == (ProviderError(code="302"),)
    assert event.cost is None


def test_report_of_variables_without_a_status() -> None:
    """The code tells where the word is missing, also as a number; a zone is turned into UTC."""
    event = report("report_variables")
    assert (event.status, event.provider_status) == ("delivered", None)
    assert event.occurred_at is not None
    assert event.occurred_at.isoformat() == "2026-01-01T00:00:02+00:00"


def test_report_of_two_fields() -> None:
    """`id` is the message in the provider's template for reports."""
    event = report("report_minimal")
    assert (event.message_id, event.status, event.provider_event_id) == (
        "5e000002-0000-4000-8000-000000000004",
        "sending",
        None,
    )


@pytest.mark.parametrize(
    ("status", "ours"), [("200", "sent"), (220, "delivered"), ("410", "rejected"), ("999", "unknown")]
)
def test_code_in_the_place_of_the_status(status: object, ours: str) -> None:
    """The provider's two-field template puts the code there."""
    (event,) = events_of({"id": "5e000002", "status": status})
    assert isinstance(event, DeliveryUpdated)
    assert (event.status, event.provider_status) == (ours, str(status))


@pytest.mark.parametrize(
    ("word", "ours"), [("DELIVERED", "delivered"), ("Enroute", "sending"), ("teleported", "unknown")]
)
def test_status_in_any_case_and_unknown_words(word: str, ours: str) -> None:
    """A word that nobody has told us passes through beside ours."""
    value = fixture_value("report_callback") | {"status": word}
    (event,) = events_of(value)
    assert isinstance(event, DeliveryUpdated)
    assert (event.status, event.provider_status) == (ours, word)


@pytest.mark.parametrize(
    ("status", "code", "errors"),
    [
        ("TELEPORTED", "999", ("999",)),
        ("undefined", 331, ("331",)),
        ("999", "", ("999",)),
        ("failed", "400", ("400",)),
        ("TELEPORTED", "", ()),
        ("delivered", "220", ()),
        ("enroute", "101", ()),
    ],
)
def test_the_code_of_a_failed_or_unknown_status_is_an_error(status: str, code: object, errors: tuple[str]) -> None:
    """It stands beside the word; a code of success is no error."""
    (event,) = events_of(fixture_value("report_callback") | {"status": status, "error_code": code})
    assert isinstance(event, DeliveryUpdated)
    assert event.errors == tuple(ProviderError(code=error) for error in errors)


def test_time_of_sending() -> None:
    """`submitted` is given to the carrier: then the change of status is the sending."""
    (event,) = events_of(fixture_value("report_callback") | {"status": "submitted", "error_code": "200"})
    assert isinstance(event, DeliveryUpdated)
    assert event.sent_at is not None
    assert event.completed_at is None


def test_reply() -> None:
    """A reply names the message that it answers; its source is the person."""
    event = message("reply_callback")
    assert isinstance(event, MessageReplied)
    assert (event.from_, event.to, event.text) == ("+61491570156", "+61491570157", "When do you open?")
    assert event.message_id == event.provider_event_id == "5e000003-0000-4000-8000-000000000005"
    assert event.related_message_id == "5e000002-0000-4000-8000-000000000005"
    assert (event.direction, event.autoresponse, event.tags) == ("inbound", None, ("order=17",))


def test_unsolicited_message() -> None:
    """Without a message that it answers it is received, not replied."""
    event = message("reply_unsolicited")
    assert isinstance(event, MessageReceived)
    assert (event.text, event.related_message_id) == ("HOURS", None)


def test_reply_without_our_number() -> None:
    """It is missing where the message was sent without naming one."""
    value = fixture_value("reply_callback")
    del value["destination_number"]
    assert message(value).to is None


def test_mms_files_are_pointed_to() -> None:
    """Each file has its place in the raw record, its type, its name and its decoded size."""
    event = message("reply_mms")
    assert event.media == (
        Media(content_type="image/png", size=8, name="door.png", pointer="/attachments/0/content"),
        Media(content_type="text/plain", size=5, name="note.txt", pointer="/attachments/1/content"),
    )
    assert (event.channel, event.text) == ("mms", None)


def test_mms_files_are_left_out_of_the_event() -> None:
    """Everything else of the body goes along."""
    value = fixture_value("reply_mms")
    event = message(value)
    assert event.provider_data is not None
    for attachment in value["attachments"]:
        del attachment["content"]
    assert event.provider_data.value() == value


def test_bodies_without_files_go_along_byte_for_byte() -> None:
    """Not a blank is lost."""
    body = b' {"reply_id" :  "1", "source_number": "+61491570156", "attachments": [ ], "n": 1.00}\n'
    (event,) = events_of(body)
    assert event.provider_data is not None
    assert event.provider_data.raw == body.strip()


@pytest.mark.parametrize(
    ("attachments", "media"),
    [
        ({"content_type": "a/b", "content": "eA=="}, Media(content_type="a/b", size=1, pointer="/attachments/content")),
        (
            [{"contentType": "a/b", "base64": "eA=="}],
            Media(content_type="a/b", size=1, pointer="/attachments/0/base64"),
        ),
        ([7, {"content": "eA\n=="}], Media(size=1, pointer="/attachments/1/content")),
        ([{"content": "%%%", "original_name": "x"}], Media(name="x", pointer="/attachments/0/content")),
        ([{"content": 5, "original_name": "x"}], Media(name="x")),
    ],
)
def test_attachments_in_other_shapes(attachments: object, media: Media) -> None:
    """A lone file, the variables' names, broken base64: what can be read is."""
    event = message(fixture_value("reply_mms") | {"attachments": attachments})
    assert event.media == (media,)


def test_a_pointer_escapes_the_name_that_it_goes_through() -> None:
    """RFC 6901: `~` and `/` in a member's name."""
    value = {"reply_id": "1", "source_number": "+61491570156", "m/m~s": [{"content": "eA=="}]}
    event = events_of(value, {"field_names": {"attachments": "m/m~s"}})[0]
    assert isinstance(event, MessageReceived)
    assert event.media == (Media(size=1, pointer="/m~1m~0s/0/content"),)
    assert event.provider_data is not None
    assert b"eA==" not in event.provider_data.raw


def test_files_under_two_names_are_both_left_out() -> None:
    """The account's own name for them goes into the very list that the usual one names."""
    value = {"reply_id": "1", "source_number": "x", "attachments": {"content": {"list": "QUFB"}, "base64": "QkJC"}}
    (event,) = events_of(value, {"field_names": {"attachments": "attachments.content.list"}})
    assert event.provider_data is not None
    assert event.provider_data.value()["attachments"] == {}


def test_of_endless_lists_the_first_hundred_are_read() -> None:
    """No message has so many; the raw record keeps all."""
    value = fixture_value("reply_mms") | {
        "attachments": [{"content": "eA=="}] * 5000,
        "metadata": {f"k{number}": "v" for number in range(5000)},
    }
    event = message(value)
    assert (len(event.media), len(event.tags)) == (100, 100)
    assert event.provider_data is not None
    assert len(event.provider_data.value()["attachments"]) == 100


def test_metadata_as_a_list_of_pairs() -> None:
    """Pairs whose variables were not filled in are none."""
    assert message("reply_pairs").tags == ("order=17",)


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b'{"replyContent": "He said "yes""}', "application/json", "not_json"),
        (b"<message/>", "application/xml", "xml"),
        (b"<message/>", None, "xml"),
        (b"not a form", "application/xml", "xml"),
        (b"--x\r\n", "multipart/form-data; boundary=x", "not_json"),
        (b"[]", "application/json", "not_an_object"),
        (b"", "application/json", "empty"),
        (b"\xff\xfe", None, "not_json"),
        (b"&".join([b"a=1"] * 500), "application/x-www-form-urlencoded", "form_too_large"),
        (b"a=" + b"x" * 200_000, "application/x-www-form-urlencoded", "form_too_large"),
        (b'{"news": 1}', "application/json", "unknown_event"),
        (b'\xef\xbb\xbf{"news": 1}', "application/json", "unknown_event"),
        (b'{"event": "reply"}', "application/json", "malformed_payload"),
    ],
)
def test_what_is_not_understood_is_kept(body: bytes, content_type: str | None, reason: str) -> None:
    """One event says why; the raw record has the bytes."""
    (event,) = events_of(body, content_type=content_type)
    assert isinstance(event, WebhookUnrecognized)
    assert event.reason == reason


def test_unrecognized_keeps_the_ids_that_it_has() -> None:
    """The reason, the name of the news and the provider's own id help to find it."""
    (event,) = events_of({"event": "weather", "reply_id": "$x", "message_id": "5e1", "nothing": 1})
    assert isinstance(event, WebhookUnrecognized)
    assert (event.message_id, event.notice, event.reason) == ("5e1", "weather", "unknown_event")


def test_fixtures_are_where_the_tests_look() -> None:
    """A test over an empty folder would pass."""
    assert (FIXTURES / "signature_vectors.json").is_file()
    assert len(fixture_names()) >= 14
