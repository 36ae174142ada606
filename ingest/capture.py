"""What of an HTTP request is shown to a verifier, and what of it is kept. Pure functions.

The verifier sees everything as it came. The record keeps everything but credentials.
"""

import re
from collections.abc import Iterable
from urllib.parse import unquote_plus

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
        "x-auth-token",
        "x-csrf-token",
        "x-forwarded-access-token",
        "x-goog-iap-jwt-assertion",
        "x-vault-token",
    }
)
"""Header fields that never reach a record, whatever the provider: a sender's own, and those that proxies add."""

SECRET_PARAMETERS = frozenset({"access_token", "api_key", "apikey", "auth_token", "password", "secret", "token"})
"""Query parameters whose values never reach a record: what people put into a webhook's URL to guard it."""

REDACTED = "REDACTED"

# Of a target in absolute form: what stands before the host (RFC 3986, 3.2.1).
_USERINFO = re.compile(r"([^:/?#]+://)[^/?#]*@")
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
    """Return the request target as sent, without user and password, the values of secret query parameters replaced.

    Parameter names count after percent-decoding and without regard to letter case, so that no spelling of a
    name carries its value into a record.
    """
    found = _USERINFO.match(target)
    if found:
        target = found[1] + target[found.end() :]
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
