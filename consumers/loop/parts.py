"""What every part of a consume loop is given."""

from dataclasses import dataclass

from broker.log import Log
from consumers.consumer import Consumer
from consumers.loop.tempo import Tempo
from consumers.metrics import LoopMetrics
from consumers.settings import ConsumersSettings
from schemas.times import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopParts:
    """The parts that the loop shares with its session and its settler."""

    log: Log
    consumer: Consumer
    settings: ConsumersSettings
    metrics: LoopMetrics
    clock: Clock
    tempo: Tempo

    @property
    def concurrency(self) -> int:
        """How many events are worked on at once."""
        return max(1, self.consumer.concurrency or self.settings.concurrency)
