"""What the wiring of each consumer is given, and what it gives back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from broker.log import Log
from consumers.consumer import Consumer
from consumers.metrics import ConsumerMetrics
from consumers.state.database import Database
from consumers.state.ledger import Ledger
from hookline.configuration.config import Config
from schemas.times import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class CrewParts:
    """What the consumers of a process share. Who needs `database`, or `ledger` in it, opens it."""

    config: Config
    log: Log
    metrics: ConsumerMetrics
    clock: Clock
    database: Database
    ledger: Ledger


async def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Made:
    """A consumer that is wired. It waits for the state where it `needs_state`; `close` ends its connections."""

    consumer: Consumer
    needs_state: bool = False
    close: Callable[[], Awaitable[None]] = _nothing


Maker = Callable[[CrewParts], Made]
