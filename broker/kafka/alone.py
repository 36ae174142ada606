"""A group that may have one member alone: who else is there, and how a member that lost its place learns of it.

Kafka knows the one member by its `group.instance.id` (KIP-345). A second one that joins under it takes the place of
the first, whose next heartbeat is answered UNKNOWN_MEMBER_ID; aiokafka would join anew at once, and the two would
throw each other out for ever. So a newcomer looks first, and again right before it asks to join, and stays out where
somebody is there; and a member that lost its place all the same, because both looked at the same moment, does not join
again by itself.

Who has been away for longer than its session (a process that was stopped, a machine that slept) may have lost its place
and not know it yet: until a heartbeat was answered it is not certain, and begins nothing.

Whoever has joined reads nothing for a while. A member that is thrown out has then not begun, unless the other's request
to join took longer to come to Kafka after its look than that: a stall of the network between two requests.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from broker.kafka.lookup import Lookup
from broker.log import AnotherMemberError, LogUnavailableError

SETTLE_SECONDS = 6.0
"""How long a member that has joined reads nothing.

By then one whose place it took has heartbeated, and stopped; and whoever looked before it joined has joined too.
"""

_LOOK_AGAIN = 0.5
# Linux tells the time that a sleeping machine has slept by a clock of its own.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def passed() -> float:
    """Return seconds from some moment on, those of a sleep of the machine too where the system tells them."""
    return time.clock_gettime(_CLOCK)


class Alone:
    """The rule of one group, for the members that one log makes of it, one after the other."""

    def __init__(self, lookup: Lookup, group: str) -> None:
        self._lookup = lookup
        self._group = group
        self._beat_at = 0.0
        self._ours = set[str]()

    @property
    def instance(self) -> str:
        """The `group.instance.id`, the same on every host."""
        return f"{self._group}.sole"

    def certain(self, session: float) -> bool:
        """Whether Kafka has known the member within the `session` seconds after which it gives its place away."""
        return passed() - self._beat_at < session

    def seen(self) -> None:
        """Note that Kafka has given the member its place just now."""
        self._beat_at = passed()

    async def check(self) -> None:
        """Raise AnotherMemberError where a member is there that is not ours, LogUnavailableError."""
        others = [each.host for each in await self._lookup.members(self._group) if each.id not in self._ours]
        if others:
            raise AnotherMemberError(f"group {self._group} has a member already, on {', '.join(sorted(set(others)))}")

    def watch(self, consumer: Any, lost: Callable[[AnotherMemberError], bool]) -> None:
        """Call `lost` when Kafka knows the member no more, or somebody is there when it is about to join.

        Where it says so, aiokafka does not join.
        """
        coordinator = consumer._coordinator  # noqa: SLF001 - aiokafka tells nobody, and joins again by itself
        forget, join = coordinator.reset_generation, coordinator._do_rejoin_group  # noqa: SLF001 - the one request
        beat = coordinator._do_heartbeat  # noqa: SLF001 - only its answer tells that Kafka still knows the member

        def reset_generation() -> None:
            if not lost(AnotherMemberError(f"group {self._group}: another member took the place of this one")):
                forget()

        async def do_rejoin_group(subscription: Any) -> bool:
            self.joined(consumer)
            try:
                await self.check()
            except AnotherMemberError as error:
                lost(error)
                await asyncio.sleep(_LOOK_AGAIN)
                return False
            except LogUnavailableError:
                await asyncio.sleep(_LOOK_AGAIN)
                return False
            return bool(await join(subscription))

        async def do_heartbeat() -> bool:
            asked = passed()
            known = bool(await beat())
            if known:
                self._beat_at = asked
            return known

        coordinator._do_heartbeat = do_heartbeat  # noqa: SLF001 - see `beat`
        coordinator.reset_generation = reset_generation
        coordinator._do_rejoin_group = do_rejoin_group  # noqa: SLF001 - after it nothing is between look and request

    def joined(self, consumer: Any) -> None:
        """Note that the member is ours: what a crash of its connection leaves in the group is not another."""
        self._ours.add(consumer._coordinator.member_id)  # noqa: SLF001 - not told otherwise

    @staticmethod
    def check_errors(consumer: Any) -> None:
        """Raise what went wrong while joining, as a fetch does."""
        consumer._coordinator.check_errors()  # noqa: SLF001 - only a fetch would tell, and records with it

    @staticmethod
    def leave(consumer: Any) -> None:
        """Let the member leave the group when it ends; one with an instance id would be missed for a session only."""
        consumer._coordinator._group_instance_id = None  # noqa: SLF001 - this is how aiokafka decides
