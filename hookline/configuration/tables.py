"""From TOML tables to settings dataclasses, with every problem at its line.

A field's type says what the value must be; `metadata` may add `limits` and `choices`. Without `limits` a
whole number is at least 1 and any other number at least 0: no limit, deadline or count of ours makes sense below.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from hookline.configuration.problems import Problems, name_of, suggestion
from hookline.configuration.toml_lines import KeyPath
from schemas.settings import Limits, limits_of

T = TypeVar("T")
_WORDS: Mapping[type, str] = {
    str: "a text in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a table",
}


def load_table(cls: type[T], table: object, path: KeyPath, problems: Problems) -> T | None:
    """Return the settings that a table holds, or None after noting what is wrong with it."""
    if not isinstance(table, dict):
        problems.add(path, f"{name_of(path)}: expected a table, found {kind_of(table)}")
        return None
    known = settings_of(cls)
    note_unknown(table, known, path, problems)
    before = len(problems.found)
    hints = get_type_hints(cls)
    values = {
        item.name: _value(item, hints[item.name], table[name], (*path, name), problems)
        for name, item in known.items()
        if name in table
    }
    for name, item in known.items():
        if item.name not in values and item.default is MISSING and item.default_factory is MISSING:
            problems.add(path, f"{name_of(path)}: {name!r} is missing: {item.metadata.get('doc', '')}")
    return cls(**values) if len(problems.found) == before else None


def settings_of(cls: type) -> dict[str, Field[Any]]:
    """Return the fields of a settings dataclass by the names of their keys: that of `from_` is `from`."""
    return {item.name.removesuffix("_"): item for item in fields(cls)}


def kind_of(value: object) -> str:
    """Return what a TOML value is, in plain words."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return _WORDS.get(type(value), "a date or time")


def note_unknown(table: Mapping[str, object], known: Mapping[str, object], path: KeyPath, problems: Problems) -> None:
    """Note every key of the table that is not known."""
    for name, value in table.items():
        if name not in known:
            what = "table" if isinstance(value, dict) else "key"
            where = f" in [{name_of(path)}]" if path else ""
            problems.add((*path, name), f"unknown {what} {name!r}{where}: {suggestion(name, known)}")


def check_plain(kind: type, value: object, path: KeyPath, problems: Problems) -> Any:
    """Return a text, number or flag of the kind, or None after noting what it is instead."""
    fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
    if not fits or (isinstance(value, bool) and kind is not bool):
        problems.add(path, f"{name_of(path)}: expected {_WORDS.get(kind, kind.__name__)}, found {kind_of(value)}")
        return None
    return value


def _value(item: Field[Any], hint: Any, value: Any, path: KeyPath, problems: Problems) -> Any:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        hint = next(arg for arg in get_args(hint) if arg is not type(None))
        origin = get_origin(hint)
    if origin is tuple:
        return _items(item, get_args(hint)[0], value, path, problems)
    if origin is Mapping:
        return _named(item, get_args(hint)[1], value, path, problems)
    if isinstance(hint, type) and is_dataclass(hint):
        nested: type = hint
        return load_table(nested, value, path, problems)
    found = check_plain(hint, value, path, problems)
    if found is not None:
        _check_range(item, found, path, problems)
    return float(found) if hint is float and found is not None and _is_finite(found) else found


def _items(item: Field[Any], hint: Any, value: Any, path: KeyPath, problems: Problems) -> tuple[Any, ...]:
    if not isinstance(value, list):
        problems.add(path, f"{name_of(path)}: expected a list in square brackets, found {kind_of(value)}")
        return ()
    return tuple(_value(item, hint, entry, (*path, index), problems) for index, entry in enumerate(value))


def _named(item: Field[Any], hint: Any, value: Any, path: KeyPath, problems: Problems) -> Mapping[str, Any]:
    """Return what stands under names that the operator chooses."""
    if not isinstance(value, dict):
        problems.add(path, f"{name_of(path)}: expected a table, found {kind_of(value)}")
        return {}
    return {name: _value(item, hint, entry, (*path, name), problems) for name, entry in value.items()}


def _check_range(item: Field[Any], value: object, path: KeyPath, problems: Problems) -> None:
    choices: Sequence[str] = item.metadata.get("choices", ())
    if choices and value not in choices:
        problems.add(path, f"{name_of(path)}: {value!r} is not one of {', '.join(choices)}")
    check_number(value, limits_of(item.default, item.metadata.get("limits")), path, problems)
    if isinstance(value, str) and "\0" in value:
        problems.add(path, f"{name_of(path)}: a text with the character 0 in it is a mistake")


def check_number(value: object, limits: Limits, path: KeyPath, problems: Problems) -> None:
    """Note a number that is outside its limits or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if not _is_finite(value) or not limits.allow(value):
        of = "of " if limits.most is None else ""
        problems.add(path, f"{name_of(path)}: expected a number {of}{limits}, found {value}")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
