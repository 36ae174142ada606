"""Times that a call names."""

from datetime import UTC, datetime


def seconds_of(value: object) -> float | None:
    """Return a time as ISO 8601 in Unix seconds, None for anything else; without a zone it is UTC."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
