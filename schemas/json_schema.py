"""The JSON Schema documents of the events, made from their classes (JSON Schema 2020-12).

`python -m schemas.json_schema` writes them to `schemas/json/`; a test compares what is there.
"""

import inspect
from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import datetime
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import orjson

from schemas.codec import members_of
from schemas.envelope import schema_uri
from schemas.events import EVENT_CLASSES, Event
from schemas.json_text import JsonText
from schemas.vocabulary import DeliveryStatus, Direction, EventType, FailureClass, SendOutcome

FOLDER = Path(__file__).parent / "json"
_PLAIN: Mapping[type, Mapping[str, str]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time"},
}
# Open enums: the words of this version as examples, so that a validator lets a newer word pass.
_WORDS: Mapping[str, list[str]] = {
    "failure_class": list(FailureClass),
    "direction": list(Direction),
    "outcome": list(SendOutcome),
}


def schema_of(cls: type[Event]) -> dict[str, Any]:
    """Return the JSON Schema of the data of one event class."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schema_uri(cls.TYPE),
        "title": str(cls.TYPE),
        "description": inspect.cleandoc(cls.__doc__ or ""),
        **_object(cls),
    }


def documents() -> dict[str, bytes]:
    """Return the file name and the bytes of every document."""
    return {f"{kind}.v1.json": _bytes(schema_of(cls)) for kind, cls in EVENT_CLASSES.items()}


def _bytes(schema: Mapping[str, Any]) -> bytes:
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _object(cls: type) -> dict[str, Any]:
    hints = get_type_hints(cls)
    members = members_of(cls)
    return {
        "type": "object",
        "properties": {m.name: _described(cls, m.name, hints[m.attribute]) for m in members},
        "required": [member.name for member in members if member.required],
    }


def _described(cls: type, name: str, hint: Any) -> dict[str, Any]:
    schema = _typed(hint)
    words = _WORDS.get(name)
    if name == "status" and getattr(cls, "TYPE", None) in (EventType.DELIVERY_UPDATED, EventType.STATE_CHANGED):
        words = list(DeliveryStatus)
    return schema | {"examples": words} if words else schema


def _typed(hint: Any) -> dict[str, Any]:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _typed(next(arg for arg in get_args(hint) if arg is not type(None)))
    if origin is tuple:
        return {"type": "array", "items": _typed(get_args(hint)[0])}
    if hint is JsonText:
        return {"description": "the provider's own object, verbatim"}
    if isinstance(hint, type) and is_dataclass(hint):
        nested: type = hint
        return _object(nested)
    return dict(_PLAIN.get(hint, {"type": "object"}))


def main() -> None:
    """Write the documents."""
    FOLDER.mkdir(exist_ok=True)
    for name, data in documents().items():
        (FOLDER / name).write_bytes(data)


if __name__ == "__main__":
    main()
