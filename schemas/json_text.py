"""JSON that is carried along as it came, byte for byte."""

from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True, eq=False)
class JsonText:
    """A JSON value as text. Numbers keep every digit, members their order; equal if the values are."""

    raw: bytes

    def value(self) -> Any:
        """Return the parsed value. Python's reader makes floats of integers over 64 bits; `raw` does not."""
        return orjson.loads(self.raw)

    @classmethod
    def of(cls, value: object) -> "JsonText":
        """Return the text of a plain value; what is text already stays as it is."""
        return value if isinstance(value, JsonText) else cls(orjson.dumps(value))

    def __eq__(self, other: object) -> bool:
        """Compare what the texts mean, not how they are written."""
        return isinstance(other, JsonText) and (self.raw == other.raw or self.value() == other.value())

    def __hash__(self) -> int:
        """Hash the meaning, with members sorted, so that equal values share it."""
        return hash(orjson.dumps(self.value(), option=orjson.OPT_SORT_KEYS))
