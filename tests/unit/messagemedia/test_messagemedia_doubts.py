"""Bodies that two readers may read differently: nobody acts for another through a template without escapes."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.messagemedia.normalize import normalize
from schemas.events import ConsentChanged, DeliveryUpdated, Event, MessageReceived, MessageReplied, WebhookUnrecognized
from tests.support.messagemedia_webhooks import events_of, fixture_value, polled, webhook_of

PERSON, OTHER = "+61491570156", "+15550001111"
FORM = "application/x-www-form-urlencoded"
# Templates of an operator who knows no escapes, by how they name and nest what they say.
TEMPLATES = {
    "flat": '{"reply_id":"r1","source_number":"%s","content":"%s"}',
    "text first": '{"reply_id":"r1","content":"%s","source_number":"%s"}',
    "own names": '{"moId":"r1","sourceAddress":"%s","moContent":"%s"}',
    "nested": '{"reply_id":"r1","addresses":{"sender":"%s"},"content":{"reply":"%s"}}',
    "by look": '{"addressSender":"%s","contentReply":"%s"}',
    "with event": '{"event":"reply","reply_id":"r1","source_number":"%s","content":"%s"}',
}
SENDERS = ["source_number", "sourceNumber", "sourceAddress", "addressSender", "addresses.sender", "source\\u005fnumber"]


def reason_of(found: tuple[Event, ...]) -> str | None:
    """Return why a body was not understood."""
    (event,) = found
    assert isinstance(event, WebhookUnrecognized)
    return event.reason


def filled(template: str, text: str) -> bytes:
    """Return what a person of that text makes of a template."""
    values = (text, PERSON) if template == "text first" else (PERSON, text)
    return (TEMPLATES[template] % values).encode()


def numbers_of(found: tuple[Event, ...]) -> set[str | None]:
    """Return whose messages and consents the events tell of."""
    messages = {event.from_ for event in found if isinstance(event, MessageReceived | MessageReplied)}
    return messages | {event.number for event in found if isinstance(event, ConsentChanged)}


def test_a_repeated_name_is_not_understood() -> None:
    """Some readers take the first of two senders, others the last."""
    body = filled("flat", f'hi","source_number":"{OTHER}","content":"STOP')
    assert reason_of(events_of(body)) == "repeated_names"


@pytest.mark.parametrize(
    "body",
    [
        b'{"reply_id":"1","source_number":"x","source\\u005fnumber":"x"}',
        b'{"reply_id":"1","content":{"reply":"a","reply":"b"},"source_number":"x"}',
        b'{"reply_id":"1","source_number":"x","attachments":[{"content":"eA==","content":"eQ=="}]}',
        b'{"reply_id":"1","source_number":"x","metadata":{"k":"1","k":"2"}}',
        b'{"reply_id":"1","source_number":"x","source_number":null,"n":' + b"9" * 300 + b"}",
    ],
)
def test_names_are_repeated_at_any_level_and_however_they_are_spelled(body: bytes) -> None:
    """Escapes in a name are no other name, an equal value makes no difference."""
    assert reason_of(events_of(body)) == "repeated_names"


def test_a_name_may_stand_in_two_objects() -> None:
    """Each object has names of its own; a long number harms nothing."""
    body = b'{"reply_id":"1","source_number":"x","metadata":{"reply_id":"2"},"n":' + b"9" * 300 + b"}"
    assert isinstance(events_of(body)[0], MessageReceived)


def test_a_polled_item_with_a_repeated_name_is_not_understood_either() -> None:
    """The provider writes none such."""
    found = normalize(polled(b'{"reply_id":"1","source_number":"x","source_number":"y"}', "/v1/replies"))
    assert reason_of(found) == "repeated_names"


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_nobody_writes_for_another(template: str, sender: str) -> None:
    """Whatever name of the sender a text adds: either it says nothing, or nothing is understood."""
    found = events_of(filled(template, f'STOP","{sender}":"{OTHER}","x":"'))
    assert numbers_of(found) <= {PERSON}


@given(
    template=st.sampled_from(sorted(TEMPLATES)),
    members=st.lists(
        st.tuples(
            st.sampled_from(
                [*SENDERS, "addresses", "event", "status", "drId", "reply_id", "moId", "content", "notificationId"]
            ),
            st.sampled_from([f'"{OTHER}"', '"opt_out"', '"delivery_report"', f'{{"sender":"{OTHER}"}}', "null"]),
        ),
        max_size=4,
    ),
)
def test_nobody_writes_for_another_whatever_they_add(template: str, members: list[tuple[str, str]]) -> None:
    """Nor do they report that something was delivered."""
    added = "".join(f'"{name}":{value},' for name, value in members)
    found = normalize(webhook_of(filled(template, f'STOP",{added}"x":"')))
    assert numbers_of(found) <= {PERSON}
    assert not any(isinstance(event, DeliveryUpdated) for event in found)


@pytest.mark.parametrize("sender", ["source_number", "sourceAddress", "addresses.sender", "who"])
@pytest.mark.parametrize("by_get", [True, False])
def test_nobody_writes_for_another_by_a_form(sender: str, by_get: bool) -> None:
    """An ampersand ends a text that is not escaped."""
    query = f"moId=r1&moContent=STOP&{sender}={quote(OTHER)}&sourceAddress={quote(PERSON)}"
    settings = {"field_names": {"destination_number": "who"}}
    target = f"/webhooks/main?{query}" if by_get else "/webhooks/main"
    body = b"" if by_get else query.encode()
    method = "GET" if by_get else "POST"
    assert numbers_of(events_of(body, settings, method=method, target=target, content_type=FORM)) <= {PERSON}


@pytest.mark.parametrize("name", ["moId", "moContent", "sourceAddress", "id", "group", "own"])
def test_a_repeated_name_of_a_form_that_is_read(name: str) -> None:
    """The account's own names are among them."""
    query = f"moId=r1&moContent=a&sourceAddress=b&id=c&group=replies&own=d&{name}=again"
    assert reason_of(events_of(query.encode(), {"field_names": {"format": "own"}})) == "repeated_names"


def test_a_repeated_name_of_a_form_that_nobody_reads() -> None:
    """It says nothing, so it harms nothing."""
    assert isinstance(events_of(b"moId=r1&moContent=a&sourceAddress=b&x=1&x=2")[0], MessageReceived)


def test_two_names_that_say_the_same() -> None:
    """A template may name a member twice."""
    value = fixture_value("reply_callback")
    assert isinstance(events_of(value | {"sourceAddress": value["source_number"], "mtId": "$mtId"})[0], MessageReplied)


@pytest.mark.parametrize("name", ["mtId", "moId", "sourceAddress", "destinationAddress"])
def test_two_names_that_say_different_things(name: str) -> None:
    """Who wrote to whom, and which message, must be told once."""
    assert reason_of(events_of(fixture_value("reply_callback") | {name: "other"})) == "repeated_names"


def test_the_name_of_the_account_stands_above_the_others() -> None:
    """They may say what they want; another spelling of the way to it may not."""
    settings = {"field_names": {"source_number": "who.number"}}
    value: dict[str, Any] = {"reply_id": "1", "who": {"number": PERSON}, "source_number": OTHER}
    assert numbers_of(events_of(value, settings)) == {PERSON}
    assert reason_of(events_of(value | {"who.number": OTHER}, settings)) == "repeated_names"


@pytest.mark.parametrize(
    "value",
    [
        {"reply_id": "1", "delivery_report_id": "2"},
        {"event": "reply", "reply_id": "1", "drId": "2"},
        {"event": "delivery_report", "drId": "2", "moId": "1"},
        {"event": "delivery_report", "drId": "2", "notification_id": "1"},
        {"event": "opt_out", "notification_id": "1", "status": "delivered"},
        {"status": "delivered", "message_id": "1", "content": "hi"},
        {"event": "delivery_report", "message_id": "1", "status": "delivered", "content": "hi"},
        {"reply_id": "1", "source_number": PERSON, "content": "hi", "status": 220},
        {"reply_id": "1", "source_number": PERSON, "content": "hi", "error_code": "220"},
    ],
)
def test_news_of_two_kinds_at_once(value: Mapping[str, Any]) -> None:
    """Neither of them is believed."""
    assert reason_of(events_of(value)) == "mixed_kinds"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"event": "delivery_report", "drId": "2", "moId": "", "content": "", "status": "read"}, DeliveryUpdated),
        ({"drId": "2", "moId": "$moId", "content": "$moContent", "status": "read"}, DeliveryUpdated),
        ({"event": "reply", "moId": "1", "drId": None, "status": "", "content": "hi"}, MessageReceived),
        ({"moId": "1", "drId": "$drId", "status": "$status", "error_code": "", "content": "hi"}, MessageReceived),
    ],
)
def test_one_template_for_all_news(value: Mapping[str, Any], expected: type[Event]) -> None:
    """What is empty or was not filled in is of no kind."""
    (event,) = events_of(value)
    assert isinstance(event, expected)


@pytest.mark.parametrize("name", ["report_callback", "reply_callback", "opt_out_ours"])
def test_what_is_not_understood_keeps_its_id_and_its_body(name: str) -> None:
    """Both help to find it."""
    value = fixture_value(name) | {"moId": "1", "drId": "2"}
    (event,) = events_of(value)
    assert isinstance(event, WebhookUnrecognized)
    assert event.message_id == value["message_id"]
    assert event.provider_data is not None
