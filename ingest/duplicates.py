"""Repeats: webhooks that were stored lately, and those that are on their way now.

A provider sends again what it was not answered in time, so most repeats follow shortly and reach the same worker.
Those need no second place in the log. Across workers and after a restart the id of the record does the work.

A repeat has the same account, method, query and content type, and the same body as far as that counts: a provider says
what of it changes with each attempt (`Provider.content`). A webhook that differs in anything else may mean something
else, a new state of the same message say, and is stored (P11). The path does not count: it names the account, in one
spelling or another. So the attempt at another URL of the same account is a repeat, unless its query differs: a query
can carry data.

The window is memory of one process. It holds no more than its size, and there are no more futures than webhooks in
flight; whoever waits for one waits no longer than until it has to be answered. After a restart or at another worker a
repeat is stored again under the same ids. One whose proof is too old by then is refused there: no provider sends such
a one, see `docs/threat-model.md`.
"""

import asyncio
import hashlib
from collections import OrderedDict

import structlog

from providers.contract import Provider
from schemas.webhook import Webhook

Content = bytes
"""What makes a webhook a repeat of another, as a digest of 16 bytes."""

_EXACT, _COUNTED = b"exact", b"counted"

_log = structlog.get_logger(__name__)


def content_of(provider: Provider, webhook: Webhook, webhook_id: str) -> Content:
    """Return the digest of all that a normalizer may look at, but for what its provider says does not count.

    The id stands for the account and the exact body. A provider's code that raises costs the webhook nothing.
    """
    try:
        counted = provider.content(webhook.body)
    except Exception as error:  # noqa: BLE001 - a provider's code that breaks its contract tells nothing of a body
        _log.error("content_broken", account=webhook.account, webhook_id=webhook_id, error=type(error).__name__)
        counted = None
    if counted is None:
        return _digest(webhook, webhook_id.encode(), _EXACT)
    return _digest(webhook, counted, _COUNTED)


def _digest(webhook: Webhook, what: bytes, kind: bytes) -> Content:
    # No part before the last can hold a line feed, and each kind has digests of its own.
    query = webhook.target.partition("?")[2]
    wrapping = (webhook.account, webhook.method, query, webhook.header("content-type") or "", "")
    text = "\n".join(wrapping).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text + what, digest_size=16, person=kind).digest()


class Duplicates:
    """A window of `size` contents that are durable, and the futures of those on their way."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._stored: OrderedDict[Content, float] = OrderedDict()
        self._on_way: dict[Content, asyncio.Future[bool]] = {}

    def stored_at(self, content: Content) -> float | None:
        """Return when a content came that is durable now, in Unix seconds; None where it is not known to be."""
        return self._stored.get(content)

    def on_way(self, content: Content) -> "asyncio.Future[bool] | None":
        """Return what tells whether the copy on its way became durable; None where there is no such copy."""
        return self._on_way.get(content)

    def begin(self, content: Content) -> None:
        """Note that a first copy is on its way. `end` has to follow."""
        self._on_way[content] = asyncio.get_running_loop().create_future()

    def end(self, content: Content, came_at: float | None) -> None:
        """Note that a copy which came at `came_at` Unix seconds is durable now; None: that it is not."""
        waiting = self._on_way.pop(content, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(came_at is not None)
        if came_at is None or not self._size:
            return
        self._stored[content] = came_at
        if len(self._stored) > self._size:
            self._stored.popitem(last=False)
