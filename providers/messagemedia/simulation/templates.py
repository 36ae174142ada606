"""The little of Velocity that the templates of webhooks use.

`$name` is replaced by its value and stays as it is where there is none; `$!name` is then nothing; `$esc.json(...)`
escapes for a JSON string. Loops and conditions are left as they stand.
"""

import re
from collections.abc import Mapping

import orjson

_REFERENCE = re.compile(r"\$esc\.json\(\$(!?)(\w+)\)|\$(!?)(\w+)")


def render(template: str, variables: Mapping[str, str]) -> str:
    """Return the text of a template for one event."""

    def value_of(found: re.Match[str]) -> str:
        escaped = found[2] is not None
        quiet, name = (found[1], found[2]) if escaped else (found[3], found[4])
        value = variables.get(name)
        if value is None:
            return "" if quiet else f"${name}"
        return orjson.dumps(value).decode()[1:-1] if escaped else value

    return _REFERENCE.sub(value_of, template)
