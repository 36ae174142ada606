"""Beside the pump: how far the log is ahead, by its own word, and whether its client still gives what there is."""

import asyncio
from collections.abc import Mapping

from broker.log import LogError, Partition
from consumers.loop.parts import LoopParts
from consumers.loop.session import Session
from consumers.loop.standing import Standing
from consumers.loop.stops import StalledError


class Watch:
    """Looks every `look_every` seconds for as long as the session lasts; each look has a deadline.

    A client is given up where for `stalled_after` seconds no record came, nothing was in hand, and the log had records
    to give: the last is proved by reading one.
    """

    def __init__(self, parts: LoopParts, session: Session) -> None:
        self._parts = parts
        self._session = session
        self._tempo = parts.tempo
        self._committed: dict[Partition, int] = {}
        self._revocations = 0
        # Ends of partitions behind whose position no record lies: a transaction's marker takes an offset too.
        self._empty: dict[Partition, int] = {}
        self._suspect_since: float | None = None
        self.lags: Mapping[Partition, int] = {}

    @property
    def lag(self) -> int | None:
        """How many records of the consumer's topics were not done at the last look; None before there was one."""
        lags = tuple(self.lags.items())
        return sum(lag for at, lag in lags if not self._parts.routes.is_retry(at.topic)) if lags else None

    async def run(self) -> None:
        """Look until cancelled. Raises StalledError."""
        try:
            while True:
                try:
                    async with asyncio.timeout(self._tempo.look_wait):
                        await self._look()
                except (LogError, TimeoutError):
                    # That the log is away is for the pump to say; a suspicion needs a log that answers.
                    self._suspect_since = None
                # Without a partition there was nothing to see: soon there may be one.
                await asyncio.sleep(self._tempo.look_every if self._session.assignment else self._tempo.idle_poll)
        finally:
            self._parts.metrics.behind.show({}, {})

    async def _look(self) -> None:
        session, now = self._session, self._parts.clock()
        lags: dict[Partition, int] = {}
        ages: dict[str, float] = {}
        unread: list[tuple[Partition, int, int]] = []
        assigned = session.assignment
        if self._revocations != session.revocations:
            # A partition that went may be here again; meanwhile somebody else has committed.
            self._revocations = session.revocations
            self._committed.clear()
        for partition in sorted(assigned):
            bounds = await self._parts.log.bounds(partition)
            standing = session.standing(partition)
            done, read = await self._place(partition, standing)
            lags[partition] = max(0, bounds.end - max(done, bounds.first))
            age = 0.0 if standing.oldest is None else max(0.0, now - standing.oldest / 1000)
            ages[partition.topic] = max(age, ages.get(partition.topic, 0.0))
            if bounds.end > read and not standing.paused and self._empty.get(partition) != bounds.end:
                unread.append((partition, read, bounds.end))
        self.lags = lags
        self._parts.metrics.behind.show({(at.topic, at.number): lag for at, lag in lags.items()}, ages)
        await self._judge(unread)

    async def _place(self, partition: Partition, standing: Standing) -> tuple[int, int]:
        """Return the first offset that is not done, and the next one to be read."""
        if standing.position is not None and standing.read is not None:
            return standing.position, standing.read
        if partition not in self._committed:
            found = await self._parts.log.committed(self._parts.consumer.name, partition)
            self._committed[partition] = found or 0
        return self._committed[partition], self._committed[partition]

    async def _judge(self, unread: list[tuple[Partition, int, int]]) -> None:
        now, silent = asyncio.get_running_loop().time(), self._session.silent_since
        if silent is None or not unread:
            self._suspect_since = None
            return
        since = self._suspect_since = max(silent, self._suspect_since or now)
        if now - since < self._tempo.stalled_after:
            return
        for partition, read, end in unread:
            async for _ in self._parts.log.read(partition, read, end):
                raise StalledError(partition)
            self._empty[partition] = end
