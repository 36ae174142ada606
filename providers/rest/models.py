"""Typed answers: frozen classes whose fields are read leniently from a JSON object that is kept whole.

What is absent, or of another type than documented, is None or empty; `raw` has what the provider said. A field's
JSON name is its own name without a trailing underscore, or `named("...")`.
"""

import sys
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from datetime import UTC, datetime
from types import UnionType
from typing import Any, Self, Union, get_args, get_origin, get_type_hints

from schemas.times import format_time, parse_time

_LARGEST_FLOAT = sys.float_info.max
_LARGEST_MILLIS = 253_402_300_799_999


def named(name: str, default: Any = None) -> Any:
    """Return a field whose JSON name Python cannot write."""
    return field(default=default, metadata={"json": name})


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """An object of a provider's API. `raw` is the whole of it as it came."""

    raw: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)

    @classmethod
    def of(cls, value: object) -> Self:
        """Return the object that a JSON value holds; of anything but a JSON object, an empty one."""
        source: Mapping[str, Any] = value if isinstance(value, dict) else {}
        given = {
            item.name: found
            for item, hint in parts_of(cls)
            if (found := value_as(hint, source.get(json_name(item)))) is not None
        }
        return cls(raw=source, **given)


def json_name(item: Field[Any]) -> str:
    """Return the JSON name of a field."""
    name: str = item.metadata.get("json", item.name.rstrip("_"))
    return name


def to_json(value: object) -> Any:
    """Return what goes into a request: the fields of a Model that are set, and what they hold in turn."""
    if isinstance(value, Model):
        set_fields = ((json_name(item), getattr(value, item.name)) for item, _ in parts_of(type(value)))
        return {name: to_json(item) for name, item in set_fields if item is not None and item != ()}
    if isinstance(value, Mapping):
        return {str(name): to_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, str):
        # A lone surrogate has no bytes; it must not cost the call.
        return value.encode("utf-8", "replace").decode()
    return value


def moment_text(moment: datetime) -> str:
    """Return a time as `2026-01-15T21:32:14.148Z`. One without a zone is UTC, whatever the machine's zone is."""
    return format_time(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def parts_of(cls: type[Model]) -> tuple[tuple[Field[Any], Any], ...]:
    """Return the fields of a class, and their types."""
    found = _PARTS.get(cls)
    if found is None:
        hints = get_type_hints(cls)
        found = _PARTS[cls] = tuple((item, hints[item.name]) for item in fields(cls) if item.name != "raw")
    return found


_PARTS: dict[type, tuple[tuple[Field[Any], Any], ...]] = {}


def value_as(hint: Any, value: Any) -> Any:
    """Return a JSON value as a type says, None where it is not that."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        hint = next(arg for arg in get_args(hint) if arg is not type(None))
        origin = get_origin(hint)
    if origin is tuple:
        return _items(get_args(hint)[0], value)
    if isinstance(hint, type) and issubclass(hint, Model):
        return hint.of(value) if isinstance(value, dict) else None
    if hint is datetime:
        return _moment(value)
    return _plain(dict if origin is not None else hint, value)


def _items(hint: Any, value: object) -> tuple[Any, ...] | None:
    if not isinstance(value, list):
        return None
    return tuple(found for item in value if (found := value_as(hint, item)) is not None)


def _plain(expected: Any, value: object) -> Any:
    if expected is Any:
        return value
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value) if abs(value) <= _LARGEST_FLOAT else None
    return value if isinstance(value, expected) and isinstance(value, bool) == (expected is bool) else None


def _moment(value: object) -> datetime | None:
    """Return a time: ISO 8601, or milliseconds since 1970."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LARGEST_MILLIS:
        return datetime.fromtimestamp(value / 1000, UTC)
    return parse_time(value)
