"""Repeats: webhooks that were stored lately, and those that are on their way now.

A provider sends again what it was not answered in time, so most repeats follow shortly and reach the same worker.
Those need no second place in the log. Across workers and after a restart the id of the record does the work.

A repeat has the same account, method, query and content type, and the same body as far as that counts: a provider says
what of it changes with each attempt (`Provider.content`). A webhook that differs in anything else may mean something
else, a new state of the same message say, and is stored (P11). The path does not count: it names the account, in one
spelling or another. So the attempt at another URL of the same account is a repeat, unless its query differs: a query
can carry data.

What waits in the spool is known until it is drained, or until its record is found damaged there: then the provider's
next attempt heals it, and must not be taken for a repeat of bytes that nobody can read any more.

The window is memory of one process. It holds no more than its size, and there are no more futures than webhooks in
flight; whoever waits for one waits no longer than until it has to be answered. After a restart or at another worker a
repeat is stored again under the same ids. One whose proof is too old by then is refused there: no provider sends such
a one, see `docs/threat-model.md`.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Iterable

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
        # By the ids of webhooks in the spool. What the window has forgotten stands here a little longer.
        self._spooled: OrderedDict[str, Content] = OrderedDict()
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

    def end(self, content: Content, came_at: float | None, spooled: str | None = None) -> None:
        """Note that a copy which came at `came_at` Unix seconds is durable now; None: that it is not.

        `spooled`: its webhook id, where it is durable in the spool only.
        """
        waiting = self._on_way.pop(content, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(came_at is not None)
        if came_at is None or not self._size or spooled in self._spooled:
            # Two contents of one id (another query, say) cannot be told apart in the spool: the later one is not kept.
            return
        self._stored[content] = came_at
        if len(self._stored) > self._size:
            self._stored.popitem(last=False)
        if spooled is not None:
            self._spooled[spooled] = content
            if len(self._spooled) > self._size:
                self._spooled.popitem(last=False)

    def drained(self, webhook_ids: Iterable[str]) -> None:
        """Note that these left the spool: they are in the log, or it refused them for good."""
        for webhook_id in webhook_ids:
            self._spooled.pop(webhook_id, None)

    def damaged(self, webhook_id: str | None) -> None:
        """Forget a webhook whose record in the spool is damaged; None, for an id that is lost too: all that wait there.

        A repeat of it is stored again then. Of one that is sound all the same there is a second copy, under its id.
        """
        for lost in [webhook_id] if webhook_id is not None else list(self._spooled):
            content = self._spooled.pop(lost, None)
            if content is not None:
                self._stored.pop(content, None)
