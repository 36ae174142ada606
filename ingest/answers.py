"""The answers of the receiver: short, the same for every cause of one kind, and silent about us."""

from collections.abc import Mapping

from aiohttp import hdrs
from aiohttp.web import Response

_SERVER = "hookline"
_REASONS: Mapping[int, bytes] = {
    400: b"bad request\n",
    401: b"sender not proved\n",
    404: b"not found\n",
    405: b"method not allowed\n",
    408: b"request too slow\n",
    413: b"too large\n",
    429: b"too many refused\n",
}


def answer(
    status: int, *, close: bool = False, headers: Mapping[str, str] | None = None, json: bytes = b""
) -> Response:
    """Return an answer of that status. Its body depends on nothing but the status, or is the `json` of a success.

    `close` ends the connection after it.
    """
    body = json or _REASONS.get(status)
    response = Response(status=status, body=body)
    # A name without a version: what is there already, aiohttp does not overwrite with its own banner.
    response.headers[hdrs.SERVER] = _SERVER
    if body is not None:
        response.headers[hdrs.CONTENT_TYPE] = "application/json" if json else "text/plain; charset=utf-8"
    if headers:
        response.headers.update(headers)
    if close:
        response.force_close()
    return response
