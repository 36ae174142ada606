"""One membership in a consumer group, from joining to leaving: poll, hand out, commit what is done.

Commits say only what is done with all before it, so that what a crash leaves undone is read again. Polling goes
on while the hands are full (the record is put back), because a member that does not poll is taken for dead.
"""

import asyncio
from collections.abc import Sequence

from broker.log import FencedError, LogError, LogUnavailableError, Partition, Subscription
from consumers.loop.parts import LoopParts
from consumers.loop.work import PartitionWork, Settle
from schemas.records import StoredRecord


class Session:
    """A member of the group. `settle` brings one record to its end."""

    def __init__(self, parts: LoopParts, settle: Settle) -> None:
        self._log = parts.log
        self._consumer = parts.consumer
        self._settle = settle
        self._most = parts.concurrency * parts.tempo.records_per_slot
        self._metrics = parts.metrics
        self._tempo = parts.tempo
        self._subscription: Subscription | None = None
        self._works: dict[Partition, PartitionWork] = {}
        self._revoking: set[Partition] = set()
        # Partitions that were revoked while a poll was under way, and where reading them must go on.
        self._resume: dict[Partition, int | None] = {}
        self._changed = asyncio.Event()
        self._broken: BaseException | None = None
        self._committed_at = 0.0

    @property
    def assignment(self) -> frozenset[Partition]:
        """The partitions that this member reads now."""
        return frozenset() if self._subscription is None else self._subscription.assignment

    @property
    def joined(self) -> bool:
        """Whether this is a member of the group now."""
        return self._subscription is not None

    async def _join(self) -> None:
        topics = [topic.name for topic in self._consumer.topics]
        try:
            async with asyncio.timeout(self._tempo.log_wait):
                self._subscription = await self._log.subscribe(self._consumer.name, topics, self._on_revoked)
        except TimeoutError as error:
            raise LogUnavailableError("joining the group took too long") from error

    async def pump(self) -> None:
        """Join the group, then read, hand out and commit until cancelled.

        Raises LogUnavailableError, FencedError, and what ended a lane.
        """
        await self._join()
        while True:
            if self._broken is not None:
                raise self._broken
            await self._commit_when_due()
            space = self._space()
            if space > 0:
                self._take(await self._poll(space, self._poll_wait()))
            else:
                await self._wait_for_space()

    async def leave(self, *, finish: bool) -> None:
        """Leave the group. With `finish` what is in hand may end first, and what is done is committed."""
        works = list(self._works.values())
        try:
            await asyncio.gather(*(work.finish(self._tempo.finish_wait if finish else 0.0) for work in works))
            if finish:
                await self._commit(works, self._tempo.leave_wait)
        except LogError:
            self._metrics.failed_commits.inc()
        finally:
            self._works.clear()
            await self._close()

    async def _close(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is None:
            return
        try:
            async with asyncio.timeout(self._tempo.leave_wait):
                await subscription.close()
        except (LogError, TimeoutError):
            # The group finds out by itself that this member is gone.
            return

    def _space(self) -> int:
        in_hand = sum(work.in_hand for work in self._works.values())
        held = sum(work.progress.held for work in self._works.values())
        return min(self._most - in_hand, self._tempo.window - held)

    def _poll_wait(self) -> float:
        busy = any(work.in_hand or work.progress.uncommitted is not None for work in self._works.values())
        return self._tempo.busy_poll if busy else self._tempo.idle_poll

    async def _poll(self, most: int, wait: float) -> list[StoredRecord]:
        """Return new records of partitions that are ours, without gaps that a revocation made."""
        if self._subscription is None:
            return []
        self._resume.clear()
        try:
            async with asyncio.timeout(wait + self._tempo.log_wait):
                records = await self._subscription.poll(most, wait)
        except TimeoutError as error:
            raise LogUnavailableError("a poll took too long") from error
        return self._sound(records)

    def _sound(self, records: Sequence[StoredRecord]) -> list[StoredRecord]:
        assigned = self.assignment - self._revoking
        sound: list[StoredRecord] = []
        judged: dict[Partition, bool] = {}
        for record in records:
            partition = Partition(record.topic, record.partition)
            if partition not in judged:
                judged[partition] = partition in assigned and self._continues(partition, record.offset)
            if judged[partition]:
                sound.append(record)
        return sound

    def _continues(self, partition: Partition, offset: int) -> bool:
        """Tell whether nothing undone lies before `offset`; else go back to what is undone.

        Records that a poll fetched before a revocation may come after records that the revocation made us drop.
        """
        resume = self._resume.get(partition)
        if resume is None or offset <= resume:
            return True
        self._seek(partition, resume)
        return False

    def _seek(self, partition: Partition, offset: int) -> None:
        if self._subscription is not None and partition in self._subscription.assignment:
            self._subscription.seek(partition, offset)

    def _take(self, records: Sequence[StoredRecord]) -> None:
        for record in records:
            partition = Partition(record.topic, record.partition)
            work = self._works.get(partition)
            if work is None:
                work = PartitionWork(partition, self._settle, self._changed.set, self._break)
                self._works[partition] = work
            work.take(record)

    async def _wait_for_space(self) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(self._tempo.keep_alive):
                await self._changed.wait()
        except TimeoutError:
            for record in await self._poll(1, 0.0):
                self._seek(Partition(record.topic, record.partition), record.offset)

    def _break(self, error: BaseException) -> None:
        self._broken = self._broken or error
        self._changed.set()

    async def _commit_when_due(self) -> None:
        now = asyncio.get_running_loop().time()
        busy = any(work.in_hand for work in self._works.values())
        if busy and now - self._committed_at < self._tempo.commit_every:
            return
        self._committed_at = now
        await self._commit(list(self._works.values()), self._tempo.log_wait)

    async def _commit(self, works: Sequence[PartitionWork], wait: float) -> None:
        """Commit what is done. Raises FencedError, LogUnavailableError."""
        ready = {work.partition: offset for work in works if (offset := work.progress.uncommitted) is not None}
        if not ready or self._subscription is None:
            return
        try:
            async with asyncio.timeout(wait):
                await self._subscription.commit(ready)
        except TimeoutError as error:
            raise LogUnavailableError("a commit took too long") from error
        for work in works:
            if work.partition in ready:
                work.progress.committed(ready[work.partition])

    async def _on_revoked(self, partitions: frozenset[Partition]) -> None:
        """End the work in hand of partitions that are about to go, and commit it."""
        works = [work for partition in partitions if (work := self._works.pop(partition, None)) is not None]
        self._revoking |= partitions
        try:
            await asyncio.gather(*(work.finish(self._tempo.finish_wait) for work in works))
            await self._commit(works, self._tempo.leave_wait)
        except (FencedError, LogUnavailableError):
            # Not committed is not lost: the next owner of the partition reads it again.
            self._metrics.failed_commits.inc()
        finally:
            self._revoking -= partitions
            self._resume |= {work.partition: work.progress.position for work in works}
