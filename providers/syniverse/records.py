# ruff: noqa: RUF009 - given() and its like are dataclasses.field()
"""What every resource of Syniverse holds, and how it is read and written. One class serves both.

A field that the provider sets itself is `given`: it is read, and never sent. `joined` fields are one text with commas
in a request; answers hold a list or that text. Fields that are not here go out by an operation's `extra`, and come in
by `raw`. Times are read from milliseconds or ISO 8601, and written as ISO 8601, which the API takes (2.10, 2.11).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from providers.rest.models import Model, json_name, parts_of, to_json

_SEPARATORS = re.compile(r"[,\s]+")


def given(default: Any = None) -> Any:
    """Return a field that the provider alone sets."""
    return field(default=default, metadata={"read_only": True})


def joined() -> Any:
    """Return a list that a request writes as one text with commas."""
    return field(default=(), metadata={"joined": True})


def hidden() -> Any:
    """Return a field whose value is a secret: it stands in no repr."""
    return field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Model):
    """What every resource has. `version_number` grows by one with each change; `update` takes care of it."""

    id: str | None = given()
    application_id: int | None = given()
    company_id: int | None = given()
    created_date: datetime | None = given()
    last_updated_date: datetime | None = given()
    version_number: int | None = given()


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
        if part.metadata.get("read_only"):
            found.pop(name, None)
        elif part.metadata.get("joined") and name in found:
            found[name] = ",".join(found[name])
    found.update(to_json(extra or {}))
    return found
