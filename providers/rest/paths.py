"""Ids as parts of a path: what would name another place than the one that is meant is refused."""

from urllib.parse import quote

from providers.rest.errors import LimitError


def path_part(name: str, value: object) -> str:
    """Return an id as it stands in a path, everything but letters, digits and `_.-~` percent-escaped.

    Raises LimitError for what is no text, and for nothing but blanks and dots: `..` would go up to another call.
    """
    if not isinstance(value, str) or not value.strip().strip("."):
        raise LimitError(f"{name}: not an id")
    # A lone surrogate has no bytes; it must not cost more than a call that finds nothing.
    return quote(value, safe="", errors="replace")
