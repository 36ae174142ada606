"""One spelling for each number, so that one person has one consent. Pure."""

import re

_SEPARATORS = str.maketrans("", "", " ()-./\u00a0")
# No country code begins with 0; shorter than 7 digits is a short code.
_E164 = re.compile(r"\+?([1-9][0-9]{6,14})", re.ASCII)


def canonical(number: str) -> str:
    """Return the number as E.164 with its plus sign; whatever cannot be one stays as it is, trimmed."""
    found = _found(number)
    return f"+{found[1]}" if found else number.strip()


def is_number(number: str) -> bool:
    """Tell whether it can be a phone number of E.164, in any of its spellings."""
    return _found(number) is not None


def _found(number: str) -> re.Match[str] | None:
    return _E164.fullmatch(number.translate(_SEPARATORS))


def spellings(number: str) -> tuple[str, ...]:
    """Return how tables and keys may spell the number: with the plus sign, without it, and as it was given.

    A plus sign alone has no other: the empty text stands for nobody, or for all.
    """
    plain = canonical(number)
    return tuple(dict.fromkeys((plain, plain.removeprefix("+") or plain, number)))
