"""Repeats: webhooks that were stored lately, and those that are on their way now.

A provider sends again what it was not answered in time, so most repeats follow shortly and reach the same worker.
Those need no second place in the log. Across workers and after a restart the id of the record does the work.

A repeat is the same content in the same wrapping: account, body, method, target and content type. A webhook that
differs in anything of that may mean something else, a new state of the same message say, and is stored (P11).
"""

import asyncio
import hashlib
from collections import OrderedDict

from schemas.webhook import Webhook

Content = bytes
"""What makes a webhook a repeat of another, as a digest of 16 bytes."""


def content_of(webhook: Webhook, webhook_id: str) -> Content:
    """Return the digest of all that a normalizer may look at."""
    wrapping = (webhook_id, webhook.method, webhook.target, webhook.header("content-type") or "")
    text = "\n".join(wrapping).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text, digest_size=16).digest()


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
