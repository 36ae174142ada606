"""The blacklist as a poll: which numbers came onto it or left it since the last look.

The list has no times and no ids: what changed is known by comparison with what was seen before, in memory. The first
look after a start gives every number that stands on it; who left it while no process ran is not seen.
"""

from collections.abc import Iterator

import orjson

from providers.messagemedia.blacklist import BLACKLIST_PATH
from providers.messagemedia.client import MessageMediaClient
from providers.roles import PollBatch, Polled

MOST_NUMBERS = 200_000
"""Numbers that are read and remembered at most, some 20 MB; of a longer list the rest is not seen."""

BATCH = 500
"""Changes that are given at once."""

Change = tuple[str, bool]
"""A number, and whether it is on the list now."""


class BlacklistPoll:
    """Reads the whole list and gives the changes, batch after batch; what is stored counts as known."""

    def __init__(self, client: MessageMediaClient, every: float) -> None:
        self.name = "blacklist"
        self.every = every
        self._client = client
        self._known: set[str] = set()
        self._pending: list[Change] = []

    async def check(self) -> PollBatch:
        """Read the list, unless changes of the last look are still to be given. Raises ApiError."""
        if not self._pending:
            self._pending = list(self._changes(*await self._read()))
        batch = tuple(self._pending[:BATCH])
        return PollBatch(
            items=tuple(map(_polled, batch)),
            again_after=0.0 if len(self._pending) > BATCH else None,
            token=batch,
        )

    async def stored(self, batch: PollBatch) -> None:
        """Take note of the changes of a batch."""
        changes: tuple[Change, ...] = batch.token or ()
        for number, listed in changes:
            if listed:
                self._known.add(number)
            else:
                self._known.discard(number)
        # One task at a time: a batch is always what stands first.
        del self._pending[: len(changes)]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _read(self) -> tuple[set[str], bool]:
        """Return the numbers on the list, and whether they are all of them."""
        found: set[str] = set()
        count = 0
        async for number in self._client.blacklist.list():
            count += 1
            if count > MOST_NUMBERS:
                return found, False
            found.add(number)
        return found, True

    def _changes(self, listed: set[str], whole: bool) -> Iterator[Change]:
        yield from ((number, True) for number in sorted(listed - self._known))
        if whole:
            yield from ((number, False) for number in sorted(self._known - listed))


def _polled(change: Change) -> Polled:
    number, listed = change
    # A lone surrogate has no bytes; it must not end the poll.
    clean = number.encode("utf-8", "replace").decode()
    return Polled(BLACKLIST_PATH, orjson.dumps({"number": clean, "listed": listed}))
