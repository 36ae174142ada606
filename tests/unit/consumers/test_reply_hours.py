"""Opening hours by the clock of a place."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.auto_reply.hours import HoursError, date_of, read_hours, spans_of, zone_of
from consumers.auto_reply.settings import Hours

ZURICH = ZoneInfo("Europe/Zurich")


def hours(*lines: str, closed: tuple[str, ...] = (), zone: str = "Europe/Zurich") -> Hours:
    """Return hours of an office."""
    return Hours(time_zone=zone, open=lines, closed=closed)


def is_open(settings: Hours, local: str, *, fold: int = 0) -> bool:
    """Tell whether it is open at a time of the wall clock."""
    here = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(settings.time_zone), fold=fold)
    return read_hours(settings).is_open(here.astimezone(UTC))


OFFICE = hours("Mon-Fri 09:00-12:00, 13:00-17:00", "Sat 10:00-12:00", closed=("2026-01-02", "12-25"))


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2026-01-05T08:59:59", False),
        ("2026-01-05T09:00", True),
        ("2026-01-05T11:59:59", True),
        ("2026-01-05T12:00", False),
        ("2026-01-05T13:00", True),
        ("2026-01-05T17:00", False),
        ("2026-01-10T10:30", True),
        ("2026-01-11T10:30", False),
        ("2026-01-02T10:00", False),
        ("2027-01-02T10:30", True),
        ("2026-12-25T10:00", False),
        ("2028-12-25T10:00", False),
    ],
)
def test_the_office_is_open_as_it_says(local: str, expected: bool) -> None:
    """The end is not within; a date closes one year or all."""
    assert is_open(OFFICE, local) is expected


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2026-01-09T21:59", False),
        ("2026-01-09T22:00", True),
        ("2026-01-10T01:59", True),
        ("2026-01-10T02:00", False),
        ("2026-01-10T22:00", False),
        ("2026-01-11T00:30", False),
        ("2026-01-16T23:00", False),
        ("2026-01-17T01:00", False),
        ("2026-01-23T23:00", True),
        ("2026-01-24T01:00", True),
    ],
)
def test_an_evening_goes_on_behind_midnight(local: str, expected: bool) -> None:
    """It belongs to the day on which it began: a date closes its own evening, not the night before."""
    assert is_open(hours("Fri 22:00-02:00", closed=("2026-01-16", "2026-01-24")), local) is expected


def test_the_last_night_of_a_week_ends_in_the_next() -> None:
    """Sunday is before Monday."""
    assert is_open(hours("Sun 23:00-01:00"), "2026-01-12T00:30")


def test_the_whole_day_and_days_over_the_weekend() -> None:
    """24:00 is the end of a day, and Sat-Mon are three days."""
    found = hours("Sat-Mon 00:00-24:00")
    days = [is_open(found, f"2026-01-{day:02}T{time}") for day in range(5, 12) for time in ("00:00", "23:59")]
    assert days == [True] * 2 + [False] * 8 + [True] * 4


def test_the_clock_that_goes_forward_leaves_an_hour_out() -> None:
    """At 01:59 it is closed, a minute later it is 03:00 and open."""
    early = hours("Sun 02:30-04:00")
    before = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)
    assert not read_hours(early).is_open(before)
    assert read_hours(early).is_open(before + timedelta(minutes=1))


def test_the_hour_that_comes_twice_is_open_twice() -> None:
    """Both are 02:30 on the wall."""
    night = hours("Sun 02:00-03:00")
    assert is_open(night, "2026-10-25T02:30", fold=0)
    assert is_open(night, "2026-10-25T02:30", fold=1)
    assert not is_open(night, "2026-10-25T03:00")


def test_the_zone_decides_and_not_the_hour_of_utc() -> None:
    """The same moment is open in Zurich and not yet in New York."""
    moment = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    assert read_hours(OFFICE).is_open(moment)
    assert not read_hours(hours("Mon-Fri 09:00-17:00", zone="America/New_York")).is_open(moment)


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_any_moment_has_an_answer(moment: datetime) -> None:
    """Also where a place has no such time."""
    assert read_hours(OFFICE).is_open(moment) in {True, False}


@given(st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_hours_and_the_hours_between_them_are_all_of_the_time(moment: datetime) -> None:
    """What is closed by the one is open by the other, changes of the clock included."""
    day, night = hours("Mon-Sun 07:00-21:00"), hours("Mon-Sun 21:00-07:00")
    assert read_hours(day).is_open(moment) is not read_hours(night).is_open(moment)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "write days and times"),
        ("09:00-17:00", "write days and times"),
        ("Mon", "write days and times"),
        ("Mon-Fry 09:00-17:00", "'fry' is no day"),
        ("Mon, 09:00-17:00", "'' is no day"),
        ("Mon 9:00-17:00", "no span of time"),
        ("Mon 09:00", "no span of time"),
        ("Mon 09:00-25:00", "no time 25:00"),
        ("Mon 24:30-25:00", "no time 24:30"),
        ("Mon 09:00-09:00", "lasts no time"),
        ("Mon 24:00-02:00", "lasts no time"),
    ],
)
def test_hours_that_cannot_be_read_are_told(line: str, said: str) -> None:
    """With what may be written."""
    with pytest.raises(HoursError, match=said):
        list(spans_of(line))


@pytest.mark.parametrize("name", ["", "Mars/Base", "Europe", "../etc/passwd", "/etc/passwd", "a\0b"])
def test_a_zone_that_is_none_is_told(name: str) -> None:
    """Whatever the library makes of it."""
    with pytest.raises(HoursError, match="no time zone"):
        zone_of(name)


@pytest.mark.parametrize("text", ["", "2026-02-29", "02-30", "25.12.2026", "2026-12"])
def test_a_date_that_is_none_is_told(text: str) -> None:
    """The 29th of February of every year is one."""
    assert date_of("02-29") == (False, date(2000, 2, 29))
    with pytest.raises(HoursError, match="write a date"):
        date_of(text)
