"""One membership in a consumer group, from joining to leaving: poll, hand out, commit what is done.

Commits say only what is done with all before it, so that what a crash leaves undone is read again. Polling goes
on while the hands are full (the record is put back), because a member that does not poll is taken for dead.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from broker.log import FencedError, LogError, LogUnavailableError, Partition, Subscription
from consumers.loop.learning import Learning
from consumers.loop.parked import Parked
from consumers.loop.parts import LoopParts
from consumers.loop.standing import Standing
from consumers.loop.waiting import Waiting
from consumers.loop.work import PartitionWork
from schemas.records import StoredRecord

Batches = Mapping[Partition, Sequence[StoredRecord]]
Settle = Callable[[StoredRecord, asyncio.Event, Parked], Awaitable[bool]]


class Session:
    """A member of the group. `settle` brings one record to its end; `waiting` knows which of them wait in place."""

    def __init__(self, parts: LoopParts, settle: Settle, waiting: Waiting) -> None:
        self._parts = parts
        self._routes = parts.routes
        self._settle = settle
        self._most = parts.concurrency * parts.tempo.records_per_slot
        self._metrics = parts.metrics
        self._tempo = parts.tempo
        self._subscription: Subscription | None = None
        self._works: dict[Partition, PartitionWork] = {}
        self._learning = Learning(parts, self._break)
        self._waiting = waiting
        self._paused: set[Partition] = set()
        self._revoking: set[Partition] = set()
        # Partitions that were revoked while a poll was under way, and where reading them must go on.
        self._resume: dict[Partition, int | None] = {}
        # Partitions that are paused until we know what waits in their retry topics.
        self._untold: set[Partition] = set()
        self.revocations = 0
        self._changed = waiting.changed
        self._broken: BaseException | None = None
        self._committed_at = 0.0
        self._record_at = asyncio.get_running_loop().time()

    @property
    def assignment(self) -> frozenset[Partition]:
        """The partitions that this member reads now."""
        return frozenset() if self._subscription is None else self._subscription.assignment

    @property
    def joined(self) -> bool:
        """Whether this is a member of the group now."""
        return self._subscription is not None

    @property
    def silent_since(self) -> float | None:
        """The loop's time since which no record came though hands are free; None while there is work in hand."""
        return None if self._in_hand() else self._record_at

    def standing(self, partition: Partition) -> Standing:
        """Return how far this member is in a partition."""
        work = self._works.get(partition)
        paused = partition in self._paused or partition in self._untold
        if work is None:
            return Standing(paused=paused)
        progress = work.progress
        return Standing(position=progress.position, read=progress.read, oldest=progress.oldest, paused=paused)

    async def _join(self) -> None:
        holding = self._parts.consumer.holding
        try:
            async with asyncio.timeout(self._tempo.log_wait):
                self._subscription = await self._parts.log.subscribe(
                    self._parts.consumer.name,
                    self._routes.topics,
                    self._on_revoked,
                    holder=None if holding is None else holding.holder(),
                )
        except TimeoutError as error:
            raise LogUnavailableError("joining the group took too long") from error
        self._waiting.member = self._subscription

    async def pump(self) -> None:
        """Join the group, then read, hand out and commit until cancelled.

        Raises LogUnavailableError, FencedError, and what ended a lane.
        """
        await self._join()
        while True:
            if self._broken is not None:
                raise self._broken
            await self._commit_when_due()
            self._bound_retries()
            self._resume_told()
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
            await self._learning.close()
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

    # --- how much

    def _in_hand(self) -> int:
        """Count the records of the consumer's topics; those of retry topics mostly wait and have their own bound."""
        return sum(work.in_hand for at, work in self._works.items() if not self._routes.is_retry(at.topic))

    def _space(self) -> int:
        held = sum(work.progress.held for at, work in self._works.items() if not self._routes.is_retry(at.topic))
        # Who waits because the handler wishes so keeps no other from coming in, up to a bound of its own.
        wishes = min(self._waiting.wishes(self._parts.consumer.topics), self._tempo.waiting)
        return min(self._most + wishes - self._in_hand(), self._tempo.window - held)

    def _bound_retries(self) -> None:
        """Read no more of a retry partition that has enough in hand, until half of that is done."""
        subscription, most = self._subscription, self._tempo.waiting
        if subscription is None:
            return
        for partition in self._works.keys() & subscription.assignment:
            work = self._works[partition]
            full = max(work.in_hand / most, work.progress.held / self._tempo.window)
            if not self._routes.is_retry(partition.topic):
                continue
            if full >= 1 and partition not in self._paused:
                subscription.pause(partition)
                self._paused.add(partition)
            elif full <= 1 / 2 and partition in self._paused:
                subscription.resume(partition)
                self._paused.discard(partition)

    # --- reading

    def _poll_wait(self) -> float:
        busy = (
            self._in_hand()
            or self._untold
            or any(work.progress.uncommitted is not None for work in self._works.values())
        )
        return self._tempo.busy_poll if busy else self._tempo.idle_poll

    async def _poll(self, most: int, wait: float) -> Batches:
        """Return new records of partitions that are ours, without gaps that a revocation made."""
        if self._subscription is None:
            return {}
        self._resume.clear()
        try:
            async with asyncio.timeout(wait + self._tempo.log_wait):
                records = await self._subscription.poll(most, wait)
        except TimeoutError as error:
            raise LogUnavailableError("a poll took too long") from error
        if records:
            self._record_at = asyncio.get_running_loop().time()
        batches = _by_partition(records)
        # Which keys wait in the retry topic is known before the first record of a partition is handed out.
        origins = {self._routes.origin(partition) for partition in batches.keys() - self._revoking}
        if not all(map(self._learning.knows, origins)):
            await self._learning.learn(origins, self._tempo.busy_poll)
        assigned = self.assignment - self._revoking
        return {at: batch for at, batch in batches.items() if at in assigned and self._continues(at, batch[0].offset)}

    def _resume_told(self) -> None:
        """Read on in partitions of which we know by now what waits in their retry topics."""
        for partition in [at for at in self._untold if not self._learning.reads(self._routes.origin(at))]:
            self._untold.discard(partition)
            if self._subscription is not None and partition in self.assignment - self._paused:
                self._subscription.resume(partition)
                self._record_at = asyncio.get_running_loop().time()

    def _continues(self, partition: Partition, offset: int) -> bool:
        """Tell whether nothing undone lies before `offset`; else go back to what is undone.

        Records that a poll fetched before a revocation may come after records that the revocation made us drop.
        """
        resume = self._resume.get(partition)
        origin, back = self._routes.origin(partition), resume is not None and offset > resume
        if self._learning.knows(origin) and not back:
            return True
        if self._learning.reads(origin) and self._subscription is not None:
            self._subscription.pause(partition)
            self._untold.add(partition)
            self._seek(partition, offset if resume is None else min(offset, resume))
        elif resume is not None:
            self._seek(partition, resume)
        # One that went while we learnt what waits is read again from the commit, if it is back.
        return False

    def _seek(self, partition: Partition, offset: int) -> None:
        if self._subscription is not None and partition in self._subscription.assignment:
            self._subscription.seek(partition, offset)

    def _take(self, batches: Batches) -> None:
        for partition, batch in batches.items():
            if self._routes.is_retry(partition.topic):
                parked = self._learning.parked(self._routes.origin(partition))
                for record in batch:
                    parked.add(record.key, record.offset)
            work = self._works.get(partition)
            if work is None:
                work = self._works[partition] = self._new_work(partition)
            for record in batch:
                work.take(record)

    def _new_work(self, partition: Partition) -> PartitionWork:
        by_key = self._parts.keeps_order or not self._routes.is_retry(partition.topic)
        settle = partial(self._settle_in, self._routes.origin(partition))
        return PartitionWork(partition, settle, self._changed.set, self._break, by_key=by_key)

    async def _settle_in(self, origin: Partition, record: StoredRecord, closing: asyncio.Event) -> bool:
        return await self._settle(record, closing, self._learning.parked(origin))

    async def _wait_for_space(self) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(self._tempo.keep_alive):
                await self._changed.wait()
        except TimeoutError:
            for partition, batch in (await self._poll(1, 0.0)).items():
                self._seek(partition, batch[0].offset)

    def _break(self, error: BaseException) -> None:
        self._broken = self._broken or error
        self._changed.set()

    # --- committing

    async def _commit_when_due(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._in_hand() and now - self._committed_at < self._tempo.commit_every:
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
                work.progress.committed(offset := ready[work.partition])
                if self._routes.is_retry(work.partition.topic):
                    self._learning.parked(self._routes.origin(work.partition)).passed(offset)

    async def _on_revoked(self, partitions: frozenset[Partition]) -> None:
        """End the work in hand of partitions that are about to go, and commit it."""
        works = {partition: self._works.pop(partition) for partition in partitions & self._works.keys()}
        self._revoking |= partitions
        self._paused -= partitions
        self._untold -= partitions
        try:
            await asyncio.gather(*(work.finish(self._tempo.finish_wait) for work in works.values()))
            await self._commit(list(works.values()), self._tempo.leave_wait)
        except (FencedError, LogUnavailableError):
            # Not committed is not lost: the next owner of the partition reads it again.
            self._metrics.failed_commits.inc()
        finally:
            self._revoking -= partitions
            self.revocations += 1
            self._untold -= partitions
            self._learning.forget({self._routes.origin(partition) for partition in partitions})
            for partition in partitions:
                self._resume[partition] = works[partition].progress.position if partition in works else None


def _by_partition(records: Sequence[StoredRecord]) -> Batches:
    """Return the records of a poll by their partition, each in order."""
    found: dict[tuple[str, int], list[StoredRecord]] = {}
    for record in records:
        found.setdefault((record.topic, record.partition), []).append(record)
    return {Partition(*place): batch for place, batch in found.items()}
