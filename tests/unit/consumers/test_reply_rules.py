"""Whether and how a message is answered."""

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.auto_reply.deciding import Decision, ReplyOutcome, decide, expiry, normalized
from consumers.settings import AutoReplySettings, Rule
from schemas.events import MessageReceived, MessageReplied
from tests.support.consumers import MAIN, NOW, inbound
from tests.support.events import instances_of, moments, texts

HOURS = Rule(name="hours", keywords=("HOURS", "Opening Times"), reply="Open 9 to 17.")
LATER = Rule(name="later", keywords=("hours", "why?", "?"), reply="Never reached by 'hours'.")
OTHER = Rule(name="other", keywords=("price",), reply="Ten.", accounts=("elsewhere",))
SETTINGS = AutoReplySettings(rules=(HOURS, LATER, OTHER))
WITH_DEFAULT = replace(SETTINGS, default_reply="We will call.")


@pytest.mark.parametrize(
    "text", ["HOURS", "hours", "  Hours \n", "hours!", "Hours?!", "opening\t times.", "HOURS…", "\uff48ours"]
)
def test_a_keyword_fits_whatever_its_case_spaces_and_end(text: str) -> None:
    """The first rule that fits answers."""
    assert decide(SETTINGS, inbound(text=text), NOW) == Decision(ReplyOutcome.REPLY, "hours", "Open 9 to 17.")


@pytest.mark.parametrize("text", ["hours please", "", None, "ho urs", "!hours", "."])
def test_a_text_that_is_no_keyword_gets_no_answer(text: str | None) -> None:
    """A keyword is the whole text, and without a default reply there is silence."""
    assert decide(SETTINGS, inbound(text=text), NOW).outcome is ReplyOutcome.NO_RULE


def test_punctuation_alone_can_be_a_keyword() -> None:
    """A rule for '?' is a rule."""
    assert decide(SETTINGS, inbound(text="?"), NOW).rule == "later"


def test_a_rule_for_other_accounts_does_not_answer() -> None:
    """A rule with accounts answers for these alone."""
    assert decide(SETTINGS, inbound(text="price"), NOW).outcome is ReplyOutcome.NO_RULE
    assert decide(SETTINGS, inbound(text="price", account="elsewhere"), NOW).rule == "other"


@pytest.mark.parametrize("text", ["good morning", None])
def test_the_default_reply_answers_what_no_rule_fits(text: str | None) -> None:
    """Also a message without a text, such as a picture."""
    assert decide(WITH_DEFAULT, inbound(text=text), NOW) == Decision(ReplyOutcome.REPLY, "default", "We will call.")


@pytest.mark.parametrize("text", ["STOP", "stop.", " Stop All ", "unsubscribe", "QUIT!"])
def test_the_default_reply_never_answers_who_opts_out(text: str) -> None:
    """Also where the provider says nothing of it; a rule for the word may confirm."""
    assert decide(WITH_DEFAULT, inbound(text=text), NOW).outcome is ReplyOutcome.OPT_OUT_WORD
    rule = Rule(name="bye", keywords=("stop", "stop all", "unsubscribe", "quit"), reply="You get no more.")
    confirming = replace(WITH_DEFAULT, rules=(rule,))
    assert decide(confirming, inbound(text=text), NOW).rule == "bye"


def test_a_message_without_an_id_is_left_to_the_poll_that_brings_it_again() -> None:
    """So that one message never gets two answers; where nothing is polled it is answered."""
    pushed, polled = inbound(message_id=None), inbound()
    assert decide(WITH_DEFAULT, pushed, NOW, polled=True).outcome is ReplyOutcome.LEFT_TO_POLL
    assert decide(WITH_DEFAULT, polled, NOW, polled=True).outcome is ReplyOutcome.REPLY
    assert decide(WITH_DEFAULT, pushed, NOW).outcome is ReplyOutcome.REPLY


def test_a_message_to_no_number_is_answered_where_the_provider_chooses_one() -> None:
    """And nowhere else."""
    event = inbound(to=None)
    assert decide(WITH_DEFAULT, event, NOW).outcome is ReplyOutcome.NO_NUMBER
    assert decide(WITH_DEFAULT, event, NOW, needs_number=False).outcome is ReplyOutcome.REPLY


def test_an_empty_reply_is_silence() -> None:
    """No empty text is sent."""
    silent = AutoReplySettings(rules=(replace(HOURS, reply=""),), default_reply="")
    assert decide(silent, inbound(text="hours"), NOW).outcome is ReplyOutcome.NO_RULE


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"direction": "outbound"}, ReplyOutcome.OUTBOUND),
        ({"content_type": "edit", "related_message_id": "m"}, ReplyOutcome.NOT_A_MESSAGE),
        ({"content_type": "revoke", "related_message_id": "m"}, ReplyOutcome.NOT_A_MESSAGE),
        ({"to": None}, ReplyOutcome.NO_NUMBER),
        ({"to": ""}, ReplyOutcome.NO_NUMBER),
        ({"from_": None}, ReplyOutcome.NOT_A_PERSON),
        ({"from_": ""}, ReplyOutcome.NOT_A_PERSON),
        ({"from_": "48500"}, ReplyOutcome.NOT_A_PERSON),
        ({"from_": "ACME"}, ReplyOutcome.NOT_A_PERSON),
        ({"from_": "+1555000000x"}, ReplyOutcome.NOT_A_PERSON),
        ({"from_": "", "channel": "whatsapp"}, ReplyOutcome.NOT_A_PERSON),
        ({"from_": MAIN}, ReplyOutcome.OWN_NUMBER),
        ({"autoresponse": "stop"}, ReplyOutcome.OPT_OUT_WORD),
        ({"autoresponse": "a-word-of-tomorrow"}, ReplyOutcome.OPT_OUT_WORD),
        ({"occurred_at": NOW - timedelta(seconds=901)}, ReplyOutcome.TOO_OLD),
        ({"occurred_at": None, "received_at": NOW - timedelta(seconds=901)}, ReplyOutcome.TOO_OLD),
    ],
)
def test_what_is_never_answered(fields: dict[str, Any], outcome: ReplyOutcome) -> None:
    """Neither by a rule nor by the default reply."""
    assert decide(WITH_DEFAULT, inbound(**fields), NOW) == Decision(outcome)


@pytest.mark.parametrize(
    "fields",
    [
        {"from_": "15550000009"},
        {"from_": "US.1234567890", "channel": "whatsapp"},
        {"direction": None},
        {"occurred_at": NOW - timedelta(seconds=900)},
        {"occurred_at": NOW + timedelta(days=1)},
        {"cc": ("+15550000003", "+15550000004")},
    ],
)
def test_what_is_answered_all_the_same(fields: dict[str, Any]) -> None:
    """A hidden number, a clock that is ahead, a group: the sender gets an answer."""
    assert decide(SETTINGS, inbound(**fields), NOW).outcome is ReplyOutcome.REPLY


def test_a_clock_that_is_ahead_does_not_prolong_an_answer() -> None:
    """A message from the future counts as written now."""
    ahead = inbound(occurred_at=NOW + timedelta(days=1))
    assert expiry(SETTINGS, ahead, NOW) == NOW + timedelta(seconds=900)


messages = st.one_of(instances_of(MessageReceived), instances_of(MessageReplied))
settings = st.builds(
    AutoReplySettings,
    rules=st.lists(
        st.builds(Rule, name=texts, keywords=st.lists(texts, max_size=3).map(tuple), reply=texts), max_size=3
    ).map(tuple),
    default_reply=st.none() | texts,
    max_age=st.floats(allow_nan=False),
)


@given(settings, messages, moments)
def test_deciding_never_raises(given_settings: AutoReplySettings, event: MessageReceived, now: Any) -> None:
    """Whatever a message holds there is a decision, and a reply has a rule and a text."""
    decision = decide(given_settings, event, now)
    assert (decision.outcome is ReplyOutcome.REPLY) == bool(decision.text)
    assert expiry(given_settings, event, now) is not None


@given(st.text())
def test_comparing_twice_is_comparing_once(text: str) -> None:
    """A text as it is compared is compared as itself."""
    assert normalized(normalized(text)) == normalized(text)


def test_a_long_text_costs_no_more_than_reading_it() -> None:
    """A run of combining characters takes quadratic time to compose; as no keyword is so long, nobody composes it."""
    text = "a" + "\u0315\u0300" * 62_000
    began = time.process_time()
    assert normalized(text) == text
    assert time.process_time() - began < 0.1
