"""What is asked for beside what is pushed: delivery reports and replies, until the queue is empty; the blacklist.

Source: README of this folder, section 7.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from providers.bodies import parse_object
from providers.contract import Account
from providers.fields import text
from providers.messagemedia import access
from providers.messagemedia.api.queues import DELIVERY_REPORTS, OFF_BY_DEFAULT, PAGE, REPLIES, Queue
from providers.messagemedia.blacklist_poll import BlacklistPoll
from providers.messagemedia.client import MessageMediaClient
from providers.polling import poll_every, wanted_polls
from providers.rest.errors import RefusedError, UnreadableAnswerError
from providers.rest.halving import by_halves
from providers.rest.verbatim import items_of
from providers.roles import Poll, PollBatch, Polled

POLLS = ("delivery_reports", "replies", "blacklist")
"""The polls that there are, as the setting `polls` names them."""

REMEMBERED = 10_000
"""Items that are known to be stored: a hundred pages, far more than a confirmation that is on its way hides."""

FIRST_PAUSE = 0.5
"""Seconds to the next check while a full page of confirmed items may hide newer ones; doubled each time."""

PATIENCE = 6
"""Checks that show such a page before its items are confirmed once more, and the usual interval holds again."""

Item = tuple[str, bytes]
"""An item's key, which is its id where it has one, and its bytes."""

Refused = Mapping[str, RefusedError]
"""Ids that the provider will not have confirmed, and how it refused them."""

_LARGE = 1024 * 1024
# No id of the provider's begins so: they are UUIDs.
_NAMELESS = "nameless:"
# A confirmation that names an id that is none (README, section 7).
_BAD_REQUEST = 400


class QueuePoll:
    """Takes what a queue shows, and confirms it when it is stored.

    Confirming is not at once: for a while the queue shows what is confirmed already. Such items are not given
    again, and while they fill a page it is asked again soon, as newer ones stand behind them. Without `confirms` it
    takes what it sees and leaves the queue to somebody else.
    """

    def __init__(self, client: MessageMediaClient, queue: Queue, every: float, *, confirms: bool = True) -> None:
        self.name = queue.name
        self.every = every
        self._client = client
        self._queue = queue
        self._confirms = confirms
        # Whether an item was given up.
        self._stored: OrderedDict[str, bool] = OrderedDict()
        self._stale_pages = 0

    async def check(self) -> PollBatch:
        """Ask once. Raises ApiError."""
        page = await self._read((await self._queue.check(self._client.calls)).body)
        fresh = [item for item in page if item[0] not in self._stored]
        if fresh:
            self._stale_pages = 0
            items = tuple(Polled(self._queue.path, body) for _, body in fresh)
            again_after = 0.0 if self._confirms else None
            return PollBatch(items=items, again_after=again_after, token=tuple(key for key, _ in fresh))
        return PollBatch(again_after=await self._after_stale(page))

    async def stored(self, batch: PollBatch) -> None:
        """Confirm the items of a batch, and remember them.

        Raises ApiError. The next check then gives the items again, save those that the provider will not have
        confirmed: they are given up, and a RefusedError tells so once.
        """
        keys: Sequence[str] = batch.token or ()
        refused = await self._confirm(keys)
        self._remember(keys, refused)
        if refused:
            raise _given_up(self._queue, refused)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _read(self, body: bytes) -> Sequence[Item]:
        # Replies may hold the files of an MMS each: to cut such a page takes long, and the loop has others to serve.
        return await asyncio.to_thread(self._keyed, body) if len(body) > _LARGE else self._keyed(body)

    def _keyed(self, body: bytes) -> Sequence[Item]:
        try:
            found = items_of(body, self._queue.name)
        except ValueError as error:
            raise UnreadableAnswerError(
                f"check_{self.name}: the answer is no JSON object ({OFF_BY_DEFAULT})"
            ) from error
        return list({self._key(item): item for item in found}.items())

    def _key(self, item: bytes) -> str:
        """Return an item's id; of one without, a digest in its place, which no confirmation names."""
        found = text(parse_object(item).root, self._queue.id_name)
        return found or f"{_NAMELESS}{hashlib.sha256(item).hexdigest()}"

    async def _after_stale(self, page: Sequence[Item]) -> float | None:
        """Return when to check again after a page with nothing new, None for the usual interval."""
        if len(page) < PAGE or not self._confirms:
            self._stale_pages = 0
            return None
        self._stale_pages += 1
        if self._stale_pages <= PATIENCE:
            return FIRST_PAUSE * 2.0 ** (self._stale_pages - 1)
        self._stale_pages = 0
        waiting = [key for key, _ in page if not self._stored[key]]
        if not waiting:
            what = f"confirm_{self.name}: refused for a full page, which hides whatever is newer"
            raise RefusedError(_BAD_REQUEST, (), None, what)
        # Either the confirmation is lost, or the platform is slow: to confirm twice does no harm.
        self._remember(waiting, await self._confirm(waiting))
        return None

    async def _confirm(self, keys: Iterable[str]) -> Refused:
        """Confirm a page at a time; one id that is refused must not keep the others in the queue."""
        ids = [key for key in keys if not key.startswith(_NAMELESS)] if self._confirms else []
        refused: dict[str, RefusedError] = {}
        for start in range(0, len(ids), PAGE):
            refused |= await by_halves(ids[start : start + PAGE], self._call, (_BAD_REQUEST,))
        return refused

    async def _call(self, ids: Sequence[str]) -> None:
        await self._queue.confirm(self._client.calls, ids)

    def _remember(self, keys: Iterable[str], refused: Refused) -> None:
        self._stored.update((key, key in refused) for key in keys)
        while len(self._stored) > REMEMBERED:
            self._stored.popitem(last=False)


def _given_up(queue: Queue, refused: Refused) -> RefusedError:
    error = next(iter(refused.values()))
    what = f"confirm_{queue.name}: {len(refused)} given up, stored all the same"
    return RefusedError(error.status, error.errors, error.retry_after, what)


def polls(account: Account) -> tuple[Poll, ...]:
    """Return the polls that an account wants, each with connections of its own.

    Raises AccountError for a poll that there is not, and where a credential is missing.
    """
    return tuple(_poll(name, account) for name in wanted_polls(account, POLLS))


def _poll(name: str, account: Account) -> Poll:
    client, every = access.client(account), poll_every(account)
    if name == "blacklist":
        return BlacklistPoll(client, every)
    queue = DELIVERY_REPORTS if name == DELIVERY_REPORTS.name else REPLIES
    return QueuePoll(client, queue, every, confirms=access.confirms(account))
