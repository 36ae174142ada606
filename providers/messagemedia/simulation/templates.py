"""The part of Velocity that the templates of webhooks use.

`$name` is replaced by its value and stays as it is where there is none; `$!name` is then nothing. `$esc.json(...)`
escapes for a JSON string. A loop over `$metadata.entrySet()` or `$attachments` may end in `#if($foreach.hasNext),#end`.
"""

import re
from collections.abc import Mapping, Sequence

import orjson

Variables = Mapping[str, "str | Sequence[Mapping[str, str]]"]
"""Texts by the names of variables; for loops, objects with texts by the names of their members."""

_REFERENCE = re.compile(r"\$(!?)esc\.json\(\$(!?)(\w+(?:\.\w+)*)\)|\$(!?)(\w+(?:\.\w+)*)")
_LOOP = re.compile(
    r"#foreach\(\$(\w+) in \$(\w+)(?:\.entrySet\(\))?\)(.*?)#if\(\$foreach\.hasNext\)(.*?)#end#end", re.DOTALL
)


def render(template: str, variables: Variables) -> str:
    """Return the text of a template for one event."""
    # Loops are cut out first: what a person wrote is put in last, and is never read as a template.
    parts: list[str] = []
    end = 0
    for found in _LOOP.finditer(template):
        parts += [_filled(template[end : found.start()], variables), _looped(found, variables)]
        end = found.end()
    return "".join((*parts, _filled(template[end:], variables)))


def _looped(found: re.Match[str], variables: Variables) -> str:
    name, collection, inner, between = found.groups()
    items = variables.get(collection, ())
    if isinstance(items, str):
        return ""
    rounds = ({**variables, **{f"{name}.{member}": text for member, text in item.items()}} for item in items)
    return between.join(_filled(inner, known) for known in rounds)


def _filled(text: str, variables: Variables) -> str:
    return _REFERENCE.sub(lambda found: _value(found, variables), text)


def _value(found: re.Match[str], variables: Variables) -> str:
    escaped = found[3] is not None
    name = found[3] if escaped else found[5]
    value = variables.get(name)
    if not isinstance(value, str):
        quiet = found[1] or found[2] or found[4]
        return "" if quiet else f"${name}"
    return orjson.dumps(value).decode()[1:-1] if escaped else value
