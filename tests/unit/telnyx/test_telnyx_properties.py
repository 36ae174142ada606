"""Whatever a body holds, there is an event that can be stored."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.telnyx import event_names, event_value
from tests.support.telnyx_events import assert_round_trip, events_of, written

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of everything in a value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in inside for found in places(item, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a value with another one at a path."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def dropped(value: Any, path: tuple[Any, ...]) -> Any:
    """Return a value without what is at a path."""
    if len(path) == 1:
        items = [(key, item) for key, item in value.items() if key != path[0]] if isinstance(value, dict) else None
        return dict(items) if items is not None else [item for at, item in enumerate(value) if at != path[0]]
    return replaced(value, path[:1], dropped(value[path[0]], path[1:]))


@given(data=st.data(), name=st.sampled_from(event_names()))
def test_any_field_may_be_anything(data: st.DataObject, name: str) -> None:
    """Drop, null, retype or nest any field: never an exception, never a lost event."""
    value: Any = event_value(name)
    for _ in range(data.draw(st.integers(1, 3))):
        found = places(value)[1:]
        if not found:
            break
        path = data.draw(st.sampled_from(found))
        how = data.draw(st.sampled_from(["drop", "null", "junk", "nest", "list"]))
        old = value
        for key in path:
            old = old[key]
        changed: dict[str, Any] = {"null": None, "nest": {"x": old}, "list": [old]}
        new = data.draw(JUNK) if how == "junk" else changed.get(how)
        value = dropped(value, path) if how == "drop" else replaced(value, path, new)
    events = events_of(written(value))
    assert events
    assert_round_trip(events)


@given(body=st.binary() | st.text().map(str.encode) | JUNK.map(written))
def test_any_bytes_give_an_event(body: bytes) -> None:
    """Whatever the bytes, there is an event, and it can be stored."""
    events = events_of(body)
    assert events
    assert_round_trip(events)
