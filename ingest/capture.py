"""What of an HTTP request is shown to a verifier, and what of it is kept. Pure functions.

The verifier sees everything as it came. The record keeps everything but credentials.
"""

import re
from collections.abc import Iterable

from schemas.webhook import HttpHeaders

CREDENTIALS = frozenset(
    {
        "api-key",
        "authorization",
        "cf-access-client-secret",
        "cf-access-jwt-assertion",
        "cookie",
        "proxy-authorization",
        "set-cookie",
        "x-access-token",
        "x-amz-security-token",
        "x-amzn-oidc-accesstoken",
        "x-amzn-oidc-data",
        "x-api-key",
        "x-auth",
        "x-auth-token",
        "x-csrf-token",
        "x-forwarded-access-token",
        "x-forwarded-authorization",
        "x-goog-iap-jwt-assertion",
        "x-original-authorization",
        "x-secret",
        "x-vault-token",
    }
)
"""Header fields that never reach a record, whatever the provider: a sender's own, and those that proxies add."""

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


def traceparent_of(headers: HttpHeaders) -> str | None:
    """Return the trace parent where there is exactly one and it is valid (W3C Trace Context, 3.2.2)."""
    found = [value for name, value in headers if name == "traceparent"]
    return found[0] if len(found) == 1 and _TRACEPARENT.fullmatch(found[0]) else None
