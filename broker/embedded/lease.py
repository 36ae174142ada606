"""Keeping a member's place in its group: take the leases, beat, stand by, notice the loss."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from broker.background import keep_going
from broker.embedded import groups
from broker.embedded.changes import Changes
from broker.embedded.groups import Lease
from broker.embedded.lane import Reader
from broker.embedded.writer import Writer
from broker.log import LogError, LogUnavailableError, Partition

_log = structlog.get_logger(__name__)
_STAND_BY = 0.2
_RELEASE_WAIT = 2.0


@dataclass(frozen=True, slots=True)
class Desk:
    """What a member needs of its log."""

    writer: Writer
    reader: Reader
    changes: Changes
    session_timeout: float


class Observer:
    """Remembers since when each lease has shown the same beat, on the observer's own monotonic clock."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Lease, float]] = {}

    def look(self, held: Mapping[str, Lease], now: float) -> dict[str, Lease]:
        """Take note of the leases and return those that were silent for as long as their holder may be."""
        kept = {topic: seen for topic, seen in self._seen.items() if held.get(topic) == seen[0]}
        self._seen = {topic: kept.get(topic, (lease, now)) for topic, lease in held.items()}
        return {topic: lease for topic, (lease, since) in self._seen.items() if now - since >= lease.timeout}


class Keeper:
    """One member's leases, kept by a task that it owns."""

    def __init__(self, desk: Desk, group: str, topics: Sequence[str], lost: Callable[[], Awaitable[None]]) -> None:
        self.member = uuid.uuid4().hex
        self.positions: dict[Partition, int] = {}
        self.turns = 0
        self._desk = desk
        self._group = group
        self._topics = topics
        self._lost = lost
        self._observer = Observer()
        self._beat_at = float("-inf")
        self._task: asyncio.Task[None] | None = None
        self._stopped = False
        self._stands_by = False

    @property
    def is_held(self) -> bool:
        """Tell whether the leases are surely ours: others wait a whole session timeout after our last beat."""
        return time.monotonic() - self._beat_at < self._desk.session_timeout

    async def start(self) -> None:
        """Try once to take the leases, then go on in a task. Raises LogUnavailableError."""
        try:
            await self._try_to_take()
        except BaseException:
            # The writer may have taken them all the same, after nobody waited any more.
            await self.stop()
            raise
        name = f"lease of {self._group}"
        self._task = asyncio.create_task(keep_going(name, self._keep), name=name)

    async def stop(self) -> None:
        """Give the leases up, within a few seconds."""
        # Who closes the member inside `on_revoked` runs in this very task: it ends by itself.
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
            await asyncio.wait([self._task])
        self._stopped = True
        self._beat_at = float("-inf")
        self.positions = {}
        with contextlib.suppress(LogError):
            await self._desk.writer.submit(
                partial(groups.release, group=self._group, member=self.member), _RELEASE_WAIT
            )

    async def _keep(self) -> None:
        while not self._stopped:
            try:
                if self._beat_at > float("-inf"):
                    await self._hold()
                else:
                    await self._stand_by()
            except LogError as error:
                _log.warning("lease_not_renewed", group=self._group, reason=str(error))
                await asyncio.sleep(_STAND_BY)

    async def _stand_by(self) -> None:
        await asyncio.sleep(min(_STAND_BY, self._desk.session_timeout / 5))
        await self._try_to_take()

    async def _hold(self) -> None:
        timeout = self._desk.session_timeout
        while self.is_held:
            await asyncio.sleep(timeout / 3)
            began = time.monotonic()
            left = self._beat_at + timeout - began
            with contextlib.suppress(LogUnavailableError):
                if left > 0 and not await self._beat(left):
                    break
                self._beat_at = began if left > 0 else self._beat_at
        self._beat_at = float("-inf")
        _log.warning("lease_lost", group=self._group, topics=list(self._topics))
        await self._lost()
        self.positions = {}

    async def _beat(self, wait: float) -> bool:
        work = partial(groups.beat, group=self._group, topics=self._topics, member=self.member)
        return await self._desk.writer.submit(work, wait)

    async def _try_to_take(self) -> None:
        """Take the leases if all of them are free or silent, and read where the group stands."""
        desk, topics = self._desk, self._topics
        look = partial(groups.leases, group=self._group, topics=topics)
        held = await desk.reader.submit(look, desk.session_timeout)
        began = time.monotonic()
        stale = self._observer.look(held, began)
        if any(topic not in stale and lease.member != self.member for topic, lease in held.items()):
            self._say_stands_by(held)
            return
        mine = Lease(self.member, 1, desk.session_timeout)
        work = partial(groups.take, group=self._group, topics=topics, mine=mine, stale=stale)
        positions = await desk.writer.submit(work, desk.session_timeout)
        if positions is None:
            return
        self.positions = positions
        self.turns += 1
        self._beat_at = began
        self._stands_by = False
        _log.info("lease_taken", group=self._group, topics=list(topics))
        desk.changes.notice()

    def _say_stands_by(self, held: Mapping[str, Lease]) -> None:
        """Log it once for each time of standing by: after a kill it is a time in which nobody consumes."""
        if not self._stands_by:
            self._stands_by = True
            silence = max(lease.timeout for lease in held.values())
            reason = "another member has the place, or ended without giving it up; that takes so much silence to show"
            _log.info("standing_by", group=self._group, reason=reason, seconds=silence)
