"""Opt-outs and opt-ins: by the platform's event, by what people write, and by the platform's list."""

import json
from collections.abc import Mapping

import pytest

from providers.messagemedia.consent import CONSENTS, answers, keyword_of
from providers.messagemedia.normalize import normalize
from schemas.events import ConsentChanged, Event, MessageReceived, MessageReplied, WebhookUnrecognized
from tests.support.messagemedia_webhooks import assert_round_trip, events_of, fixture_value, polled

BLACKLIST = "/v1/number_authorisation/mt/blacklist"


def said(text: str) -> tuple[Event, ...]:
    """Return the events of a reply with that text."""
    return events_of(fixture_value("reply_callback") | {"content": text})


def listed(item: object, path: str = BLACKLIST) -> tuple[Event, ...]:
    """Return the events of a polled entry of the blacklist."""
    found = normalize(polled(json.dumps(item).encode(), path))
    assert_round_trip(found)
    return found


def test_opt_out_event() -> None:
    """The platform's opt-out is a message that it has acted on, and a consent."""
    message, consent = events_of(fixture_value("opt_out_ours"))
    assert isinstance(message, MessageReplied)
    assert isinstance(consent, ConsentChanged)
    assert (message.autoresponse, message.message_id, message.text) == ("stop", None, "STOP")
    assert (consent.consent, consent.source, consent.scope) == ("opted_out", "message", "account")
    assert (consent.number, consent.keyword, consent.provider_status) == ("+61491570156", "STOP", "OPT_OUT_SMS")
    assert message.provider_event_id == consent.provider_event_id == "5e000004-0000-4000-8000-000000000010"


def test_opt_out_of_an_unsolicited_message() -> None:
    """Without a message that it answers it is received."""
    value = fixture_value("opt_out_ours") | {"message_id": ""}
    assert isinstance(events_of(value)[0], MessageReceived)


def test_opt_out_without_a_number_is_a_message_alone() -> None:
    """Nobody is named whose consent it could be."""
    (event,) = events_of(fixture_value("opt_out_ours") | {"source_number": ""})
    assert isinstance(event, MessageReplied)
    assert event.autoresponse == "stop"


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        "stop",
        " Stop! ",
        "Stopall",
        "stop  ALL",
        "unsubscribe\n",
        "END",
        "Opt out",
        '"STOP"',
        "\uff33\uff34\uff2f\uff30",
    ],
)
def test_stop_words_in_a_reply(text: str) -> None:
    """STOP can come as a reply too; it opts out, and no rule of ours answers it."""
    message, consent = said(text)
    assert isinstance(message, MessageReplied)
    assert message.autoresponse == "stop"
    assert isinstance(consent, ConsentChanged)
    assert (consent.consent, consent.provider_status) == ("opted_out", None)
    assert consent.keyword == keyword_of(text)


@pytest.mark.parametrize("text", ["START", " Unstop\n"])
def test_start_words_in_a_reply(text: str) -> None:
    """They opt in; who answers them is not documented, so a rule of ours may."""
    message, consent = said(text)
    assert isinstance(message, MessageReplied)
    assert message.autoresponse is None
    assert isinstance(consent, ConsentChanged)
    assert consent.consent == "opted_in"


@pytest.mark.parametrize(
    "text", ["please stop by", "stop it", "HELP", "yes", "", "s" * 70, "STOP" * 30, "START.", "start?"]
)
def test_other_texts_say_nothing_about_consent(text: str) -> None:
    """The word has to be the whole text."""
    assert len(said(text)) == 1


def test_long_words_of_an_opt_out_are_no_keyword() -> None:
    """The topic of consents is kept for ever; a letter does not belong there."""
    events = events_of(fixture_value("opt_out_ours") | {"content": "please " * 20})
    assert isinstance(events[1], ConsentChanged)
    assert events[1].keyword is None


@pytest.mark.parametrize(("state", "consent"), [(True, "opted_out"), (False, "opted_in")])
def test_entries_of_the_blacklist(state: object, consent: str) -> None:
    """Who is on the list is out, who was taken off is in."""
    (event,) = listed({"number": "+61491570156", "listed": state})
    assert isinstance(event, ConsentChanged)
    assert (event.consent, event.source, event.scope) == (consent, "list", "account")
    assert (event.number, event.provider_event_id) == ("+61491570156", None)
    assert CONSENTS[event.provider_status or ""] == consent


def test_entries_of_the_blacklist_have_an_id_a_state() -> None:
    """The list has neither ids nor times: two pollers that see the same state say the same."""
    ids = {
        listed({"number": f"+6149157015{digit}", "listed": state})[0].id for digit in "67" for state in (True, False)
    }
    assert len(ids) == 4
    assert listed({"listed": True, "number": "+61491570156"})[0].id in ids


@pytest.mark.parametrize(
    "item", [{"number": "+61491570156"}, {"listed": True}, {"number": 5, "listed": True}, {"number": "x", "listed": 1}]
)
def test_broken_entries_are_kept(item: Mapping[str, object]) -> None:
    """Nothing that was stored is lost."""
    (event,) = listed(item)
    assert isinstance(event, WebhookUnrecognized)
    assert event.reason == "malformed_payload"


def test_another_polled_path_is_unknown() -> None:
    """Only the paths that we poll have a meaning."""
    (event,) = listed({"number": "+61491570156", "listed": True}, "/v1/other")
    assert isinstance(event, WebhookUnrecognized)


def test_a_pushed_body_never_speaks_for_the_blacklist() -> None:
    """Only the poll does."""
    (event,) = events_of({"number": "+61491570156", "listed": False}, target=BLACKLIST)
    assert isinstance(event, WebhookUnrecognized)


@pytest.mark.parametrize("text", ["STOP", '"Stop".', "\uff33\uff34\uff2f\uff30", "START", "HELP", "hello"])
def test_what_the_platform_answers_is_told_beforehand_as_the_normalizer_tells_it(text: str) -> None:
    """`hookline rules test` and the running consumer say the same."""
    message = said(text)[0]
    assert isinstance(message, MessageReplied)
    assert answers(text, {}) == message.autoresponse
