"""From the type of a parameter to an option, and from the option's words to a value of that type."""

import argparse
from collections.abc import Callable, Mapping
from collections.abc import Sequence as AbstractSequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import orjson

from hookline.commands.options import read_input
from hookline.errors import CommandError
from providers.rest.models import Model, parts_of, to_json
from schemas.times import parse_time


@dataclass(frozen=True, slots=True)
class Kind:
    """How words become a value: `read` one of them, or all of them where `many`; `shown` stands in the help."""

    read: Callable[[Any], Any]
    shown: str
    many: bool = False
    flag: bool = False
    choices: tuple[str, ...] = ()


def kind_of(hint: Any) -> Kind:
    """Return the kind of a parameter's type. Raises TypeError for one that no shell can write."""
    hint = bare(hint)
    origin = get_origin(hint)
    if origin is Literal:
        words = tuple(map(str, get_args(hint)))
        return Kind(str, "|".join(words), choices=words)
    if origin is not None and issubclass(origin, Mapping):
        return Kind(_mapping, "NAME=VALUE or JSON", many=True)
    if origin is not None and issubclass(origin, AbstractSequence):
        return _list_of(get_args(hint)[0])
    if isinstance(hint, type):
        return _plain(hint)
    return Kind(_json, "JSON")


def bare(hint: Any) -> Any:
    """Return a type without its None."""
    if get_origin(hint) not in (Union, UnionType):
        return hint
    left = [arg for arg in get_args(hint) if arg is not type(None)]
    # Of several, a text is what a shell writes; a single value may stand for a list of one.
    return str if str in left else left[0]


def is_model(hint: Any) -> bool:
    """Tell whether a type is a Model, whose fields are options each."""
    found = bare(hint)
    return isinstance(found, type) and issubclass(found, Model)


def _plain(hint: type) -> Kind:
    if hint is bool:
        return Kind(bool, "", flag=True)
    if issubclass(hint, Enum):
        words = tuple(str(each.value) for each in hint)
        return Kind(hint, "|".join(words), choices=words)
    if issubclass(hint, Model):
        return Kind(lambda text: _model(hint, _json(text)), "JSON")
    for known, kind in _KINDS.items():
        if issubclass(hint, known):
            return kind
    return Kind(_json, "JSON")


def _list_of(hint: Any) -> Kind:
    inner = kind_of(hint)

    def read(words: list[str]) -> list[Any]:
        if len(words) == 1 and words[0].lstrip().startswith("["):
            return [inner.read(orjson.dumps(item).decode() if _is_json(inner) else item) for item in _json(words[0])]
        return [inner.read(word) for word in words]

    return Kind(read, inner.shown, many=True)


def _is_json(kind: Kind) -> bool:
    return kind.shown == "JSON"


def _model(cls: type[Model], value: object) -> Model:
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("expected a JSON object")
    model = cls.of(value)
    unknown = sorted(value.keys() - to_json(model).keys())
    if unknown:
        names = ", ".join(item.name.rstrip("_") for item, _ in parts_of(cls))
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is unknown or of a wrong type; there are: {names}")
    return model


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from error


def _mapping(words: list[str]) -> dict[str, Any]:
    if len(words) == 1 and words[0].lstrip().startswith("{"):
        value = _json(words[0])
        return value if isinstance(value, dict) else {}
    pairs = [word.partition("=") for word in words]
    if any(not equals or not name for name, equals, _ in pairs):
        raise argparse.ArgumentTypeError("expected NAME=VALUE, or one JSON object")
    return {name: value for name, _, value in pairs}


def _time(text: str) -> datetime:
    moment = parse_time(text)
    if moment is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; expected for example 2026-01-15T21:32:14Z")
    return moment


def _number(kind: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return kind(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} is no number") from error

    return read


def _file(name: str) -> bytes:
    try:
        return read_input(name)
    except CommandError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


_KINDS: Mapping[type, Kind] = {
    str: Kind(str, "TEXT"),
    int: Kind(_number(int), "NUMBER"),
    float: Kind(_number(float), "NUMBER"),
    bytes: Kind(_file, "FILE"),
    Path: Kind(Path, "FILE"),
    datetime: Kind(_time, "TIME"),
}
