"""What a whole message says: the one place where normalizers, the book of consent and the rules read it."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.auto_reply.rules import family_of
from consumers.consent.keywords import consent_said
from providers.keywords import (
    HELP_WORDS,
    START_WORDS,
    STOP_WORDS,
    bare,
    folded,
    help_word,
    keyword_of,
    opt_in_word,
    opt_out_word,
)
from providers.messagemedia.consent import keyword_of as at_messagemedia
from providers.syniverse.consent import statement_of as at_syniverse
from providers.telnyx.optout import answers as at_telnyx

WIDE = "\uff33\uff34\uff2f\uff30"
SPELLINGS = [
    *(
        "STOP",
        WIDE,
        "Stop.",
        "\u201cstop\u201d",
        "(STOP)?!",
        "\u2039stop\u203a",
        "STOP" + " " * 80,
        "\u00a0" * 80 + "stop",
    ),
    *(
        "STOP\u200b",
        "STOP\ufe0f",
        "\ufeffSTOP",
        "S\u00adTOP",
        "ST\u2060OP",
        "STOP\x00",
        "STOP\U000e0100",
        "STOP" + "\u200d" * 80,
    ),
    *(
        "\U0001f6d1 STOP \U0001f6d1",
        "\u26d4\ufe0fstop\u26d4\ufe0f",
        "STOP \U0001f64f\U0001f3fd",
        "STOP" + "!" * 80,
        "*stop*",
        "stop\ufe0f.\u200b.",
    ),
    *(
        "\u24c8\u24c9\u24c4\u24c5",
        "\u24e2top",
        "ST\U0001f13e\U0001f13f!",
        "STOP\u2122",
        "STOP *\ufe0f\u20e3",
        "ST\U0001f17e\ufe0f\U0001f17f\ufe0f",
        "STOP \U0001f17f\ufe0f",
        "\U0001f170\ufe0fSTOP",
        "\U0001f162\U0001f163\U0001f15e\U0001f15f",
    ),
]
unseen = st.text(st.sampled_from("\u200b\u200d\u2060\ufeff\ufe0f\u00ad\x00 \t\n\u00a0"), max_size=90)


@pytest.mark.parametrize("text", SPELLINGS, ids=lambda text: ascii(text)[:24])
def test_a_stop_is_a_stop_for_everybody(text: str) -> None:
    """Else one would confirm what the other does not know, or a person who wants out would be answered."""
    assert opt_out_word(text) == "stop"
    assert family_of(text) == "stop"
    assert (at_messagemedia(text), at_telnyx(text, {})) == ("STOP", "stop")
    assert getattr(at_syniverse(text), "keyword", None) == "STOP"
    assert consent_said(text, frozenset(), frozenset()) == ("opted_out", "STOP")
    # A normalizer that knows the word may not know the spelling.
    left = None if text.split() in (["STOP"], ["stop"]) else ("opted_out", "STOP")
    assert consent_said(text, frozenset({"stop"}), frozenset()) == left


@pytest.mark.parametrize(
    "text", ["START.", "start?", "\u201cSTART\u201d", "(unstop)", "START\u2026", "\u2705 START"], ids=ascii
)
def test_a_start_with_signs_around_is_none_for_anybody(text: str) -> None:
    """A guess must undo no opt-out."""
    assert opt_in_word(text) is None
    assert family_of(text) is None
    assert (at_messagemedia(text), at_syniverse(text), at_telnyx(text, {})) == (None, None, None)
    assert consent_said(text, frozenset(), frozenset()) is None


@given(st.sampled_from(sorted(STOP_WORDS | START_WORDS | HELP_WORDS)), unseen, unseen)
def test_what_nobody_sees_makes_no_difference(word: str, before: str, behind: str) -> None:
    """Blanks, zero widths and variation selectors around a word, however many."""
    assert keyword_of(before + word.upper() + behind) == word


@pytest.mark.parametrize("hyphen", "-\u2010\u2011\u2013\u2014\u2212\uff0d")
def test_any_hyphen_is_one(hyphen: str) -> None:
    """Telephones write the one that they like."""
    assert opt_out_word(f"Opt{hyphen}out") == "opt-out"


@pytest.mark.parametrize(
    "text", ["don't stop", "stop it", "nonstop", "stop2", "st op", "", " ", "\u200b", "!", "x" * 65, None]
)
def test_a_text_that_is_more_than_the_word_is_none(text: str | None) -> None:
    """The whole text has to be the word."""
    assert keyword_of(text) is None


def test_a_word_of_another_script_keeps_its_marks() -> None:
    """A vowel sign at the end of a Hindi word is a part of it, and no sign around it."""
    word = "\u0930\u094b\u0915\u094b"
    assert opt_out_word(f"\u00ab{word}\u00bb!", frozenset({word})) == word
    assert opt_out_word(word[:-1], frozenset({word})) is None


@given(st.text(max_size=300))
def test_any_text_is_read_and_reading_it_twice_is_reading_it_once(text: str) -> None:
    """Never an exception; a text belongs to one family at most."""
    assert bare(bare(text)) == bare(text)
    once = folded(text)
    assert once is None or len(once) > 64 or folded(once) == once
    assert sum(read(text) is not None for read in (opt_out_word, opt_in_word, help_word)) <= 1


@pytest.mark.parametrize(
    "text", ["!" * 1_000_000, " " * 1_000_000 + "x" * 65, "a" + "\u0315\u0300" * 500_000, "\u200b" * 1_000_000]
)
def test_a_text_without_an_end_costs_no_more_than_reading_it(text: str) -> None:
    """Nobody keeps us busy by what they write."""
    began = time.process_time()
    assert keyword_of(text) is None
    assert time.process_time() - began < 0.5


def test_whatever_is_drawn_is_seen() -> None:
    """Of letters, digits, signs and punctuation none is left out, but for the fillers of Hangul, which are blank."""
    drawn = {chr(code) for code in range(0x20, 0x10000) if unicodedata.category(chr(code))[0] in "LNPS"}
    assert {char for char in drawn if folded(f"x{char}x") == "xx"} == set("\u115f\u1160\u3164\uffa0")
