"""What of an HTTP request is shown to a verifier, and what of it is kept. Pure functions.

The verifier sees everything as it came. The record keeps everything but credentials.
"""

import re
from collections.abc import Iterable
from urllib.parse import unquote_plus

from schemas.webhook import HttpHeaders

CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})
"""Header fields that never reach a record, whatever the provider."""

REDACTED = "REDACTED"

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


def read_headers(raw: Iterable[tuple[bytes, bytes]]) -> HttpHeaders:
    """Return header fields in order, repeats kept, names in lower case, other bytes as surrogate escapes."""
    return tuple(
        (name.lower().decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
        for name, value in raw
    )


def kept_headers(headers: HttpHeaders, secret: frozenset[str]) -> HttpHeaders:
    """Return the header fields without those named in `secret`, which is in lower case."""
    return tuple(field for field in headers if field[0] not in secret)


def kept_target(target: str, secret: frozenset[str]) -> str:
    """Return the request target as sent, with the values of secret query parameters replaced.

    Parameter names count after percent-decoding and without regard to letter case, so that no spelling of a
    name carries its value into a record.
    """
    path, mark, query = target.partition("?")
    if not secret or not mark:
        return target
    return f"{path}?{'&'.join(_kept_parameter(part, secret) for part in query.split('&'))}"


def _kept_parameter(part: str, secret: frozenset[str]) -> str:
    name = part.partition("=")[0]
    return f"{name}={REDACTED}" if unquote_plus(name).lower() in secret else part


def traceparent_of(headers: HttpHeaders) -> str | None:
    """Return the trace parent where there is exactly one and it is valid (W3C Trace Context, 3.2.2)."""
    found = [value for name, value in headers if name == "traceparent"]
    return found[0] if len(found) == 1 and _TRACEPARENT.fullmatch(found[0]) else None
