"""Reading of Syniverse's fields, whose types vary: numbers as texts, `""` for nothing, spaces in front."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from providers.fields import LONGEST_LIST, Json, items
from schemas.events import Cost
from schemas.times import from_millis, parse_time

# Beyond these no price is meant, and to write it out would cost memory.
_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)
_MILLIS = re.compile(r"[0-9]{12,15}", re.ASCII)
_SEPARATORS = re.compile(r"[,\s]+")
_LARGEST_MILLIS = 253_402_300_799_999
_US_NUMBER = re.compile(r"1[0-9]{10}", re.ASCII)
_MSISDN = re.compile(r"[1-9][0-9]{10,14}", re.ASCII)
_BARE_DIGITS = re.compile(r"\+?([0-9]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Figure:
    """A JSON number as it is written: no digit is lost and none invented."""

    text: str


def trimmed(source: Json, *names: str) -> str | None:
    """Return the first of the named fields that is a text of more than white space, trimmed."""
    for name in names:
        value = source.get(name)
        if isinstance(value, str) and (found := value.strip()):
            return found
    return None


def label(source: Json, *names: str) -> str | None:
    """Return the first of the named fields that is a text or a whole number, as text: codes and ids are both."""
    for name in names:
        value = source.get(name)
        found = str(value) if isinstance(value, int) and not isinstance(value, bool) else trimmed(source, name)
        if found is not None:
            return found
    return None


def whole(source: Json, name: str) -> int | None:
    """Return a whole number that is not negative, or a text of one."""
    found = label(source, name)
    return int(found) if found is not None and _WHOLE.fullmatch(found) else None


def price(source: Json, *names: str) -> Cost | None:
    """Return the first of the named amounts, exactly as decimal text. Syniverse names no currency."""
    for name in names:
        value = source.get(name)
        written = value.text if isinstance(value, Figure) else label(source, name)
        if written is not None and _DECIMAL.fullmatch(written):
            return Cost(amount=format(Decimal(written), "f"))
    return None


def moment(value: object) -> datetime | None:
    """Return a time: ISO 8601 in events, milliseconds since 1970 in REST bodies."""
    if isinstance(value, str) and _MILLIS.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return from_millis(value) if 0 < value <= _LARGEST_MILLIS else None
    return parse_time(value.strip()) if isinstance(value, str) else None


def ids(source: Json, name: str) -> tuple[str, ...]:
    """Return ids that stand in one text, split at commas and white space, or in a list of texts. Each once."""
    parts: list[str] = []
    for item in items(source, name):
        parts += _SEPARATORS.split(item) if isinstance(item, str) else ()
    return tuple(dict.fromkeys(part for part in parts if part))[:LONGEST_LIST]


def address(value: object) -> str | None:
    """Return who an address field names: E.164 where that is safe, else as it is written.

    Eleven digits that begin with 1 are a number of North America. Fewer may be a national number or a short code,
    and others a number or an id: they stay bare, as do `fb:`, `we:`, `psh:` and `wa:` addresses.
    """
    if not isinstance(value, str) or not (text := value.strip()):
        return None
    return f"+{text}" if _US_NUMBER.fullmatch(text) else text


def msisdn(value: object) -> str | None:
    """Return the number of a field that names a person: E.164 with its plus sign, whether it is written or not.

    A person has a whole number, so 11 to 15 digits are one. Ten digits and fewer stay as they are: some write national
    numbers there. Our own side of a message is no person: see `address`.
    """
    text = address(value)
    return f"+{text}" if text is not None and _MSISDN.fullmatch(text) else text


def same_address(value: str | None) -> str | None:
    """Return an address without a plus sign in front of digits, for comparing: some fields have it, some have not."""
    found = _BARE_DIGITS.fullmatch(value) if value is not None else None
    return found[1] if found else value


def first(values: Sequence[datetime | None]) -> datetime | None:
    """Return the first time that is known."""
    return next((value for value in values if value is not None), None)
