"""The consumers of one process, with what they share: the state and the connections to providers."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from broker.log import Holder, Log
from consumers.consumer import Consumer, Holding
from consumers.loop.run import ConsumeLoop
from consumers.metrics import ConsumerMetrics
from consumers.state.database import Database
from consumers.state.ledger import Ledger
from hookline.configuration.config import Config
from hookline.consuming import confirming, consenting, mirroring, replying, sending, tracking
from hookline.consuming.parts import CrewParts, Made, Maker
from hookline.consuming.tidying import Tidying
from hookline.consuming.with_state import WithState
from hookline.consuming.workers import Loop, Worker
from hookline.kit.finding import Found
from hookline.kit.running import for_loop
from hookline.process.roles import Role
from schemas.times import Clock

logger: Any = structlog.get_logger()

_MAKERS: Mapping[Role, Maker] = {
    Role.AUTO_REPLY: replying.make,
    Role.CONFIRM: confirming.make,
    Role.CONSENT: consenting.make,
    Role.MIRROR: mirroring.make,
    Role.SEND: sending.make,
    Role.TRACK: tracking.make,
}


BESIDE = (
    "its state is an SQLite file, which the other cannot see, so that each would know half of it, and two senders would"
    " send twice: run all consumers with the state on one host, or give all of them one PostgreSQL as `consumers.state`"
    " (docs/state.md); what a crash left in the group is gone when its session is over"
)
"""Why a consumer that works with an SQLite state has to be alone in its group, and what to do where it is not."""

BEFORE = (
    "its state takes the place of theirs (`successor_of` in `[consumers]`), and what it does they would not know of:"
    " end all consumers with the state before it, on every host (docs/state.md); what a crash left in the group is gone"
    " when its session is over"
)
"""Why a consumer whose state hosts share has to wait for members of its group to leave, and what to do."""

ELSEWHERE = (
    "its group was read with another state, and only that one knows what stands behind the committed offsets: run it"
    " with that one. If that is lost, or this one takes its place, `successor_of` in `[consumers]` with its name lets"
    " this one go on; what the other had in hand may then be sent twice (docs/state.md)"
)
"""Why it does not go on where a member with another state has been, and what to do."""


def guarded(made: Made, state: Database, successor_of: str) -> Consumer:
    """Return the consumer, bound to its state; alone in its group where other hosts cannot see that one."""
    if not made.needs_state:
        return made.consumer
    beside = BEFORE if state.shared else BESIDE
    holding = Holding(lambda: Holder(state.name, successor_of, alone=not state.shared), beside, ELSEWHERE)
    return replace(made.consumer, holding=holding)


class Crew:
    """Makes, starts and ends the consumers of the roles, and those of other teams (`others`)."""

    def __init__(  # noqa: PLR0913, PLR0917 - the wiring hands in each part by its name
        self,
        config: Config,
        roles: frozenset[Role],
        log: Log,
        metrics: ConsumerMetrics,
        clock: Clock,
        others: Sequence[Found] = (),
    ) -> None:
        database = Database(config.consumers.state)
        self._parts = CrewParts(
            config=config, log=log, metrics=metrics, clock=clock, database=database, ledger=Ledger(database)
        )
        self._made = {role: _MAKERS[role](self._parts) for role in sorted(roles)}
        self._tidying = Tidying(database, clock)
        self.workers = tuple(Worker(role.value, self._loop(made)) for role, made in self._made.items())
        theirs = [Made(for_loop(found.consumer, log, clock)) for found in others]
        self.workers += tuple(Worker(made.consumer.name, self._loop(made)) for made in theirs)

    def start(self) -> None:
        """Begin to consume. A state that cannot be opened keeps those waiting that need it, and nobody else."""
        for worker in self.workers:
            worker.start()
        if any(made.needs_state for made in self._made.values()):
            self._tidying.start()

    async def drain(self, patience: float) -> None:
        """Let every consumer finish what is in hand, all at the same time."""
        await asyncio.gather(*(worker.stop(patience) for worker in self.workers))

    async def close(self) -> None:
        """Cancel what still runs, close the state and the connections."""
        await self.drain(0)
        await self._tidying.stop()
        for made in self._made.values():
            await made.close()
        # The last, because a server that hangs holds it up.
        await self._parts.database.close()

    def _loop(self, made: Made) -> Loop:
        parts = self._parts
        consumer = guarded(made, parts.database, parts.config.consumers.successor_of)
        loop = ConsumeLoop(parts.log, consumer, parts.config.consumers, parts.metrics, parts.clock)
        if not made.needs_state:
            return loop
        return WithState(loop, parts.database)
