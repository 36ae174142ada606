"""Opening hours: read from the configuration, and asked whether a moment is within them. Pure but for the zone's file.

They are hours of the wall clock: an hour that comes twice when the clocks go back is open twice, one that is left out
in spring never is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from consumers.auto_reply.settings import Hours

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = {name.lower(): index for index, name in enumerate(DAYS)}
_LINE = re.compile(r"\s*([A-Za-z][A-Za-z,\s-]*?)\s+(\d[\d:,\s-]*)", re.ASCII)
_SPAN = re.compile(r"(\d\d):(\d\d)\s*-\s*(\d\d):(\d\d)", re.ASCII)
_DATE = re.compile(r"(?:(\d{4})-)?(\d\d)-(\d\d)", re.ASCII)
_MINUTES = 24 * 60
_LEAP_YEAR = 2000
_DAY_LONG = timedelta(days=1)


class HoursError(ValueError):
    """Opening hours that cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Span:
    """From one minute of a weekday (0 is Monday) to another, that one excluded; past 1440 it is the next day's."""

    weekday: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """Opening hours of one place. `closed` holds dates, and `closed_yearly` months with days."""

    zone: tzinfo
    spans: frozenset[Span]
    closed: frozenset[date]
    closed_yearly: frozenset[tuple[int, int]]

    def local(self, moment: datetime) -> datetime:
        """Return a moment by the clock of the place; one that has no such time there stays as it is."""
        try:
            return moment.astimezone(self.zone)
        except OverflowError:
            return moment

    def is_open(self, moment: datetime) -> bool:
        """Tell whether it is open. A closed date closes what would open on it, not what opened the day before."""
        here = self.local(moment)
        minute = here.hour * 60 + here.minute
        return self._holds(here.date(), minute) or (
            here.date() > date.min and self._holds(here.date() - _DAY_LONG, minute + _MINUTES)
        )

    def _holds(self, day: date, minute: int) -> bool:
        if day in self.closed or (day.month, day.day) in self.closed_yearly:
            return False
        return any(span.weekday == day.weekday() and span.start <= minute < span.end for span in self.spans)


def read_hours(hours: Hours) -> OpeningHours:
    """Return the opening hours that the settings tell. Raises HoursError."""
    zone = zone_of(hours.time_zone)
    spans = frozenset(span for line in hours.open for span in spans_of(line))
    dates = [date_of(text) for text in hours.closed]
    return OpeningHours(
        zone=zone,
        spans=spans,
        closed=frozenset(day for year, day in dates if year),
        closed_yearly=frozenset((day.month, day.day) for year, day in dates if not year),
    )


@lru_cache(maxsize=1024)  # a zone is read from its file: once, when the configuration is, and never on the loop
def zone_of(name: str) -> tzinfo:
    """Return the time zone of that name. Raises HoursError."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    # The name of a folder of zones is an OSError, one that leads out of it a ValueError.
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise HoursError(f"no time zone {name!r}; write one such as 'Europe/Zurich' or 'America/New_York'") from error


def spans_of(line: str) -> Iterator[Span]:
    """Yield what a line such as `Mon-Fri 09:00-12:00, 13:00-17:00` says. Raises HoursError."""
    found = _LINE.fullmatch(line)
    if found is None:
        raise HoursError(f"{line!r}: write days and times such as 'Mon-Fri 09:00-17:00' or 'Sat,Sun 22:00-02:00'")
    times = [_times(part, line) for part in found[2].split(",")]
    for days in found[1].split(","):
        for weekday in _weekdays(days, line):
            yield from (Span(weekday, start, end) for start, end in times)


def date_of(text: str) -> tuple[bool, date]:
    """Return a date, and whether it is of one year alone. Raises HoursError."""
    found = _DATE.fullmatch(text.strip())
    try:
        if found is not None:
            return found[1] is not None, date(int(found[1] or _LEAP_YEAR), int(found[2]), int(found[3]))
    except ValueError:
        pass
    raise HoursError(f"{text!r}: write a date such as '2026-12-25', or '12-25' for every year")


def _weekdays(text: str, line: str) -> Iterator[int]:
    first, dash, last = (part.strip().lower() for part in text.partition("-"))
    unknown = [name for name in (first, last if dash else first) if name not in _DAY]
    if unknown:
        raise HoursError(f"{line!r}: {unknown[0]!r} is no day; they are {', '.join(DAYS)}")
    length = (_DAY[last] - _DAY[first]) % 7 if dash else 0
    return (day % 7 for day in range(_DAY[first], _DAY[first] + length + 1))


def _times(text: str, line: str) -> tuple[int, int]:
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise HoursError(f"{line!r}: {text.strip()!r} is no span of time; write it as '09:00-17:00'")
    start, end = _minute(found[1], found[2], line), _minute(found[3], found[4], line)
    if start in {end, _MINUTES}:
        raise HoursError(f"{line!r}: {text.strip()!r} lasts no time; the whole day is '00:00-24:00'")
    return start, end if end > start else end + _MINUTES


def _minute(hour: str, minute: str, line: str) -> int:
    if (hour, minute) == ("24", "00"):
        return _MINUTES
    try:
        found = time(int(hour), int(minute))
    except ValueError as error:
        raise HoursError(f"{line!r}: there is no time {hour}:{minute}") from error
    return found.hour * 60 + found.minute
