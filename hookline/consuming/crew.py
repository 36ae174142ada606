"""The consumers of one process, with what they share: the state and the connections to providers."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from broker.log import Log
from consumers.loop import ConsumeLoop
from consumers.metrics import ConsumerMetrics
from consumers.state.database import Database
from consumers.state.ledger import Ledger
from hookline.configuration.config import Config
from hookline.consuming import confirming, consenting, replying, sending
from hookline.consuming.parts import CrewParts, Made, Maker
from hookline.consuming.tidying import Tidying
from hookline.consuming.with_state import WithState
from hookline.consuming.workers import Loop, Worker
from hookline.process.roles import Role
from schemas.times import Clock

logger: Any = structlog.get_logger()

_MAKERS: Mapping[Role, Maker] = {
    Role.AUTO_REPLY: replying.make,
    Role.CONFIRM: confirming.make,
    Role.CONSENT: consenting.make,
    Role.SEND: sending.make,
}


class Crew:
    """Makes, starts and ends the consumers of the roles."""

    def __init__(
        self, config: Config, roles: frozenset[Role], log: Log, metrics: ConsumerMetrics, clock: Clock
    ) -> None:
        database = Database(config.consumers.state)
        self._parts = CrewParts(
            config=config, log=log, metrics=metrics, clock=clock, database=database, ledger=Ledger(database)
        )
        self._made = {role: _MAKERS[role](self._parts) for role in sorted(roles)}
        self._tidying = Tidying(database, clock)
        self.workers = tuple(Worker(role.value, self._loop(made)) for role, made in self._made.items())

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
        loop = ConsumeLoop(parts.log, made.consumer, parts.config.consumers, parts.metrics, parts.clock)
        if not made.needs_state:
            return loop
        return WithState(loop, parts.database)
