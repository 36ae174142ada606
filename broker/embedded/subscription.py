"""A member of a consumer group on the embedded log."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial

import structlog

from broker.embedded import groups, reading
from broker.embedded.lease import Desk, Keeper
from broker.log import FencedError, LogUnavailableError, Partition, Revoked
from schemas.records import StoredRecord

_log = structlog.get_logger(__name__)
_COMMIT_WAIT = 10.0
_FETCH_WAIT = 10.0
_LOOK_AGAIN = 0.01


class EmbeddedSubscription:
    """Reads the topics for its group while it holds their leases; else it stands by."""

    def __init__(self, desk: Desk, group: str, topics: Sequence[str], on_revoked: Revoked | None) -> None:
        self._desk = desk
        self._group = group
        self._topics = sorted(set(topics))
        self._on_revoked = on_revoked
        self._keeper = Keeper(desk, group, self._topics, self._tell_of_loss)
        self._turn = 0
        self._paused: set[Partition] = set()
        self._paused_in = 0
        self._closed = False

    async def start(self) -> None:
        """Join the group. Raises LogUnavailableError."""
        await self._keeper.start()

    @property
    def is_closed(self) -> bool:
        """Tell whether the member has left."""
        return self._closed

    @property
    def assignment(self) -> frozenset[Partition]:
        """The partitions that this member reads now; empty while it stands by."""
        return frozenset(self._keeper.positions)

    @property
    def certain(self) -> bool:
        """Nobody on another host shares the file: what a sole member has, all of its group have."""
        return True

    async def poll(self, max_records: int, wait: float) -> Sequence[StoredRecord]:
        """Return up to `max_records` new records, each partition in order; empty after `wait` seconds.

        Raises LogUnavailableError, also once the subscription is closed.
        """
        until = time.monotonic() + wait
        while True:
            if self._closed:
                raise LogUnavailableError("the subscription is closed")
            seen = self._desk.changes.count
            looked = time.monotonic()
            if self._keeper.is_held and (records := await self._fetch(max_records)):
                return records
            left = until - time.monotonic()
            if left <= 0:
                return []
            await self._desk.changes.wait(seen, left)
            # Under load every commit wakes every member: one that found nothing does not look again at once.
            await asyncio.sleep(min(looked + _LOOK_AGAIN - time.monotonic(), until - time.monotonic()))

    async def _fetch(self, limit: int) -> Sequence[StoredRecord]:
        """Return new records, none where the leases went to another turn meanwhile."""
        keeper, turns = self._keeper, self._keeper.turns
        positions = keeper.positions
        before = dict(positions)
        want = reading.Want(self._group, self._topics, before, limit, self._turn, frozenset(self._still_paused()))
        fetched = await self._desk.reader.submit(partial(reading.fetch, want=want), _FETCH_WAIT)
        if not keeper.is_held or keeper.turns != turns:
            return []
        if want.paused != frozenset(self._paused) or any(positions.get(each, at) != at for each, at in before.items()):
            # A seek or a pause came in between: what was fetched is not what is wanted now.
            return []
        positions.update(fetched.positions)
        self._turn += 1
        return fetched.records

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store for each partition the offset of the next record to read.

        Raises FencedError where this member has lost the topic's lease, LogUnavailableError.
        """
        if offsets:
            if self._closed:
                raise FencedError(f"this member has left the group {self._group}")
            work = partial(groups.commit, group=self._group, member=self._keeper.member, offsets=dict(offsets))
            await self._desk.writer.submit(work, _COMMIT_WAIT)

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from `offset` in a partition of the assignment; elsewhere it does nothing."""
        if partition in self._keeper.positions:
            self._keeper.positions[partition] = offset

    def pause(self, partition: Partition) -> None:
        """Give no more of the partition, for as long as it stays in our hands."""
        if partition in self._keeper.positions:
            self._still_paused().add(partition)

    def resume(self, partition: Partition) -> None:
        """Give records of the partition again; a poll that waits looks anew."""
        self._paused.discard(partition)
        self._desk.changes.notice()

    def _still_paused(self) -> set[Partition]:
        """Return what is paused in this turn of holding the leases; another turn begins with nothing paused."""
        if self._paused_in != self._keeper.turns:
            self._paused.clear()
            self._paused_in = self._keeper.turns
        return self._paused

    async def close(self) -> None:
        """Leave the group, within a few seconds whatever the log does. Commits nothing."""
        if self._closed:
            return
        self._closed = True
        self._desk.changes.notice()
        await self._keeper.stop()

    async def _tell_of_loss(self) -> None:
        if self._on_revoked is None or not self.assignment:
            return
        try:
            async with asyncio.timeout(self._desk.session_timeout):
                await self._on_revoked(self.assignment)
        except TimeoutError:
            _log.warning("revoked_callback_slow", group=self._group)
        except Exception as error:  # noqa: BLE001 - the member has to go on whatever its owner does
            _log.warning("revoked_callback_failed", group=self._group, error=type(error).__name__)
