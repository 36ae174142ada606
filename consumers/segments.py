"""How a text goes over the air: its alphabet, its length in units, and the segments that it is cut into. Pure.

Source: 3GPP TS 23.038 (alphabets; 6.2.1 has both tables) and TS 23.040 (9.2.3.24.1: what a header of concatenation
leaves of a segment). Providers may do other things to a text: a national table, or letters replaced by plain ones.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Each stands behind an escape and takes two units.
_EXTENSION = frozenset("\f^{}\\[~]|€")
_BEYOND_BASIC_PLANE = 0x10000


class Encoding(StrEnum):
    """The alphabet of a text, and with it the size of a unit: 7 or 16 bits."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


@dataclass(frozen=True, slots=True)
class Segmented:
    """A text as it is sent. `units` are septets or 16-bit words; `forcing` are the characters that force UCS-2."""

    encoding: Encoding
    units: int
    segments: tuple[str, ...]
    forcing: tuple[str, ...] = ()


_ROOM = {Encoding.GSM_7: (160, 153), Encoding.UCS_2: (70, 67)}
"""Units in the only segment, and in each of several."""


def segmented(text: str) -> Segmented:
    """Return how the text is sent. No character is cut in two; the segments put together are the text."""
    forcing = tuple(dict.fromkeys(char for char in text if char not in _BASIC and char not in _EXTENSION))
    encoding = Encoding.UCS_2 if forcing else Encoding.GSM_7
    size = _words if forcing else _septets
    units = sum(map(size, text))
    alone, each = _ROOM[encoding]
    segments = (text,) if units <= alone else tuple(_cut(text, size, each))
    return Segmented(encoding, units, segments, forcing)


def units_of(text: str, encoding: Encoding) -> int:
    """Return the length of a text in units of the alphabet."""
    return sum(map(_words if encoding is Encoding.UCS_2 else _septets, text))


def room_of(encoding: Encoding, segments: int) -> int:
    """Return how many units so many segments hold."""
    alone, each = _ROOM[encoding]
    return alone if segments == 1 else segments * each


def _septets(char: str) -> int:
    return 2 if char in _EXTENSION else 1


def _words(char: str) -> int:
    return 2 if ord(char) >= _BEYOND_BASIC_PLANE else 1


def _cut(text: str, size: Callable[[str], int], room: int) -> Iterator[str]:
    start = used = 0
    for index, char in enumerate(text):
        if used + size(char) > room:
            yield text[start:index]
            start, used = index, 0
        used += size(char)
    yield text[start:]
