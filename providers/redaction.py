"""What of a URL is kept: everything but the secrets in it. Pure functions."""

import re
from urllib.parse import unquote_plus

SECRET_PARAMETERS = frozenset(
    {
        "access_token",
        "api_key",
        "apikey",
        "auth",
        "auth_token",
        "key",
        "password",
        "pwd",
        "secret",
        "signature_secret",
        "token",
    }
)
"""Query parameters whose values never reach a record: what people put into a webhook's URL to guard it."""

REDACTED = "REDACTED"

# Of a target in absolute form: what stands before the host (RFC 3986, 3.2.1).
_USERINFO = re.compile(r"([^:/?#]+://)[^/?#]*@")


def kept_target(target: str, secret: frozenset[str] = SECRET_PARAMETERS) -> str:
    """Return a request target or URL without user and password, the values of secret query parameters replaced.

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
