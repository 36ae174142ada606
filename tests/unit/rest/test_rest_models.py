"""Typed answers: read leniently, kept whole, and written back into requests."""

from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.rest.models import Model, moment_text, named, to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner(Model):
    """A part of a thing."""

    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing(Model):
    """A thing with a field of every kind."""

    from_: str | None = None
    count: int | None = None
    ratio: float | None = None
    active: bool | None = None
    made_at: datetime | None = None
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()
    tags: tuple[str, ...] = ()
    table: Mapping[str, Any] | None = None
    anything: Any = None
    odd: str | None = named("odd-name")


WHOLE = {
    "from": "a",
    "count": 3,
    "ratio": 1,
    "active": False,
    "made_at": "2026-01-01T00:00:00.5+01:00",
    "inner": {"name": "i", "more": 1},
    "inners": [{"name": "j"}, 7, None],
    "tags": ["x", 1, "y"],
    "table": {"k": [1]},
    "anything": [1, "2"],
    "odd-name": "o",
    "unknown": {"kept": True},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(WHOLE)), inner, max_size=4),
    max_leaves=8,
)


def test_every_kind_of_field() -> None:
    """A field is read by its type; what of a list is not of that type is left out."""
    thing = Thing.of(WHOLE)
    assert (thing.from_, thing.count, thing.ratio, thing.active, thing.odd) == ("a", 3, 1.0, False, "o")
    assert thing.made_at == datetime(2025, 12, 31, 23, 0, 0, 500_000, tzinfo=UTC)
    assert thing.inner is not None
    assert (thing.inner.name, thing.inner.raw) == ("i", {"name": "i", "more": 1})
    assert [inner.name for inner in thing.inners] == ["j"]
    assert (thing.tags, thing.table, thing.anything) == (("x", "y"), {"k": [1]}, [1, "2"])


def test_answer_is_kept_whole() -> None:
    """`raw` has what this version does not know."""
    assert Thing.of(WHOLE).raw == WHOLE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("from", 1),
        ("count", True),
        ("count", 1.5),
        ("ratio", "1"),
        ("ratio", True),
        ("ratio", 10**400),
        ("active", 1),
        ("made_at", "yesterday"),
        ("made_at", -1),
        ("made_at", 10**30),
        ("inner", [1]),
        ("inners", {}),
        ("tags", "x"),
        ("table", []),
    ],
)
def test_wrong_type_counts_as_absent(name: str, value: object) -> None:
    """A field of another type than documented has its default, and stands in `raw`."""
    thing = Thing.of({name: value})
    assert thing == Thing()
    assert thing.raw == {name: value}


def test_milliseconds_are_a_time() -> None:
    """A number of milliseconds since 1970 is a time too."""
    assert Thing.of({"made_at": 1_767_225_600_000}).made_at == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, [], "text", 7])
def test_what_is_no_object_is_empty(value: object) -> None:
    """Of anything but an object an empty model is made."""
    assert Thing.of(value) == Thing()


def test_models_do_not_change() -> None:
    """An answer is a frozen value."""
    with pytest.raises(FrozenInstanceError):
        Thing.of({}).count = 1  # type: ignore[misc]  # the test is that it cannot be


@given(value=JSON)
def test_any_json_is_read(value: object) -> None:
    """Whatever a provider answers, it is read without an exception."""
    assert Thing.of(value).raw == (value if isinstance(value, dict) else {})


def test_request_has_what_is_set() -> None:
    """What is not set is left out of a request, at every depth."""
    thing = Thing(from_="a", active=False, count=0, inner=Inner(name="i"), inners=(Inner(),), odd="o", tags=())
    assert to_json(thing) == {
        "from": "a",
        "count": 0,
        "active": False,
        "inner": {"name": "i"},
        "inners": [{}],
        "odd-name": "o",
    }


def test_plain_values_pass() -> None:
    """Tables, lists and what is in them go through, and half a surrogate pair becomes a question mark."""
    assert to_json({"a": [1, None, True, Inner(name="x\ud83d")], 2: ("b",)}) == {
        "a": [1, None, True, {"name": "x?"}],
        "2": ["b"],
    }


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 15, 21, 32, 14, 148_000, tzinfo=UTC),
        datetime(2026, 1, 15, 22, 32, 14, 148_999, tzinfo=timezone(timedelta(hours=1))),
        datetime(2026, 1, 15, 21, 32, 14, 148_000),  # noqa: DTZ001 - a time without a zone is the case
    ],
)
def test_time_of_a_request(moment: datetime) -> None:
    """Times go out in UTC and whole milliseconds; one without a zone is UTC, wherever the machine stands."""
    assert moment_text(moment) == "2026-01-15T21:32:14.148Z"
    assert to_json(moment) == "2026-01-15T21:32:14.148Z"
