"""What a provider answered: status, headers, body; and how long it asks to wait."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

LONGEST_PAUSE = 3600.0
"""Seconds; what an answer asks beyond that is not believed. After that a call asks again."""

_TOO_MANY = 429
_SECONDS = re.compile(r"[0-9]{1,10}(\.[0-9]{1,6})?", re.ASCII)
# `x-ratelimit-reset` is seconds to go on one page of Telnyx and a Unix time on another.
_SURELY_A_DATE = 1_000_000_000.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. Header names are in lower case; `whole` says that the body is not cut."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    whole: bool = True

    def json(self) -> Any:
        """Return the value of a JSON body, None where it is none."""
        return json_of(self.body)


def json_of(body: bytes) -> Any:
    """Return the value of a JSON text, None where it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def pause_of(status: int, headers: Mapping[str, str], now: float, longest: float = LONGEST_PAUSE) -> float | None:
    """Return the seconds that an answer asks to wait, never more than `longest`; `now` is in Unix seconds.

    `x-ratelimit-reset` comes with every answer of some providers: it is a wish where there were too many calls alone.
    """
    seconds = _seconds(headers.get("retry-after"), now)
    if seconds is None and status == _TOO_MANY:
        seconds = _seconds(headers.get("x-ratelimit-reset"), now)
    return None if seconds is None else min(max(seconds, 0.0), longest)


def _seconds(value: str | None, now: float) -> float | None:
    if value is None:
        return None
    if _SECONDS.fullmatch(value):
        seconds = float(value)
        return seconds - now if seconds > _SURELY_A_DATE else seconds
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now
