"""A member of a consumer group on Kafka, rebuilt when it dies."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CommitFailedError, ConsumerStoppedError, IllegalStateError

from broker.kafka.alone import SETTLE_SECONDS, Alone
from broker.kafka.connection import Connection, Names
from broker.kafka.ending import end_consumer
from broker.kafka.errors import UNWELL, plainly, words
from broker.kafka.lookup import FETCH_BYTES, PARTITION_FETCH_BYTES
from broker.kafka.marking import Mark
from broker.kafka.records import stored_record
from broker.log import AnotherMemberError, FencedError, LogError, LogUnavailableError, Partition, Revoked
from schemas.records import StoredRecord

START_SECONDS = 6.0
COMMIT_SECONDS = 10.0
CLOSE_SECONDS = 3.0
REVOKE_SECONDS = 25.0
# A member learns of a rebalance with its next heartbeat, so this is what a rolling restart waits for; and one whose
# place another took has to learn of it within SETTLE_SECONDS, however long its session is.
HEARTBEAT_MS = 1_000
REBALANCE_MS = 30_000
# A join may wait for the others' whole rebalance time, so no request may end before that.
REQUEST_MS = REBALANCE_MS + 10_000
SILENCE_SECONDS = 20.0
JOIN_SECONDS = 60.0
POLL_MARGIN = 0.2
REST_SECONDS = 0.25

_logger = structlog.get_logger(__name__)


def _new_consumer(connection: Connection, group: str, alone: Alone | None) -> AIOKafkaConsumer:
    session = int(connection.settings.session_timeout * 1000)
    return AIOKafkaConsumer(
        **connection.arguments(),
        group_id=group,
        group_instance_id=None if alone is None else alone.instance,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        # By range a member has the same numbers of every topic, so that a topic's partition and its retry topic's go
        # together. No second strategy: aiokafka asks to join once for each, and each asking is a rebalance, so that
        # members that join at once throw each other out of one after the other (perform_group_join, 0.14).
        partition_assignment_strategy=(RangePartitionAssignor,),
        fetch_max_bytes=FETCH_BYTES,
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        session_timeout_ms=session,
        heartbeat_interval_ms=min(HEARTBEAT_MS, session // 10),
        rebalance_timeout_ms=REBALANCE_MS,
        request_timeout_ms=REQUEST_MS,
        # A handler that retries for long is alive as long as it heartbeats; what hangs is the loop's business.
        max_poll_interval_ms=3_600_000,
        metadata_max_age_ms=60_000,
    )


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """Passes rebalances on to the member that it belongs to."""

    def __init__(self, member: "KafkaSubscription") -> None:
        self._member = member

    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride] - its base says "or coroutine"
        self, revoked: set[TopicPartition]
    ) -> None:
        """Let work in hand end before the group goes on."""
        del revoked
        await self._member.give_away()

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Note what is ours now."""
        self._member.take(assigned)


class KafkaSubscription:
    """A member of a group that joins in the background; `poll` waits for it no longer than it was told.

    A LogUnavailableError from `poll` means that the member has lost its partitions: nothing in hand can be
    committed any more, so `on_revoked` is not called. Close it, or poll again: that joins anew and reads on from
    what was committed.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the log hands in each part
        self,
        connection: Connection,
        names: Names,
        group: str,
        topics: Sequence[str],
        on_revoked: Revoked | None,
        alone: Alone | None = None,
        mark: Mark | None = None,
    ) -> None:
        """Take what is needed to join; `start` joins."""
        self._mark = mark
        self._unmarked = False
        self._alone = alone
        self._taken_at = 0.0
        self._thrown_out: AnotherMemberError | None = None
        self._connection = connection
        self._names = names
        self._group = group
        self._topics = [names.outer(topic) for topic in topics]
        self._on_revoked = on_revoked
        self._consumer: AIOKafkaConsumer | None = None
        self._assigned: frozenset[Partition] | None = None
        self._since = 0.0
        self._closed = asyncio.Event()
        self._endings = set[asyncio.Task[None]]()

    @property
    def assignment(self) -> frozenset[Partition]:
        """The partitions that this member reads now."""
        return self._assigned or frozenset()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed.is_set()

    async def start(self) -> None:
        """Connect and begin to join. Raises LogUnavailableError, AnotherMemberError."""
        if self._mark is not None:
            await self._mark.may_join()
        if self._alone is not None:
            await self._alone.check()
        consumer = _new_consumer(self._connection, self._names.outer(self._group), self._alone)
        try:
            with plainly(f"joining group {self._group}"):
                async with asyncio.timeout(START_SECONDS):
                    await consumer.start()
                    consumer.subscribe(self._topics, listener=_Listener(self))
        except BaseException:
            self._end(consumer)
            raise
        self._consumer, self._assigned = consumer, None
        if self._alone is not None:
            self._alone.watch(consumer, lambda why: self._is_thrown_out(consumer, why))
        self._since = asyncio.get_running_loop().time()

    # --- the protocol of a subscription

    @property
    def certain(self) -> bool:
        """Whether a sole member can still be the one that has its place."""
        return self._alone is None or self._alone.certain(self._connection.settings.session_timeout)

    async def poll(self, max_records: int, wait: float) -> Sequence[StoredRecord]:
        """Return up to `max_records` records, empty after about `wait` seconds."""
        if self._closed.is_set():
            raise LogUnavailableError(f"group {self._group}: this member was closed")
        self._check_place()
        if self._consumer is None:
            await self._start_again(wait)
        consumer = self._consumer
        try:
            settled = self._is_settled()
            found = await self._fetch(consumer, max_records, wait) if settled else await self._rest(wait)
            if settled and self._unmarked and not await self._write_mark(consumer, found):
                # A rebalance is under way, after which they come again.
                found = {}
            if not found:
                self._check_life(consumer)
        except UNWELL as error:
            self._check_place()
            self._lose(words(error))
            raise LogUnavailableError(f"group {self._group}: {words(error)}") from error
        return [stored_record(record, self._names) for batch in found.values() for record in batch]

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store the next offsets of partitions that are still ours."""
        if not offsets:
            return
        if self._consumer is None or not self.assignment.issuperset(offsets):
            raise FencedError(f"group {self._group}: this member has lost {_text(set(offsets) - self.assignment)}")
        try:
            with plainly(f"commit of group {self._group}"):
                async with asyncio.timeout(COMMIT_SECONDS):
                    await self._commit(self._consumer, {self._at(p): offset for p, offset in offsets.items()})
        except LogUnavailableError:
            _logger.warning("commit_failed", group=self._group)
            raise

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from `offset`; nothing happens where the partition was lost meanwhile."""
        if self._consumer is not None and partition in self.assignment:
            with contextlib.suppress(IllegalStateError):
                self._consumer.seek(self._at(partition), offset)

    def pause(self, partition: Partition) -> None:
        """Give no more of the partition; nothing happens where it was lost meanwhile."""
        if self._consumer is not None and partition in self.assignment:
            with contextlib.suppress(IllegalStateError):
                self._consumer.pause(self._at(partition))

    def resume(self, partition: Partition) -> None:
        """Give records of the partition again."""
        if self._consumer is not None and partition in self.assignment:
            # Its last sign of life is as old as the pause.
            self._since = asyncio.get_running_loop().time()
            with contextlib.suppress(IllegalStateError):
                self._consumer.resume(self._at(partition))

    async def close(self) -> None:
        """Leave the group, within about 5 s."""
        self._closed.set()
        consumer, self._consumer, self._assigned = self._consumer, None, None
        if consumer is not None:
            self._end(consumer)
        endings = set(self._endings)
        if endings:
            await asyncio.wait(endings, timeout=CLOSE_SECONDS + 2.5)

    # --- rebalances

    async def give_away(self) -> None:
        """Tell the owner that its partitions go, while it can still commit."""
        if self._assigned and self._on_revoked is not None:
            try:
                async with asyncio.timeout(REVOKE_SECONDS):
                    await self._on_revoked(self._assigned)
            except (LogError, TimeoutError) as error:
                _logger.warning("revoke_failed", group=self._group, reason=words(error))
        self._assigned = None
        self._since = asyncio.get_running_loop().time()

    def take(self, assigned: set[TopicPartition]) -> None:
        """Note the partitions of the new generation."""
        self._assigned = frozenset(Partition(self._names.inner(at.topic), at.partition) for at in assigned)
        self._since = self._taken_at = asyncio.get_running_loop().time()
        self._unmarked = self._mark is not None and bool(assigned)
        if self._alone is not None and self._consumer is not None:
            self._alone.joined(self._consumer)
            self._alone.seen()

    # --- alone in the group

    def _is_thrown_out(self, consumer: AIOKafkaConsumer, why: AnotherMemberError) -> bool:
        """Give the place up that another has; False where the member has left by itself."""
        if self._consumer is not consumer:
            return False
        self._thrown_out = why
        self._lose("another has its place")
        return True

    def _check_place(self) -> None:
        """Tell once that the place is lost; whoever polls again looks whether the other is still there."""
        why, self._thrown_out = self._thrown_out, None
        if why is not None:
            raise why

    def _is_settled(self) -> bool:
        if self._alone is None:
            return True
        return self._assigned is not None and asyncio.get_running_loop().time() - self._taken_at > SETTLE_SECONDS

    async def _rest(self, wait: float) -> dict[TopicPartition, list[Any]]:
        """Read nothing for a moment, and see what is wrong in the group."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(wait, REST_SECONDS)):
                await self._closed.wait()
        self._check_place()
        if self._consumer is not None and self._alone is not None:
            self._alone.check_errors(self._consumer)
        return {}

    # --- inside

    async def _fetch(self, consumer: Any, max_records: int, wait: float) -> dict[TopicPartition, list[Any]]:
        """Ask for records; ends in time also where aiokafka waits for an assignment without a limit."""
        getting = asyncio.ensure_future(consumer.getmany(timeout_ms=int(wait * 1000), max_records=max_records))
        closing = asyncio.ensure_future(self._closed.wait())
        try:
            both = {getting, closing}
            await asyncio.wait(both, timeout=wait + POLL_MARGIN, return_when=asyncio.FIRST_COMPLETED)
            if not getting.done():
                return {}
            if getting.cancelled():
                # A cancelled task inside of aiokafka shall not look like the cancelling of ours.
                raise ConsumerStoppedError
            found: dict[TopicPartition, list[Any]] = getting.result()
            return found
        finally:
            getting.cancel()
            closing.cancel()
            await asyncio.wait({getting, closing})

    def _check_life(self, consumer: Any) -> None:
        """Raise TimeoutError where the member is only the shell of one: aiokafka gives no sign of its own."""
        idle = asyncio.get_running_loop().time() - self._since
        if self._assigned is None:
            if idle > JOIN_SECONDS:
                raise TimeoutError
            return
        if idle < SILENCE_SECONDS:
            return
        oldest = (time.time() - SILENCE_SECONDS) * 1000
        asked = {self._at(each) for each in self._assigned} - consumer.paused()
        if any((consumer.last_poll_timestamp(each) or 0) < oldest for each in asked):
            raise TimeoutError

    async def _start_again(self, wait: float) -> None:
        try:
            await self.start()
        except LogUnavailableError:
            # A caller that polls again at once shall not spin.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(wait, 1.0)):
                    await self._closed.wait()
            raise

    def _lose(self, reason: str) -> None:
        _logger.warning("member_lost", group=self._group, reason=reason)
        consumer, self._consumer, self._assigned = self._consumer, None, None
        if consumer is not None:
            self._end(consumer)

    def _end(self, consumer: AIOKafkaConsumer) -> None:
        if self._alone is not None:
            self._alone.leave(consumer)
        ending = asyncio.create_task(end_consumer(consumer, CLOSE_SECONDS), name="kafka consumer's end")
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    async def _commit(self, consumer: Any, offsets: dict[TopicPartition, int]) -> None:
        name = "" if self._mark is None else self._mark.name
        try:
            await consumer.commit({at: (offset, name) for at, offset in offsets.items()})
        except (CommitFailedError, IllegalStateError) as error:
            raise FencedError(f"group {self._group}: this member has lost its partitions") from error

    async def _write_mark(self, consumer: Any, found: Mapping[TopicPartition, Sequence[Any]]) -> bool:
        """Commit the places at which this member begins, for the name beside them, before it gives any record away.

        False where a rebalance kept it from that: the next assignment is marked. Raises AnotherMemberError where
        another name stands there, before or behind that: of two that look at the same moment one sees the other's.
        """
        mark = self._mark
        if mark is None or consumer is None:
            return False
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                await mark.check()
                if await self._write_name(mark, consumer, found):
                    await mark.stands_alone()
                    self._unmarked = False
        except LogError as error:
            self._lose(words(error))
            raise
        return not self._unmarked

    async def _write_name(self, mark: Mark, consumer: Any, found: Mapping[TopicPartition, Sequence[Any]]) -> bool:
        places = await mark.places(consumer, [self._at(each) for each in self.assignment], found)
        if not places or {self._at(each) for each in self.assignment} != places.keys():
            return False
        try:
            await self._commit(consumer, places)
        except FencedError:
            return False
        return True

    def _at(self, partition: Partition) -> TopicPartition:
        return TopicPartition(self._names.outer(partition.topic), partition.number)


def _text(partitions: set[Partition]) -> str:
    return ", ".join(f"{each.topic} [{each.number}]" for each in sorted(partitions)) or "its place"
