"""Parts of a JSON text as they stand, byte for byte: what is polled is kept as the provider wrote it."""

import json
import re
from collections.abc import Iterator, Sequence

_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_BLANKS = re.compile(r"[ \t\r\n]*")


def items_of(body: bytes, member: str) -> Sequence[bytes]:
    """Return the items of the list under `member` of a JSON object, each as its own bytes.

    Empty where there is no such list. Of two members of that name the last counts, as it does for every JSON reader
    here. Raises ValueError where the body is not a JSON object.
    """
    text = body.decode("utf-8")
    start = None
    for name, begin in _members(text):
        start = begin if name == member else start
    if start is None or text[start] != "[":
        return ()
    return [text[begin:stop].encode() for begin, stop in _items(text, start)]


def _members(text: str) -> Iterator[tuple[str, int]]:
    """Yield each member's name and where its value begins."""
    at = _expect(text, _skip(text, 0), "{")
    more = text[at : at + 1] != "}"
    while more:
        if text[at : at + 1] != '"':
            raise ValueError(f"expected a name at {at}")
        name, at = _value(text, at)
        at = _expect(text, _skip(text, at), ":")
        _, end = _value(text, at)
        yield str(name), at
        at = _skip(text, end)
        more = text[at : at + 1] == ","
        at = _expect(text, at, ",") if more else at
    if _expect(text, at, "}") != len(text):
        raise ValueError("more follows the object")


def _items(text: str, at: int) -> Iterator[tuple[int, int]]:
    """Yield where each item of a list begins and ends; the list is known to be whole."""
    at = _expect(text, at, "[")
    while text[at : at + 1] != "]":
        _, end = _value(text, at)
        yield at, end
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _expect(text, at, ",")


def _value(text: str, at: int) -> tuple[object, int]:
    try:
        found: tuple[object, int] = _DECODER.raw_decode(text, at)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return found


def _expect(text: str, at: int, sign: str) -> int:
    """Return the place of what follows the sign, which has to stand here."""
    if text[at : at + 1] != sign:
        raise ValueError(f"expected {sign!r} at {at}")
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at
