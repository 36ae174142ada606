"""The request that goes to an old handler. Pure.

Method, query, body and header fields are those of the webhook as it came, repeated fields repeated. Not passed on is
what belongs to one connection (RFC 9110, 7.6.1), to the way of the body over it, and the host. In place of fields that
the configuration names stand its own; that is how a secret comes back, which the raw record never holds.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.webhook import HttpHeaders, Webhook

_OF_THE_CONNECTION = frozenset(
    {
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
        *("host", "content-length", "expect"),
    }
)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_UNFIT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Posting:
    """One request. `url` is to go out as it is written."""

    method: str
    url: str
    headers: HttpHeaders = field(repr=False)
    body: bytes = field(repr=False)


def posting_of(webhook: Webhook, url: str, own: Mapping[str, str]) -> Posting:
    """Return the request that posts a webhook to `url`, with the header fields `own` in place of the webhook's.

    A field that HTTP cannot carry from here (bytes that are not UTF-8) is left out.
    """
    query = webhook.target.partition("?")
    replaced = {name.lower() for name in own}
    dropped = _OF_THE_CONNECTION | replaced | _named_by_connection(webhook)
    kept = tuple((name, value) for name, value in webhook.headers if name not in dropped and _fits(name, value))
    return Posting(webhook.method, f"{url}{query[1]}{query[2]}", (*kept, *own.items()), webhook.body)


def is_header(name: str, value: str) -> bool:
    """Tell whether a header field of the configuration can be sent."""
    return _fits(name, value) and name.lower() not in _OF_THE_CONNECTION - {"host"}


def _named_by_connection(webhook: Webhook) -> frozenset[str]:
    listed = (value for name, value in webhook.headers if name == "connection")
    return frozenset(word.strip().lower() for value in listed for word in value.split(","))


def _fits(name: str, value: str) -> bool:
    return _NAME.fullmatch(name) is not None and _UNFIT.search(value) is None
