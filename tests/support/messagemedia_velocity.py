"""As much of Apache Velocity as webhook templates of MessageMedia use, to see what a template makes of an event.

References `$name`, `$!name`, `$name.property`, `$name.method(argument)`; directives `#foreach`, `#if`, `#else`, `#end`.
As there: a reference without a value is its own text, and empty with the quiet mark; a method of nothing is nothing.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_REFERENCE = re.compile(r"\$(!?)([A-Za-z][A-Za-z0-9_]*)((?:\.[A-Za-z][A-Za-z0-9_]*(?:\(([^()]*)\))?)*)")
_PART = re.compile(r"\.([A-Za-z][A-Za-z0-9_]*)(?:\(([^()]*)\))?")
_DIRECTIVE = re.compile(r"#(foreach|if)\s*\(((?:[^()]|\([^()]*\))*)\)|#(else|end)")
_LOOP = re.compile(r"\s*\$(\w+)\s+in\s+(\S.*?)\s*")


class Escape:
    """`$esc`, of which templates use `json`."""

    def json(self, value: Any) -> str | None:
        """Return a text as it stands between the quotes of a JSON string, None for none."""
        return None if value is None else json.dumps(str(value), ensure_ascii=False)[1:-1]


@dataclass(frozen=True)
class Block:
    """A directive and what it holds, up to its end."""

    name: str
    argument: str
    then: "list[str | Block]"
    otherwise: "list[str | Block]"


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return what a template gives for an event's variables."""
    parts = _blocks(iter(_tokens(template)))
    return "".join(_render(parts, {"esc": Escape(), **values}))


def _tokens(template: str) -> Iterator[str | re.Match[str]]:
    at = 0
    for found in _DIRECTIVE.finditer(template):
        yield template[at : found.start()]
        yield found
        at = found.end()
    yield template[at:]


def _blocks(tokens: Iterator[str | re.Match[str]]) -> "list[str | Block]":
    parts, _ = _until_end(tokens)
    return parts


def _until_end(tokens: Iterator[str | re.Match[str]]) -> "tuple[list[str | Block], str]":
    parts: list[str | Block] = []
    for token in tokens:
        if isinstance(token, str):
            parts.append(token)
        elif token[3]:
            return parts, token[3]
        else:
            then, ended = _until_end(tokens)
            otherwise = _until_end(tokens)[0] if ended == "else" else []
            parts.append(Block(token[1], token[2], then, otherwise))
    return parts, ""


def _render(parts: "list[str | Block]", values: Mapping[str, Any]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield _REFERENCE.sub(lambda found: _shown(found, values), part)
        elif part.name == "if":
            yield from _render(part.then if _value(part.argument, values) else part.otherwise, values)
        else:
            yield from _loop(part, values)


def _loop(block: Block, values: Mapping[str, Any]) -> Iterator[str]:
    found = _LOOP.fullmatch(block.argument)
    assert found is not None, block.argument
    items = list(_value(found[2], values) or ())
    for place, item in enumerate(items):
        more = {found[1]: item, "foreach": {"hasNext": place + 1 < len(items)}}
        yield from _render(block.then, {**values, **more})


def _shown(found: re.Match[str], values: Mapping[str, Any]) -> str:
    value = _resolve(found, values)
    if value is None:
        return "" if found[1] else found[0]
    return str(value)


def _value(argument: str, values: Mapping[str, Any]) -> Any:
    text = argument.strip()
    if text.startswith("'"):
        return text.strip("'")
    found = _REFERENCE.fullmatch(text)
    assert found is not None, argument
    return _resolve(found, values)


def _resolve(found: re.Match[str], values: Mapping[str, Any]) -> Any:
    value = values.get(found[2])
    for part in _PART.finditer(found[3]):
        if value is None:
            return None
        value = _member(value, part[1], part[2], values)
    return value


def _member(value: Any, name: str, argument: str | None, values: Mapping[str, Any]) -> Any:
    if argument is None:
        return value.get(name)
    if isinstance(value, Escape):
        return value.json(_value(argument, values))
    if name == "entrySet":
        return [{"key": key, "value": item} for key, item in value.items()]
    if name == "keySet":
        return list(value)
    return value.get(_value(argument, values))
