"""What every resource of Syniverse holds, and how it is read and written. One class serves both.

A field that the provider sets itself is `Given`: it is read, and cannot be sent. `joined` fields are one text with
commas in a request; answers hold a list or that text. Fields that are not here go out by an operation's `extra`, and
come in by `raw`. Times are read from milliseconds or ISO 8601, and written as ISO 8601, which the API takes (2.11).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from providers.rest.models import Model, json_name, parts_of, to_json, value_as

T = TypeVar("T")

_SEPARATORS = re.compile(r"[,\s]+")


class Given(Generic[T]):
    """A field that the provider alone sets, read from `raw`: None where it is absent or of another type."""

    def __init__(self, hint: type[T]) -> None:
        self._hint = hint
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, item: Model, owner: type) -> T | None:
        found: T | None = value_as(self._hint, item.raw.get(self._name))
        return found


class GivenList(Generic[T]):
    """The same of a list, which is empty where it is absent."""

    def __init__(self, hint: type[T]) -> None:
        self._hint = hint
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, item: Model, owner: type) -> tuple[T, ...]:
        found: object = item.raw.get(self._name)
        values = (value_as(self._hint, value) for value in found) if isinstance(found, list) else ()
        return tuple(value for value in values if value is not None)


def joined() -> Any:
    """Return a list that a request writes as one text with commas."""
    return field(default=(), metadata={"joined": True})


def hidden() -> Any:
    """Return a field whose value is a secret: it stands in no repr."""
    return field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Model):
    """What every resource has. `version_number` grows by one with each change; `update` takes care of it."""

    raw: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    id = Given(str)
    application_id = Given(int)
    company_id = Given(int)
    created_date = Given(datetime)
    last_updated_date = Given(datetime)
    version_number = Given(int)


R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Created(Model):
    """What a create answers. `id` is opaque: 19 to 26 characters so far, and nothing to take apart."""

    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial(Model):
    """What adding members answers: `errors` has the ids that were not added, each with the provider's words."""

    errors: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted(Model):
    """What a delete by filter answers: how many there were, where the provider says so (SW answers 204 alone)."""

    del_qty: int | None = None


def read(kind: type[R], value: object) -> R:
    """Return the resource that a JSON value holds; of anything but an object, an empty one."""
    source: Mapping[str, Any] = value if isinstance(value, dict) else {}
    lists = {
        json_name(item): _SEPARATORS.split(text.strip())
        for item, _ in parts_of(kind)
        if item.metadata.get("joined") and isinstance(text := source.get(json_name(item)), str) and text.strip()
    }
    return replace(kind.of({**source, **lists}), raw=source)


def written(item: Record, extra: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Return the JSON object that a request sends: what is set and ours to set, and `extra` over it."""
    found: dict[str, Any] = to_json(item)
    for part, _ in parts_of(type(item)):
        name = json_name(part)
        if part.metadata.get("joined") and name in found:
            found[name] = ",".join(found[name])
    found.update(to_json(extra or {}))
    return found
