"""JSON values made strange: what a sender could send by mistake, or out of malice."""

from typing import Any

from hypothesis import strategies as st

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
Place = tuple[Any, ...]


def places(value: Any, path: Place = ()) -> list[Place]:
    """Return the paths of everything in a value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in inside for found in places(item, (*path, key)))]


def replaced(value: Any, path: Place, new: Any) -> Any:
    """Return a value with another one at a path."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def dropped(value: Any, path: Place) -> Any:
    """Return a value without what is at a path."""
    if len(path) == 1:
        items = [(key, item) for key, item in value.items() if key != path[0]] if isinstance(value, dict) else None
        return dict(items) if items is not None else [item for at, item in enumerate(value) if at != path[0]]
    return replaced(value, path[:1], dropped(value[path[0]], path[1:]))


def reshaped(data: st.DataObject, value: Any) -> Any:
    """Return a value with up to three of its fields dropped, null, retyped or nested."""
    for _ in range(data.draw(st.integers(1, 3))):
        found = places(value)[1:]
        if not found:
            return value
        path = data.draw(st.sampled_from(found))
        how = data.draw(st.sampled_from(["drop", "null", "junk", "nest", "list"]))
        value = dropped(value, path) if how == "drop" else replaced(value, path, _new(data, how, _at(value, path)))
    return value


def _new(data: st.DataObject, how: str, old: Any) -> Any:
    changed: dict[str, Any] = {"null": None, "nest": {"x": old}, "list": [old]}
    return data.draw(JUNK) if how == "junk" else changed[how]


def _at(value: Any, path: Place) -> Any:
    for key in path:
        value = value[key]
    return value
