"""Many records in one append: batches of our own making, one after the other in each partition.

aiokafka's own batches take a future, a task's turn and several calls for each record. And where an append fills two of
them for one partition, the second may be stored though the first is refused or too late: the later records come first.
Here the next batch of a partition is sent when the one before is confirmed. So whatever an append leaves behind is, in
each partition, the beginning of its records, and however often the same records are appended again, the first copies
of them stand in order.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiokafka.errors import ProducerClosed

from broker.kafka.errors import PERHAPS_OF_THE_RECORD, UNWELL
from broker.kafka.line import BATCH_BYTES, Line
from broker.log import Partition, Position
from schemas.records import Record

MANY = 64
"""Records of one append from which on it is sent in this way; so are fewer ones that may not fit into one batch."""

_LARGE = BATCH_BYTES // 2


@dataclass(frozen=True, slots=True)
class Failure:
    """A record that was not stored, and why. Those of its batch may be stored as little."""

    record: Record
    error: BaseException


def is_bulk(records: Sequence[Record]) -> bool:
    """Tell whether an append is to be sent in this way."""
    return len(records) >= MANY or sum(len(record.value or b"") for record in records) > _LARGE


class Bulk:
    """One append on one line. `outer` gives the name of a record's topic on Kafka, `inner` our name of a partition."""

    def __init__(
        self,
        line: Line,
        records: Sequence[Record],
        outer: Callable[[Record], str],
        inner: Callable[[str, int], Partition],
    ) -> None:
        self._line, self._records, self._outer, self._inner = line, records, outer, inner
        self._positions: dict[int, Position] = {}
        self._failures: list[Failure] = []

    @property
    def positions(self) -> list[Position]:
        """Where the records are, once all are stored."""
        return [self._positions[number] for number in range(len(self._records))]

    async def store(self) -> Failure | None:
        """Send all records, each partition's in order; return the first failure. May take for ever."""
        lanes: dict[tuple[str, int], list[int]] = {}
        for number, record in enumerate(self._records):
            topic = self._outer(record)
            try:
                lanes.setdefault((topic, await self._line.choose(topic, record)), []).append(number)
            except UNWELL as error:
                return Failure(record, error)
        async with asyncio.TaskGroup() as group:
            for (topic, partition), numbers in lanes.items():
                group.create_task(self._run(topic, partition, numbers))
        return self._failures[0] if self._failures else None

    async def _run(self, topic: str, partition: int, numbers: Sequence[int]) -> None:
        failure = await self._lane(topic, partition, numbers)
        if failure is not None:
            self._failures.append(failure)

    async def _lane(self, topic: str, partition: int, numbers: Sequence[int]) -> Failure | None:
        """Store records of one partition in order, up to the first failure.

        The broker refuses a batch for any one record in it. Which one that is, its halves show.
        """
        at = 0
        while at < len(numbers):
            part, error = await self._send(topic, partition, numbers[at:])
            if error is not None:
                if len(part) == 1 or not isinstance(error, PERHAPS_OF_THE_RECORD):
                    return Failure(self._records[part[0]], error)
                for half in (part[: len(part) // 2], part[len(part) // 2 :]):
                    if (failure := await self._lane(topic, partition, half)) is not None:
                        return failure
            at += len(part)
        return None

    async def _send(
        self, topic: str, partition: int, numbers: Sequence[int]
    ) -> tuple[Sequence[int], BaseException | None]:
        """Send as many as one batch takes, and wait for its end; return them, and what it failed of."""
        try:
            sent, count = await self._line.send_together(topic, partition, [self._records[n] for n in numbers])
        except UNWELL as error:
            return numbers[:1], error
        await asyncio.wait([sent])
        part = numbers[:count]
        if sent.cancelled():
            return part, ProducerClosed()
        if (failed := sent.exception()) is not None:
            return part, failed
        place = self._inner(topic, partition)
        for offset, number in enumerate(part, int(sent.result().offset)):
            self._positions[number] = Position(place, offset)
        return part, None
