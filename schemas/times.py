"""Time as the topics carry it: UTC, whole milliseconds, ending in `Z`."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

Clock = Callable[[], float]
"""Gives the time now as Unix seconds; `time.time` in production, a fake in tests."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# fromisoformat also takes week dates, bare dates and odd separators; a provider sends none of them.
_ISO_8601 = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|z|[+-]\d\d(:?\d\d)?)?", re.ASCII)


def from_millis(millis: int) -> datetime:
    """Return the UTC time of `millis` milliseconds since 1970.

    Raises OverflowError outside the years 1 to 9999.
    """
    return EPOCH + timedelta(milliseconds=millis)


def to_millis(moment: datetime) -> int:
    """Return the milliseconds since 1970 of an aware time, rounded down."""
    return (moment - EPOCH) // _MILLISECOND


def from_clock(clock: Clock) -> datetime:
    """Return what the clock shows as a UTC time of whole milliseconds."""
    return from_millis(int(clock() * 1000))


@lru_cache(maxsize=256)  # one webhook's times stand in several of its records
def format_time(moment: datetime) -> str:
    """Return an aware time as `2026-01-15T21:32:14.148Z`."""
    # isoformat costs a tenth of strftime, and pads years below 1000 where strftime does not.
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def parse_time(value: object) -> datetime | None:
    """Return the UTC time that an ISO 8601 text names, or None where it names none.

    A time without a zone is read as UTC, which is what every provider here means by it.
    """
    if not isinstance(value, str) or not _ISO_8601.fullmatch(value):
        return None
    try:
        moment = datetime.fromisoformat(value.replace(",", "."))
        if moment.tzinfo is not UTC:
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    finer = moment.microsecond % 1000
    return moment.replace(microsecond=moment.microsecond - finer) if finer else moment
