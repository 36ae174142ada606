"""What every part of a consume loop is given."""

from dataclasses import dataclass
from functools import cached_property

from broker.log import Log
from consumers.consumer import Consumer
from consumers.loop.routes import Routes
from consumers.loop.settings import KEPT, LoopSettings
from consumers.loop.tempo import Tempo
from consumers.metrics import LoopMetrics
from schemas.times import Clock


@dataclass(frozen=True, kw_only=True)
class LoopParts:
    """The parts that the loop shares with its session and its settler, and what its consumer wants otherwise."""

    log: Log
    consumer: Consumer
    settings: LoopSettings
    metrics: LoopMetrics
    clock: Clock
    tempo: Tempo

    @cached_property
    def routes(self) -> Routes:
        """The topics that the group reads and writes."""
        return Routes(self.consumer)

    @property
    def concurrency(self) -> int:
        """How many events are worked on at once."""
        return max(1, self.consumer.concurrency or self.settings.concurrency)

    @property
    def attempts(self) -> int:
        """How many tries an event gets in place."""
        return max(1, self.consumer.attempts or self.settings.attempts)

    @property
    def deadline(self) -> float:
        """How many seconds one try may take."""
        return self.consumer.deadline or self.tempo.handler_deadline

    @property
    def keeps_order(self) -> bool:
        """Whether later events of a key wait for one that is retried later."""
        own = self.consumer.keeps_order
        return self.settings.retry.order == KEPT if own is None else own
