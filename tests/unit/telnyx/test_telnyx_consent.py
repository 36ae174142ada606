"""Consent: from what a person wrote, and from Telnyx's list of opt-outs."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.telnyx import PROVIDER
from providers.telnyx.normalize import normalize
from providers.telnyx.optout import answers
from schemas.events import ConsentChanged, Event, MessageReceived, WebhookUnrecognized
from schemas.times import format_time
from schemas.vocabulary import Ingress
from schemas.webhook import Webhook
from tests.support.telnyx import event_body, event_value, webhook_of
from tests.support.telnyx_calls import OURS, PROFILE_ID, THEIRS, example
from tests.support.telnyx_events import assert_round_trip, events_of, written

ITEM = {
    "created_at": "2026-01-01 00:00:38.631252+00:00",
    "from": OURS,
    "keyword": "STOP",
    "messaging_profile_id": PROFILE_ID,
    "to": THEIRS,
}


def polled(item: object, target: str = "/messaging_optouts") -> Webhook:
    """Return the raw record of an item that a poll found."""
    body = item if isinstance(item, bytes) else json.dumps(item).encode()
    headers = (("content-type", "application/json"),)
    return replace(webhook_of(body, target=target), method="GET", headers=headers, ingress=Ingress.POLL)


def of_item(item: object) -> Event:
    """Return the one event of a polled item."""
    (event,) = normalize(polled(item))
    return event


def consent_of(**changes: Any) -> ConsentChanged:
    """Return the consent of a polled item with some fields changed."""
    event = of_item({**ITEM, **changes})
    assert isinstance(event, ConsentChanged)
    return event


def of_text(text: str, **fields: Any) -> tuple[Event, ...]:
    """Return the events of an SMS with that text."""
    value = event_value("received_sms")
    value["data"]["payload"].update({"text": text, **fields})
    return events_of(written(value))


@pytest.mark.parametrize(
    ("name", "consent", "keyword", "word"),
    [
        ("received_stop", "opted_out", "STOP", "STOP"),
        ("received_stop_old", "opted_out", "STOP ALL", None),
        ("received_start", "opted_in", "UNSTOP", "START"),
    ],
)
def test_word_gives_message_and_consent(name: str, consent: str, keyword: str, word: str | None) -> None:
    """A STOP or START is a message and a statement about consent, for the person and the profile."""
    message, event = events_of(event_body(name))
    assert isinstance(message, MessageReceived)
    assert isinstance(event, ConsentChanged)
    assert (event.consent, event.keyword, event.provider_status) == (consent, keyword, word)
    assert (event.number, event.source) == (message.from_, "message")
    assert event.scope == f"profile:{event_value(name)['data']['payload']['messaging_profile_id']}"
    assert (event.message_id, event.occurred_at) == (message.message_id, message.occurred_at)
    assert message.id != event.id


@pytest.mark.parametrize("name", ["received_help", "received_custom_keyword", "received_sms"])
def test_other_words_say_nothing_about_consent(name: str) -> None:
    """HELP, a keyword of an unknown family and any other text change no consent."""
    assert [type(event) for event in events_of(event_body(name))] == [MessageReceived]


def test_consent_has_the_id_of_message_and_person() -> None:
    """The consent of a message keeps its id however the event came, and under another `data.id`."""
    value = event_value("received_stop")
    before = events_of(written(value))[1].id
    value["data"]["id"] = "5e5e-other"
    value["meta"]["attempt"] = 4
    assert events_of(written(value))[1].id == before
    value["data"]["payload"]["from"]["phone_number"] = "+13125550155"
    assert events_of(written(value))[1].id != before


def test_without_a_profile_the_scope_is_the_account() -> None:
    """Where Telnyx names no profile, the consent holds for the account."""
    found = of_text("stop", messaging_profile_id=None)[1]
    assert isinstance(found, ConsentChanged)
    assert found.scope == "account"


def test_nobody_opts_out() -> None:
    """Without an author there is nobody whose consent it could be."""
    assert [type(event) for event in of_text("STOP", **{"from": None})] == [MessageReceived]


@pytest.mark.parametrize(
    ("text", "said", "consent"),
    [
        ("Stop!", None, "opted_out"),
        ("start", None, "opted_in"),
        ("UNSTOP", None, "opted_in"),
        ("start?", None, None),
        ("\uff33\uff34\uff2f\uff30", None, "opted_out"),
        ("start?", "START", "opted_in"),
        ("leave me alone", "STOP", "opted_out"),
        ("STOP", "HELP", None),
        ("STOP", "JOIN", None),
    ],
)
def test_telnyx_decides_and_doubt_opts_out(text: str, said: str | None, consent: str | None) -> None:
    """What Telnyx says about a message counts; our guess from the text opts in for the exact word alone."""
    found = [event.consent for event in of_text(text, autoresponse_type=said) if isinstance(event, ConsentChanged)]
    assert found == ([] if consent is None else [consent])


@pytest.mark.parametrize("text", ["STOP", "\u201cStop\u201d", "start", "start?", "HELP!", "info", "hello"])
def test_what_telnyx_answers_is_told_beforehand_as_the_normalizer_tells_it(text: str) -> None:
    """`hookline rules test` and the running consumer say the same of a message without `autoresponse_type`."""
    message = of_text(text, autoresponse_type=None)[0]
    assert isinstance(message, MessageReceived)
    assert answers(text, {}) == message.autoresponse


def test_a_long_text_is_no_keyword() -> None:
    """What a person wrote at length has no place in a record that is kept for years."""
    found = of_text("Please, please never write to me again, whoever you are", autoresponse_type="STOP")[1]
    assert isinstance(found, ConsentChanged)
    assert (found.consent, found.keyword) == ("opted_out", None)


def test_item_of_the_list() -> None:
    """An item says that `to`, the receiving address, wants nothing from the profile."""
    event = consent_of()
    assert (event.number, event.scope, event.consent) == (THEIRS, f"profile:{PROFILE_ID}", "opted_out")
    assert (event.source, event.keyword, event.provider_event_id) == ("list", "STOP", None)
    assert event.occurred_at is not None
    assert format_time(event.occurred_at) == "2026-01-01T00:00:38.631Z"
    assert event.provider_data is not None
    assert event.provider_data.value() == ITEM
    assert_round_trip((event,))


def test_item_with_nulls() -> None:
    """An item without profile and keyword holds for the account."""
    event = consent_of(keyword=None, messaging_profile_id=None)
    assert (event.scope, event.keyword) == ("account", None)


@pytest.mark.parametrize(
    "changes",
    [
        {"messaging_profile_id": None},
        {"from": "+17735550199"},
        {"to": "+13125550199"},
        {"created_at": "2026-01-02 00:00:38.631252+00:00"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_items_are_told_apart(changes: dict[str, Any]) -> None:
    """Profile, both numbers and the moment make the id."""
    assert consent_of(**changes).id != consent_of().id


def test_item_keeps_its_id() -> None:
    """Another way to write the time, another order of fields and another keyword are the same opt-out (P8)."""
    same = dict(reversed({**ITEM, "created_at": "2026-01-01T00:00:38.631Z", "keyword": "stop"}.items()))
    assert of_item(same).id == consent_of().id


def test_hidden_number_is_kept_as_unrecognized() -> None:
    """A number with half its digits hidden stands for many persons: it is nobody's consent, and not lost."""
    event = of_item({**ITEM, "to": "+44776600****"})
    assert isinstance(event, WebhookUnrecognized)
    assert event.reason == "hidden_number"


@pytest.mark.parametrize("item", [{}, {**ITEM, "to": None}, {**ITEM, "to": 7}, {**ITEM, "to": ""}])
def test_item_without_a_person(item: dict[str, Any]) -> None:
    """An item that names nobody is kept as unrecognized."""
    event = of_item(item)
    assert isinstance(event, WebhookUnrecognized)
    assert event.reason == "malformed_payload"


def test_pushed_item_is_no_opt_out() -> None:
    """Only what we asked for is an item of the list; the same bytes as a webhook are not understood."""
    (event,) = events_of(written(ITEM))
    assert isinstance(event, WebhookUnrecognized)
    (other,) = normalize(polled(ITEM, "/elsewhere"))
    assert isinstance(other, WebhookUnrecognized)


def test_published_list() -> None:
    """Of the two published items one names a person, the other hides half the number."""
    first, second = example("rest_list_optouts_response")["data"]
    event = of_item(first)
    assert isinstance(event, ConsentChanged)
    assert (event.number, event.scope) == ("+18005550199", "profile:3fa85f64-5717-4562-b3fc-2c963f66afa6")
    assert isinstance(of_item(second), WebhookUnrecognized)


@given(
    item=st.dictionaries(
        st.sampled_from(sorted(ITEM)),
        st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.lists(st.text(max_size=3), max_size=2),
    ),
    body=st.binary(max_size=60),
)
def test_any_item_gives_an_event(item: dict[str, Any], body: bytes) -> None:
    """Whatever an item holds, there is an event that can be stored."""
    for each in (item, body):
        assert_round_trip(normalize(polled(each)))


@pytest.mark.parametrize(
    "name", ["received_sms", "finalized_group", "link_click_named", "spend_limit", "received_stop"]
)
def test_provider_event_id(name: str) -> None:
    """Every event carries Telnyx's own id of what happened."""
    value = event_value(name)
    assert {event.provider_event_id for event in events_of(written(value))} == {value["data"]["id"]}


def test_words() -> None:
    """The tables hold Telnyx's own words, and the keywords of both families."""
    words = PROVIDER.words
    assert words.statuses["delivery_unconfirmed"] == "unconfirmed"
    assert words.failures["40333"] == "configuration"
    assert words.consents == {
        **dict.fromkeys(("STOP", "STOPALL", "STOP ALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"), "opted_out"),
        **dict.fromkeys(("START", "UNSTOP"), "opted_in"),
    }
