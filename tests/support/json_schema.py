"""Whether a value fits one of our JSON Schema documents."""

from typing import Any

_TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}


def complaints(schema: dict[str, Any], value: Any, place: str = "$") -> list[str]:
    """Return where the value breaks the schema: the few keywords that our documents use."""
    expected = _TYPES.get(schema.get("type", ""))
    if expected is not None and not isinstance(value, expected):
        return [f"{place}: {type(value).__name__} is no {schema['type']}"]
    if expected is list:
        return [c for at, item in enumerate(value) for c in complaints(schema["items"], item, f"{place}[{at}]")]
    if expected is not dict:
        return []
    missing = [f"{place}: without {name}" for name in schema.get("required", []) if name not in value]
    known = schema.get("properties", {})
    return missing + [c for n in value.keys() & known.keys() for c in complaints(known[n], value[n], f"{place}.{n}")]
