"""Patterns that take linear time."""

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.auto_reply.pattern import LONGEST_TEXT, read_pattern
from consumers.auto_reply.pattern_tree import PatternError

atoms = st.sampled_from(
    [
        "a",
        "b",
        "B",
        "1",
        " ",
        ".",
        r"\d",
        r"\w",
        r"\s",
        r"\D",
        r"\W",
        r"\S",
        "[ab]",
        "[^a]",
        "[a-c1]",
        "[]a]",
        r"\.",
        "_",
    ]
)
places = st.sampled_from(["^", "$", r"\b"])
counts = st.sampled_from(["*", "+", "?", "*?", "{2}", "{0}", "{1,}", "{0,2}", "{,2}"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda items: f"(?:{'|'.join(items)})"),
        st.tuples(inner, counts).map(lambda pair: f"({pair[0]}){pair[1]}"),
    )


patterns = st.recursive(atoms | places, _grown, max_leaves=8).filter(bool)
subjects = st.text(st.sampled_from("abAB1 _.\n"), max_size=12)


@given(patterns, subjects)
def test_a_pattern_fits_what_the_standard_library_finds(pattern: str, text: str) -> None:
    """For all that both know, with case ignored."""
    assert read_pattern(pattern).fits(text) is (re.search(pattern, text, re.IGNORECASE) is not None)


@given(st.text(st.sampled_from("ab()[]{}|*+?\\^$.,-d0123:!<="), max_size=30), subjects)
def test_any_text_is_a_pattern_or_an_error_of_ours(pattern: str, text: str) -> None:
    """Nothing else comes out, and what is taken can be asked."""
    try:
        found = read_pattern(pattern)
    except PatternError:
        return
    assert found.fits(text) in {True, False}


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("", "empty"),
        ("a(b", "not closed"),
        ("a)b", "closes nothing"),
        ("[ab", "not closed"),
        ("*a", "repetition of nothing"),
        ("a**", "repetition of a repetition"),
        ("a{1,2}{3}", "repetition of nothing"),
        ("a{2", "write a count"),
        ("a{x}", "write a count"),
        ("a{3,2}", "a count goes up to"),
        ("a{1000}", "a count goes up to"),
        ("a{99999999999}", "a count goes up to"),
        (r"(a)\1", "stands for nothing"),
        ("a\\", "stands for nothing"),
        ("(?=a)", "look around"),
        ("(?i)a", "look around"),
        ("[b-a]", "a range goes"),
        (r"[\d-z]", None),
        ("^*", "cannot be repeated"),
        ("((a{100}){100}){100}", "too large"),
        ("(((((a{0}){200}){200}){200}){200}){200}", "too large"),
        ("(" * 21 + "a" + ")" * 21, "brackets within each other"),
        ("a" * 501, "longer than 500"),
    ],
)
def test_what_cannot_be_had_is_refused_with_its_reason(pattern: str, said: str | None) -> None:
    """At once, however the pattern is made."""
    if said is None:
        assert read_pattern(pattern).fits("-")
        return
    with pytest.raises(PatternError, match=re.escape(said)):
        read_pattern(pattern)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(a|a)*b", "(.*)(.*)(.*)(.*)x$", "(a?){60}a{60}b"])
def test_a_hostile_text_takes_no_more_than_its_length(pattern: str) -> None:
    """Patterns that take `re` years on this text."""
    began = time.process_time()
    assert not read_pattern(pattern).fits("a" * (LONGEST_TEXT - 1) + "!")
    assert time.process_time() - began < 2.0


def test_a_text_that_is_longer_than_any_text_message_fits_nothing() -> None:
    """It is not read."""
    assert read_pattern("a").fits("a" * LONGEST_TEXT)
    assert not read_pattern("a").fits("a" * (LONGEST_TEXT + 1))


@pytest.mark.parametrize(("pattern", "text"), [("straße", "STRAßE"), ("[ä-ö]", "Ö"), ("é", "É"), (r"\w+", "日本")])
def test_case_is_ignored_beyond_english(pattern: str, text: str) -> None:
    """A letter fits in both forms."""
    subject: Any = read_pattern(pattern)
    assert subject.fits(text)


def test_a_set_is_bounded_in_what_it_asks_of_a_character() -> None:
    """Single characters are looked up at once; ranges and classes are asked one by one, so there are few."""
    many = "".join(chr(0x4E00 + number) for number in range(460))
    assert read_pattern(f"[{many}]").fits("x" * 1999 + many[-1])
    with pytest.raises(PatternError, match="ranges and classes"):
        read_pattern("[" + "a-b" * 21 + "]")


@pytest.mark.parametrize(("pattern", "text"), [("ωρες", "ΩΡΕΣ"), ("ΩΡΕΣ", "ωρες"), ("[ς]", "Σ")])
def test_letter_case_is_that_of_every_script(pattern: str, text: str) -> None:
    """Greek has two small sigmas, and one large one."""
    assert read_pattern(pattern).fits(text)
