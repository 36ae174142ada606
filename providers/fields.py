"""Reading of fields whose type nobody promises: what has the wrong type counts as absent."""

import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from schemas.events import Cost

Json = Mapping[str, Any]
"""A JSON object as the parser gives it."""

EMPTY: Json = {}
LONGEST_LIST = 100
"""Items that are read of a list: far more than any body that was seen holds, and few enough to be read at once."""

# How people write numbers; Telnyx itself writes none of these.
_SEPARATORS = str.maketrans("", "", " ()-.")
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
# E.164 allows 15 digits; shorter than 11 without a plus sign may be a short code or a national number.
_SHORTEST_BARE_NUMBER = 11
_LONGEST_NUMBER = 15


def text(source: Json, *names: str) -> str | None:
    """Return the first of the named fields that is a text with something in it."""
    for name in names:
        value = source.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def integer(source: Json, name: str) -> int | None:
    """Return the named field if it is a whole number that is not negative."""
    value = source.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def mapping(source: Json, name: str) -> Json:
    """Return the named field if it is an object, else an empty one."""
    value = source.get(name)
    return value if isinstance(value, dict) else EMPTY


def items(source: Json, name: str) -> Sequence[Any]:
    """Return the named field as a list: a lone value is a list of one, null and absence are empty.

    Of a list that is longer than LONGEST_LIST the rest is left to `provider_data`.
    """
    value = source.get(name)
    if isinstance(value, list):
        return value[:LONGEST_LIST]
    return () if value is None else (value,)


def too_long(source: Json, name: str) -> bool:
    """Tell whether the named field is a list of which `items` gives a part alone."""
    value = source.get(name)
    return isinstance(value, list) and len(value) > LONGEST_LIST


def texts(source: Json, name: str) -> tuple[str, ...]:
    """Return the texts of a list of texts."""
    return tuple(item for item in items(source, name) if isinstance(item, str))


def word(source: Json, name: str) -> str | None:
    """Return a field that holds one word of an enumeration, trimmed and in lower case."""
    value = source.get(name)
    return value.strip().lower() or None if isinstance(value, str) else None


def code(source: Json, name: str) -> str | None:
    """Return an error's code as text: Telnyx writes it as text, some of its samples as a number."""
    number = integer(source, name)
    return str(number) if number is not None else text(source, name)


def cost(source: Json) -> Cost | None:
    """Return the `cost` object; `amount` is a text, and a number in some of Telnyx's pages."""
    found = mapping(source, "cost")
    amount = text(found, "amount") or decimal_text(found.get("amount"))
    return None if amount is None else Cost(amount=amount, currency=text(found, "currency"))


def decimal_text(value: object) -> str | None:
    """Return a number as decimal text without an exponent, as money is written; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    # repr of a small float is 5.1e-05, which is not how money is written.
    return format(Decimal(repr(value)), "f")


def number(value: str) -> str:
    """Return a phone number as E.164; a short code, a name or a masked number stays as it is.

    Telnyx writes `18445550001` in link clicks and `++13127367407` in one example of its schema.
    """
    trimmed = value.strip()
    plain = trimmed.translate(_SEPARATORS)
    digits = plain.lstrip("+")
    if not _DIGITS.fullmatch(digits) or digits.startswith("0") or len(digits) > _LONGEST_NUMBER:
        return trimmed
    return f"+{digits}" if digits != plain or len(digits) >= _SHORTEST_BARE_NUMBER else trimmed


def address(value: object) -> str | None:
    """Return who a `from`, `to` or `cc` entry names: a text, `{phone_number}` or an RCS `{agent_id}`."""
    found = text(value, "phone_number", "agent_id") if isinstance(value, dict) else value
    return (number(found) or None) if isinstance(found, str) else None


def addresses(source: Json, name: str) -> tuple[str, ...]:
    """Return everybody whom a field names, each once, in order."""
    found = (address(item) for item in items(source, name))
    return tuple(dict.fromkeys(one for one in found if one is not None))
