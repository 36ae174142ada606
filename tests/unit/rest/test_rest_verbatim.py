"""Items of a JSON list, byte for byte: the same as any JSON reader finds, and slices of the body."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.rest.verbatim import items_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(["data", "items", "", 'a"b', "\\", "é"])
LAYOUTS: Sequence[dict[str, Any]] = (
    {},
    {"separators": (",", ":")},
    {"indent": 2},
    {"indent": "\t", "separators": (" ,\r\n", " : ")},
    {"ensure_ascii": False},
)


def read(items: Sequence[bytes]) -> list[Any]:
    """Return the values of items."""
    return [json.loads(item) for item in items]


@given(
    value=st.dictionaries(NAMES, VALUES | st.lists(VALUES, max_size=5), max_size=5),
    name=NAMES,
    layout=st.sampled_from(LAYOUTS),
    blanks=st.text(" \t\r\n", max_size=3),
)
def test_items_are_those_of_a_json_reader(
    value: dict[str, Any], name: str, layout: dict[str, Any], blanks: str
) -> None:
    """The items are the values of the list, and their bytes stand in the body one behind the other."""
    body = (blanks + json.dumps(value, **layout) + blanks).encode("utf-8", "surrogatepass")
    found = items_of(body, name)
    member = value.get(name)
    assert read(found) == (member if isinstance(member, list) else [])
    at = 0
    for item in found:
        at = body.index(item, at) + len(item)


def test_bytes_stay_as_they_are() -> None:
    """Spaces, order of members, digits and escapes are the provider's own."""
    first, second = b'{ "b":1.50,\t"a" : "\\u002b1" }', b"1E400"
    body = b'{"n": [9], "data" :\n[ ' + first + b" , " + second + b" ] }"
    assert items_of(body, "data") == [first, second]


def test_long_numbers_and_surrogates() -> None:
    """A number of any length and half a surrogate pair are left as they are."""
    body = b'{"data": [%s, "\\ud83d"]}' % (b"9" * 6000)
    assert items_of(body, "data") == [b"9" * 6000, b'"\\ud83d"']


def test_last_member_of_a_name_counts() -> None:
    """Of two members of one name the last counts, as it does for a JSON reader."""
    assert items_of(b'{"data": [1], "data": [2, 3]}', "data") == [b"2", b"3"]
    assert items_of(b'{"data": [1], "data": null}', "data") == ()


def test_member_of_an_inner_object_does_not_count() -> None:
    """Only members of the outermost object are looked at."""
    assert items_of(b'{"meta": {"data": [1]}, "x": ["data"]}', "data") == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"data"',
        b"{",
        b'{"data"',
        b'{"data":',
        b'{"data": [1, 2',
        b'{"data": [1 2]}',
        b'{"data": [1,]}',
        b'{"data": [1]',
        b'{"data": [1]} x',
        b'{"data": [1]}{}',
        b'{"data": [1],}',
        b'{"data": [1] "x": 2}',
        b'{"data": [1], "x": oops}',
        b"{1: [2]}",
        b"{null: [2]}",
        b'{"data": [\xff]}',
        b'{"data": ["\xff"]}',
        b'\xef\xbb\xbf{"data": [1]}',
        b'{"data": ["\n"]}',
    ],
)
def test_body_that_is_no_json_object(body: bytes) -> None:
    """What is not one whole JSON object gives no items, not even the first of them."""
    with pytest.raises(ValueError):
        items_of(body, "data")


def test_nested_too_deep() -> None:
    """A body that is nothing but brackets ends in a ValueError."""
    deep = b"[" * 100_000
    with pytest.raises(ValueError):
        items_of(b'{"data": ' + deep, "data")


@given(body=st.binary(max_size=80) | st.text('{}[]":,\\ data01nulltrue\n', max_size=60).map(str.encode))
def test_any_bytes_give_items_or_a_value_error(body: bytes) -> None:
    """Whatever the bytes, there are items where a JSON reader reads an object, and else a ValueError."""
    try:
        expected = json.loads(body.decode("utf-8"))
    except ValueError:
        expected = None
    if isinstance(expected, dict):
        member = expected.get("data")
        assert len(items_of(body, "data")) == (len(member) if isinstance(member, list) else 0)
    else:
        with pytest.raises(ValueError):
            items_of(body, "data")
