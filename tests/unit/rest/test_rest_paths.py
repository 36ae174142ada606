"""Ids in paths: whatever they are, they stay one part of the path, or are refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.rest.errors import LimitError
from providers.rest.paths import path_part


@pytest.mark.parametrize("value", ["", " ", ".", "..", "...", "\t..\n", None, 5, b"id", ["id"]])
def test_what_names_another_place_is_refused(value: Any) -> None:
    """Nothing, blanks, dots and what is no text; the error names the parameter."""
    with pytest.raises(LimitError, match="message_id: not an id"):
        path_part("message_id", value)


@pytest.mark.parametrize(
    ("value", "part"),
    [("a-1", "a-1"), ("a/../b", "a%2F..%2Fb"), ("%2e%2e", "%252e%252e"), ("a?b#c", "a%3Fb%23c"), ("\ud800", "%3F")],
)
def test_everything_else_is_escaped(value: str, part: str) -> None:
    """No sign of an id ends the path or begins another part."""
    assert path_part("id", value) == part


@given(st.text())
def test_any_text_is_one_part_or_refused(value: str) -> None:
    """It never raises anything but LimitError, and never gives a way up."""
    try:
        part = path_part("id", value)
    except LimitError:
        return
    assert part.isascii()
    assert not set(part) & set("/?#\\ ")
    assert part.strip(".")
