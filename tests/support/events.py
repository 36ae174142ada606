"""Hypothesis strategies for events of every class, built from the classes themselves."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from schemas.codec import members_of
from schemas.events import EVENT_CLASSES, Event
from schemas.json_text import JsonText

# What JSON can carry: lone surrogates have no UTF-8.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
json_objects: st.SearchStrategy[dict[str, object]] = st.dictionaries(texts, json_values, max_size=4)
moments = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 - hypothesis wants naive bounds
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Return what a field of that type may hold."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return st.one_of([st.none() if arg is type(None) else values_of(arg) for arg in get_args(hint)])
    if origin is tuple:
        return st.lists(values_of(get_args(hint)[0]), max_size=3).map(tuple)
    if is_dataclass(hint) and hint is not JsonText:
        return instances_of(hint)
    plain: Mapping[Any, st.SearchStrategy[Any]] = {
        str: texts,
        int: st.integers(-(2**53), 2**53),
        bool: st.booleans(),
        datetime: moments,
        JsonText: json_objects.map(JsonText.of),
    }
    return plain.get(hint, json_objects)


def instances_of(cls: Any) -> st.SearchStrategy[Any]:
    """Return instances of a schema class, every field filled or absent."""
    hints = get_type_hints(cls)
    by_field = {item.name: values_of(hints[item.name]) for item in fields(cls) if item.name != "extra"}
    if not issubclass(cls, Event):
        return st.builds(cls, **by_field)
    known = {member.name for member in members_of(cls)}
    extra = st.dictionaries(texts.filter(lambda name: name not in known), json_values, max_size=2)
    return st.builds(cls, **by_field | {"id": texts.filter(bool)}, extra=extra)


events: st.SearchStrategy[Event] = st.one_of([instances_of(cls) for cls in EVENT_CLASSES.values()])
