"""Fields whose types vary: addresses, times, lists in one text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.syniverse.events.values import address, ids, moment, msisdn, same_address, whole


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("+15555550142", "+15555550142"),
        (" +15555550142 ", "+15555550142"),
        ("15555550142", "+15555550142"),
        ("66000", "66000"),
        ("5555550142", "5555550142"),
        ("25555550142", "25555550142"),
        ("61491570156", "61491570156"),
        ("fb:100000000000001@200000000000002", "fb:100000000000001@200000000000002"),
        ("psh:gcm@66000@token", "psh:gcm@66000@token"),
        ("+5066173XXXX", "+5066173XXXX"),
        ("", None),
        ("  ", None),
        (15555550142, None),
        (None, None),
    ],
)
def test_addresses(given: object, read: str | None) -> None:
    """A plus sign is put before what is surely a number of North America, and before nothing else."""
    assert address(given) == read


@pytest.mark.parametrize(
    ("given", "read"),
    [("61491570156", "+61491570156"), ("+61491570156", "+61491570156"), ("5555550142", "5555550142"), (None, None)],
)
def test_numbers_of_the_consent_history(given: object, read: str | None) -> None:
    """An MSISDN is a number of E.164 by its name; ten digits may be a national one."""
    assert msisdn(given) == read


@pytest.mark.parametrize(("one", "other"), [("+61491570156", "61491570156"), ("fb:1@2", "fb:1@2"), (None, None)])
def test_addresses_that_are_the_same(one: str | None, other: str | None) -> None:
    """A plus sign before digits makes no difference."""
    assert same_address(one) == same_address(other)


@pytest.mark.parametrize(
    "given", [1767225600250, "1767225600250", "2026-01-01T00:00:00.250Z", "2026-01-01T01:00:00.250+01:00"]
)
def test_times(given: object) -> None:
    """Milliseconds since 1970, or ISO 8601."""
    found = moment(given)
    assert found is not None
    assert found.isoformat() == "2026-01-01T00:00:00.250000+00:00"


@pytest.mark.parametrize("given", [0, -1, True, 10**18, "yesterday", "", None, 1.5, [], "9" * 15])
def test_what_is_no_time(given: object) -> None:
    """It counts as absent."""
    assert moment(given) is None


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (" a", ("a",)),
        ("a,b", ("a", "b")),
        ("a, b\tc  d", ("a", "b", "c", "d")),
        (["a", "b c", 7, None], ("a", "b", "c")),
        ("a,a", ("a",)),
        ("", ()),
        (None, ()),
        ({}, ()),
    ],
)
def test_ids_in_one_text(given: object, read: tuple[str, ...]) -> None:
    """Split at commas and white space, since the separator is not published."""
    assert ids({"attachment_ids": given}, "attachment_ids") == read


@pytest.mark.parametrize(
    ("given", "read"), [(3, 3), ("3", 3), (-3, None), ("3.5", None), (False, None), ("9" * 40, None)]
)
def test_whole_numbers(given: object, read: int | None) -> None:
    """A number or a text of one, not below zero."""
    assert whole({"n": given}, "n") == read


@given(st.text())
def test_any_text_is_an_address_of_its_own(text: str) -> None:
    """Nothing raises, and no letter is lost."""
    found = address(text)
    assert (found or "").removeprefix("+") == text.strip().removeprefix("+")
