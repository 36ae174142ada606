"""The command line of one operation, made of its signature."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass
from pathlib import Path
from typing import Any

from hookline.calling.kinds import Kind, bare, is_model, kind_of
from providers.rest.models import Model, parts_of
from providers.rest.operations import Operation, Parameter


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command line asks: the operation's arguments, one page alone, how many items, where bytes go."""

    arguments: Mapping[str, Any]
    page: str | None
    most: int | None
    output: Path | None


def operation_parser(account: str, operation: Operation) -> argparse.ArgumentParser:
    """Return the parser of one operation's options."""
    endpoint = operation.endpoint
    parser = argparse.ArgumentParser(
        prog=f"hookline call {account} {operation.name}",
        description=f"{operation.summary}\n\n{endpoint.method} {endpoint.path}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for name, hint, required in _flat(operation):
        _add(parser, name, kind_of(hint), required=required)
    shared = parser.add_argument_group("on the call itself")
    shared.add_argument("--config", type=Path, metavar="FILE", help="as for every command: hookline.toml by default")
    shared.add_argument("--page", metavar="PLACE", help="of a list that comes in pages: this page alone")
    shared.add_argument("--max-items", type=int, metavar="N", help="of a list: no more than N items")
    shared.add_argument("--output", type=Path, metavar="FILE", help="where an answer of bytes goes")
    return parser


def asked(operation: Operation, parser: argparse.ArgumentParser, words: Sequence[str]) -> Asked:
    """Return what the words ask. Ends the process with usage and status 2 where they are wrong."""
    found = parser.parse_args([_dashed(word) for word in words])
    arguments: dict[str, Any] = {}
    for parameter in operation.parameters:
        if is_model(parameter.hint):
            arguments[parameter.name] = _model_of(parser, operation, parameter, found)
        else:
            _take(parser, arguments, parameter.name, kind_of(parameter.hint), found)
    return Asked(arguments, found.page, found.max_items, found.output)


def _model_of(
    parser: argparse.ArgumentParser, operation: Operation, parameter: Parameter, found: argparse.Namespace
) -> Any:
    cls = bare(parameter.hint)
    fields: dict[str, Any] = {}
    for item, hint in offered_parts(operation, cls):
        _take(parser, fields, item.name, kind_of(hint), found)
    return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})


def _take(
    parser: argparse.ArgumentParser, into: dict[str, Any], name: str, kind: Kind, found: argparse.Namespace
) -> None:
    """Put the option's value under its name, if it was given."""
    given = getattr(found, _dest(name))
    if given is None:
        return
    try:
        into[name] = given if kind.flag else kind.read(given)
    except argparse.ArgumentTypeError as error:
        parser.error(f"argument {_option(name)}: {error}")


def _flat(operation: Operation) -> list[tuple[str, Any, bool]]:
    """Return name, type and whether it is required, of every option."""
    flat: list[tuple[str, Any, bool]] = []
    for parameter in operation.parameters:
        if is_model(parameter.hint):
            parts = offered_parts(operation, bare(parameter.hint))
            flat += [(item.name, hint, parameter.required and _is_required(item)) for item, hint in parts]
        else:
            flat.append((parameter.name, parameter.hint, parameter.required))
    return flat


def offered_parts(operation: Operation, cls: type[Model]) -> Sequence[tuple[Field[Any], Any]]:
    """Return the fields of a model that are options: none that the provider alone sets, none that is a parameter."""
    taken = {parameter.name for parameter in operation.parameters}
    parts = [(item, hint) for item, hint in parts_of(cls) if not item.metadata.get("read_only")]
    return [(item, hint) for item, hint in parts if item.name not in taken]


def _is_required(item: Field[Any]) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _add(parser: argparse.ArgumentParser, name: str, kind: Kind, *, required: bool) -> None:
    options: dict[str, Any] = {"dest": _dest(name), "required": required}
    if kind.flag:
        parser.add_argument(_option(name), action=argparse.BooleanOptionalAction, **options)
        return
    if kind.many:
        options |= {"nargs": "+", "action": "extend"}
    elif kind.choices:
        options["choices"] = kind.choices
    # argparse formats help texts and metavars with %.
    parser.add_argument(_option(name), metavar=kind.shown.replace("%", "%%"), **options)


def _option(name: str) -> str:
    return f"--{name.rstrip('_').replace('_', '-')}"


def _dest(name: str) -> str:
    # Apart from the names of the call's own options.
    return f"field_{name}"


def _dashed(word: str) -> str:
    """Return `--a_b=c` as `--a-b=c`: the configuration and the provider write underscores."""
    if not word.startswith("--"):
        return word
    name, equals, value = word.partition("=")
    return f"{name.replace('_', '-')}{equals}{value}"
