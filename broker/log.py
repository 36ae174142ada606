"""What a log is: append durably, read in a group, commit, look up an offset by time.

Two implementations pass one conformance suite (`tests/conformance/`): `broker.kafka` and
`broker.embedded`. Offsets count from 0 within a partition and only grow; they may have gaps.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from schemas.errors import HooklineError
from schemas.records import Record, StoredRecord


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One partition of one topic."""

    topic: str
    number: int


@dataclass(frozen=True, slots=True)
class Position:
    """Where an appended record is now."""

    partition: Partition
    offset: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """`first` is the oldest offset that is kept, `end` the offset that the next record gets."""

    first: int
    end: int


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What a topic should be. `retention_ms` None keeps for ever; `retention_bytes` counts each partition."""

    name: str
    partitions: int
    retention_ms: int | None = None
    retention_bytes: int | None = None
    compacted: bool = False
    max_message_bytes: int = 1_048_588


class TopicChange(StrEnum):
    """What `plan_topics` finds for one topic."""

    CREATE = "create"
    KEEP = "keep"
    ALTER = "alter"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class PlannedTopic:
    """One line of the plan: what has to happen to the topic, and why in plain words."""

    spec: TopicSpec
    change: TopicChange
    detail: str = ""


class LogState(StrEnum):
    """What the log can do now, by evidence and not by hope.

    STARTING: not asked yet, or a topic in use lacks its leader or copies. AWAY: appends are refused at once.
    SUSPECT: an append failed or waits for too long, or the log is back; it takes appends, and a confirmation makes it
    healthy. Where it is back from being away, one append at a time may try.
    """

    HEALTHY = "healthy"
    SUSPECT = "suspect"
    STARTING = "starting"
    AWAY = "away"


class LogError(HooklineError):
    """The log could not do what was asked."""


class LogUnavailableError(LogError):
    """The log is away, slow or refuses us: nothing is known to be stored, ask again later."""


class RecordRefusedError(LogError):
    """This record can never be stored (too large, bad timestamp); the log itself is well."""


class FencedError(LogError):
    """Another member owns the partition now: the commit was refused."""


class AnotherMemberError(LogError):
    """Another member is there, beside which this one may not be in the group. The words tell where."""


class AnotherHolderError(AnotherMemberError):
    """The group's offsets were committed with something else than what this member has. The words name both."""


@dataclass(frozen=True, slots=True)
class Holder:
    """What a member has beside the log, and without which its group's offsets tell half of what was done: a ledger.

    `name` stands beside each committed offset, from before the first record is given away. A group whose offsets bear
    another name is joined by an heir of that one alone. With `alone` nobody else in the group can see it: the member is
    the only one.
    """

    name: str
    heir_of: str = ""
    alone: bool = True


Revoked = Callable[[frozenset[Partition]], Awaitable[None]]
"""Called before partitions are given away, so that work in hand can end and be committed."""


class Subscription(Protocol):
    """A member of a consumer group. Not for use by two tasks at once."""

    @property
    def assignment(self) -> frozenset[Partition]:
        """The partitions that this member reads now; empty while it stands by."""
        ...

    @property
    def certain(self) -> bool:
        """Whether nobody can have taken the place of a sole member meanwhile, as far as it knows without asking."""
        ...

    async def poll(self, max_records: int, wait: float) -> Sequence[StoredRecord]:
        """Return up to `max_records` new records, in order within a partition; empty after `wait` seconds.

        Reading starts at the committed offset, or at the oldest record where the group has none.
        Raises LogUnavailableError.
        """
        ...

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store for each partition the offset of the next record to read.

        Raises FencedError where this member has lost the partition, LogUnavailableError.
        """
        ...

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from `offset` in a partition of the assignment."""
        ...

    def pause(self, partition: Partition) -> None:
        """Give no more records of a partition until `resume`; the place in it and the assignment stay.

        A partition that is assigned anew is not paused. Elsewhere than in the assignment it does nothing.
        """
        ...

    def resume(self, partition: Partition) -> None:
        """Give the records of a paused partition again, without a gap."""
        ...

    async def close(self) -> None:
        """Leave the group, within a few seconds whatever the log does. Commits nothing."""
        ...


class Log(Protocol):
    """A durable log of topics and partitions."""

    @property
    def state(self) -> LogState:
        """What the log can do now."""
        ...

    @property
    def reason(self) -> str:
        """Why it is not healthy, in words for an operator; empty where it is."""
        ...

    async def settled(self, wait: float) -> LogState:
        """Return the state once the first verdict is there, or after `wait` seconds. For who has no time to watch."""
        ...

    async def start(self) -> None:
        """Open what has to be open. Returns with the log away too, or with its verdict yet to come: `state` tells.

        Raises LogError only for what waiting cannot mend (a path that cannot be, a second ingest process).
        """
        ...

    async def stop(self) -> None:
        """Close everything, within a few seconds whatever the log does."""
        ...

    async def append(self, records: Sequence[Record], wait: float) -> Sequence[Position]:
        """Store the records durably and return their places, in the order given.

        On the embedded log all of them or none; on Kafka a failure may leave a part behind, and the same
        records are to be appended again. Gives up after `wait` seconds. A record may be stored all the same
        when LogUnavailableError was raised.

        Raises LogUnavailableError, RecordRefusedError.
        """
        ...

    async def append_many(self, records: Sequence[Record], wait: float) -> Sequence[Position]:
        """Do as `append` does, for the records of a drain, which may be many.

        What a failure leaves behind is, in each partition, the beginning of its records. On Kafka another append may
        overtake it.
        """
        ...

    async def subscribe(
        self, group: str, topics: Sequence[str], on_revoked: Revoked | None = None, *, holder: Holder | None = None
    ) -> Subscription:
        """Join the group. Raises LogUnavailableError.

        With a `holder` this raises AnotherHolderError where another one has committed, and so does `poll` where one did
        since, while the member slept. For an heir of that one, and for one that is to be alone in its group, it raises
        AnotherMemberError where a member is there, and so does `poll` of one that lost its place to another. On the
        embedded log every member is alone: the others stand by.
        """
        ...

    async def partitions(self, topic: str) -> Sequence[Partition]:
        """Return the topic's partitions, none where there is no such topic. Raises LogUnavailableError."""
        ...

    async def bounds(self, partition: Partition) -> Bounds:
        """Return the oldest and the next offset. Raises LogUnavailableError."""
        ...

    async def offset_at(self, partition: Partition, timestamp: int) -> int:
        """Return the first offset whose record is not older than `timestamp` ms, else the end.

        Raises LogUnavailableError.
        """
        ...

    def read(self, partition: Partition, offset: int, end: int) -> AsyncIterator[StoredRecord]:
        """Yield the records from `offset` up to and without `end`, outside of any group.

        Raises LogUnavailableError.
        """
        ...

    async def committed(self, group: str, partition: Partition) -> int | None:
        """Return the group's committed offset, None where it has none. Raises LogUnavailableError."""
        ...

    async def plan_topics(self, specs: Sequence[TopicSpec]) -> Sequence[PlannedTopic]:
        """Return what has to happen so that the topics are as wanted. Raises LogUnavailableError."""
        ...

    async def apply_topics(self, plan: Sequence[PlannedTopic]) -> None:
        """Create and alter as planned; a CONFLICT is left alone. Raises LogUnavailableError."""
        ...
