"""The `Date` of a signed request (RFC 9110, 5.6.7), as the provider's platforms may write it."""

import re
from datetime import UTC, datetime, timedelta

# Java's own formatter of such dates writes a day below 10 with one digit.
_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) (?:GMT|UTC|\+0000)",
    re.ASCII,
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(text: str) -> float | None:
    """Return the Unix seconds that an HTTP date names, None where it names none.

    How the text is read proves nothing: the signature covers it as it stands.
    """
    found = _DATE.fullmatch(text)
    if found is None or found[2] not in _MONTHS or int(found[6]) > 60:
        return None
    day, year, hour, minute, second = (int(found[place]) for place in (1, 3, 4, 5, 6))
    try:
        moment = datetime(year, _MONTHS.index(found[2]) + 1, day, hour, minute, tzinfo=UTC)
        # A leap second has the number 60.
        return (moment + timedelta(seconds=second)).timestamp()
    except (ValueError, OverflowError):
        return None
