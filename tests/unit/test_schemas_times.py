"""Time on the topics: UTC, whole milliseconds, `Z`."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.times import format_time, from_clock, from_millis, parse_time, to_millis

moments = st.datetimes(timezones=st.just(UTC)).map(lambda m: m.replace(microsecond=m.microsecond // 1000 * 1000))


@given(moments)
def test_a_formatted_time_reads_back(moment: datetime) -> None:
    """What is written is what is read."""
    assert parse_time(format_time(moment)) == moment


@given(moments)
def test_milliseconds_read_back(moment: datetime) -> None:
    """Milliseconds since 1970 lose nothing."""
    assert from_millis(to_millis(moment)) == moment


def test_another_zone_is_turned_into_utc() -> None:
    """A reader never has to know the provider's zone."""
    eastern = datetime(2026, 1, 15, 16, 32, 14, 148999, tzinfo=timezone(timedelta(hours=-5)))
    assert format_time(eastern) == "2026-01-15T21:32:14.148Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-15T21:32:14+00:00", "2026-01-15T21:32:14.000Z"),
        ("2026-01-15T21:32:14.148Z", "2026-01-15T21:32:14.148Z"),
        ("2026-01-15T21:32:14.148613+00:00", "2026-01-15T21:32:14.148Z"),
        ("2025-04-28 12:00:38.631252+00:00", "2025-04-28T12:00:38.631Z"),
        ("2026-01-15T21:32:14", "2026-01-15T21:32:14.000Z"),
        ("2026-01-15T23:32:14+0200", "2026-01-15T21:32:14.000Z"),
    ],
)
def test_the_forms_that_providers_send_are_read(text: str, expected: str) -> None:
    """No fraction, three or six digits, any zone, and none."""
    moment = parse_time(text)
    assert moment is not None
    assert format_time(moment) == expected


@pytest.mark.parametrize(
    "value", ["", "today", "2026-01-15", "2026-13-01T00:00:00Z", "2026-W03-1", 1767225600, None, {}]
)
def test_what_is_no_time_is_none(value: object) -> None:
    """A field that is not a time counts as absent."""
    assert parse_time(value) is None


@given(st.text(max_size=40))
def test_no_text_raises(text: str) -> None:
    """A provider may send anything."""
    assert parse_time(text) is None or isinstance(parse_time(text), datetime)


def test_the_clock_gives_whole_milliseconds() -> None:
    """Nothing finer than a millisecond enters an event."""
    assert format_time(from_clock(lambda: 1767225600.1239)) == "2026-01-01T00:00:00.123Z"
