"""Answers with the event's fields in them."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.auto_reply.template import LONGEST_ANSWER, LONGEST_VALUE, TemplateError, read_template
from schemas.events import MessageReceived
from tests.support.consumers import MAIN, PERSON, inbound
from tests.support.events import instances_of

ZURICH = ZoneInfo("Europe/Zurich")
WRITTEN = datetime(2026, 7, 1, 6, 5, 9, tzinfo=UTC)


def filled(template: str, **fields: Any) -> str:
    """Return the answer to a message."""
    return read_template(template).fill(inbound(**fields), ZURICH)


@pytest.mark.parametrize(
    ("template", "answer"),
    [
        ("Open 9 to 17.", "Open 9 to 17."),
        ("You, {from}, wrote '{text}' to {to} ({account}).", f"You, {PERSON}, wrote 'hours' to {MAIN} (main)."),
        ("{{text}} }}{{ {{{text}}}", "{text} }{ {hours}"),
        ("at {occurred_at}", "at 2026-07-01 08:05"),
        ("at {occurred_at:%d.%m.%y%% %H:%M:%S}", None),
        ("at {occurred_at:%d.%m.%Y%% %H:%M:%S}", "at 01.07.2026% 08:05:09"),
        ("{subject}{tenant}", "acme"),
    ],
)
def test_a_template_is_filled(template: str, answer: str | None) -> None:
    """Values stand where their names are, times by the clock of the place, absent ones are empty."""
    if answer is None:
        with pytest.raises(TemplateError):
            read_template(template)
    else:
        assert filled(template, occurred_at=WRITTEN) == answer


def test_a_message_without_a_time_of_its_own_has_that_of_its_coming() -> None:
    """A provider may not tell when it was written."""
    assert filled("{occurred_at:%H:%M}", occurred_at=None, received_at=WRITTEN) == "08:05"


def test_a_value_is_no_template() -> None:
    """What a person writes is not read as one."""
    assert filled("{text}", text="{from} {{ %d {0.__class__}") == "{from} {{ %d {0.__class__}"


def test_control_characters_of_a_person_do_not_come_back() -> None:
    """Save the end of a line."""
    assert filled("{text}", text="a\0b\x1bc\nd\u200de") == "a b c\nd\u200de"


def test_values_and_answers_are_bounded() -> None:
    """A long text does not make a long bill."""
    assert filled("{text}", text="x" * 5000) == "x" * LONGEST_VALUE
    assert len(filled("{text}" * 100, text="x" * 5000)) == LONGEST_ANSWER


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{name}", "no field {name}; there are {text}, {from}"),
        ("{}", "no field {}"),
        ("{0}", "no field {0}"),
        ("{text.upper}", "no field {text.upper}"),
        ("{text[0]}", "no field"),
        ("{text!r}", "no field"),
        ("{provider_data}", "no field"),
        ("{text:>1000000}", "only a time has a form"),
        ("{text:}", "only a time has a form"),
        ("{occurred_at:}", "a time is written with"),
        ("{occurred_at:%A}", "a time is written with"),
        ("{occurred_at:%-d}", "a time is written with"),
        ("{occurred_at:%}", "a time is written with"),
        ("a { b", "a lone '{'"),
        ("a } b", "a lone '}'"),
        ("{{text}", "a lone '}'"),
        ("{te{xt}}", "a lone '{'"),
        ("x" * 1601, "longer than 1600"),
    ],
)
def test_what_is_no_template_is_told(template: str, said: str) -> None:
    """With what may be written; nothing reaches into an object."""
    with pytest.raises(TemplateError) as found:
        read_template(template)
    assert said in str(found.value)


@given(st.text(st.sampled_from("{}:%textfromHM_a \n"), max_size=30), instances_of(MessageReceived))
def test_any_text_is_a_template_or_an_error_of_ours(text: str, event: MessageReceived) -> None:
    """And a template has an answer to any message, within its bound."""
    try:
        template = read_template(text)
    except TemplateError:
        return
    assert len(template.fill(event, ZURICH)) <= LONGEST_ANSWER


@given(st.text())
def test_a_text_with_its_braces_doubled_is_sent_as_it_is(text: str) -> None:
    """Up to the longest answer."""
    assert filled(text.replace("{", "{{").replace("}", "}}")) == text
