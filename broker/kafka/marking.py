"""The name that stands beside the committed offsets of a group whose members work with a state beside the log.

What was done may stand behind a committed offset, because keys are worked on side by side, and only the state knows of
it: a ledger. With another one it would be done twice. So the name is committed with each offset, and once for all
partitions of a member before it gives its first record away: a crash before its first commit leaves the name too. Who
has another name stays out, unless it is told that it comes after that one; then it waits until the members with that
one have left. A member looks at the names whenever it is given partitions: it may have slept, and an heir have come.
"""

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError

from broker.kafka.lookup import Lookup
from broker.log import AnotherHolderError, AnotherMemberError, Holder


class Mark:
    """The name of one member of Kafka's group `outer`, which reads `topics`, as Kafka calls them."""

    def __init__(self, lookup: Lookup, outer: str, topics: Collection[str], holder: Holder) -> None:
        self._lookup = lookup
        self._outer = outer
        self._topics = frozenset(topics)
        self._holder = holder

    @property
    def name(self) -> str:
        """What is committed beside each offset."""
        return self._holder.name

    async def check(self) -> frozenset[str]:
        """Return the names of others that stand beside offsets: that of which it is the heir, or none.

        Raises AnotherHolderError where another one stands there, LogUnavailableError.
        """
        others = await self._lookup.committed_by(self._outer, self._topics) - {self._holder.name}
        if strange := others - {self._holder.heir_of}:
            theirs = ", ".join(sorted(strange))
            raise AnotherHolderError(f"group {self._outer} was read with {theirs}, and this is {self._holder.name}")
        return others

    async def may_join(self) -> None:
        """Do as `check` does, and raise AnotherMemberError where the name before it stands and somebody is there.

        That may be another heir, which has not written its own name yet: that takes it a moment.
        """
        if not await self.check():
            return
        if hosts := {each.host for each in await self._lookup.members(self._outer)}:
            there = f"{self._holder.heir_of} still, on {', '.join(sorted(hosts))}"
            raise AnotherMemberError(f"group {self._outer} is read with {there}")

    async def stands_alone(self) -> None:
        """Raise AnotherMemberError where another name stands beside an offset, though this one was written.

        The first heir writes its own beside every offset: the one before it stands there again by a member that has
        come at the same moment.
        """
        if await self.check():
            raise AnotherMemberError(f"group {self._outer} is read with {self._holder.heir_of} still")

    @staticmethod
    async def places(
        consumer: Any, assigned: Collection[TopicPartition], found: Mapping[TopicPartition, Sequence[Any]]
    ) -> dict[TopicPartition, int]:
        """Return where the member begins, with the records that it `found` first; none where it has lost a place.

        That is where the group stands, as long as it stands anywhere: what was found may have been fetched before a
        rebalance, and be ahead of what that has left undone.
        """
        with contextlib.suppress(IllegalStateError):
            committed = await asyncio.gather(*(consumer.committed(at) for at in assigned))
            places = {at: offset for at, offset in zip(assigned, committed, strict=True) if offset is not None}
            for at in assigned:
                if at not in places:
                    # Behind a fetch the position is after what was found.
                    places[at] = found[at][0].offset if found.get(at) else await consumer.position(at)
            return places
        return {}
