"""The consume loop: a member of the group as long as the log lets it, and again after every trouble."""

import asyncio
from dataclasses import dataclass

import structlog

from broker.log import FencedError, Log, LogError, Partition
from consumers.consumer import Consumer
from consumers.loop.flood import DeadLetterFloodError
from consumers.loop.parts import LoopParts
from consumers.loop.session import Session
from consumers.loop.settle import Settler
from consumers.loop.tempo import Tempo
from consumers.metrics import ConsumerMetrics
from consumers.settings import ConsumersSettings
from schemas.times import Clock

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ConsumerHealth:
    """How a consumer is. `reason` is one word, None where all is well.

    `running` says that it is a member of its group; without partitions it stands by. `last_progress` is when the
    last record was done, in Unix seconds.
    """

    name: str
    running: bool
    assigned: frozenset[Partition]
    reason: str | None
    last_progress: float | None


class ConsumeLoop:
    """Gives the events of a consumer's topics to its handler, in order for each key, at least once.

    Commits come after the effect. What cannot be processed goes to the dead-letter topic, and only then counts as
    done; a flood of such records stops the consumer until its process is started again.
    """

    def __init__(  # noqa: PLR0913 - the wiring hands in each part by its name
        self,
        log: Log,
        consumer: Consumer,
        settings: ConsumersSettings,
        metrics: ConsumerMetrics,
        clock: Clock,
        *,
        tempo: Tempo | None = None,
    ) -> None:
        self._consumer = consumer
        self._tempo = tempo or Tempo()
        self._parts = LoopParts(
            log=log,
            consumer=consumer,
            settings=settings,
            metrics=metrics.loop(consumer.name),
            clock=clock,
            tempo=self._tempo,
        )
        self._settler = Settler(self._parts)
        self._stopping = asyncio.Event()
        self._session: Session | None = None
        self._reason: str | None = "starting"

    async def run(self) -> None:
        """Consume until `stop` is called; then finish what is in hand, commit and leave the group."""
        failures = 0
        while not self._stopping.is_set():
            started = asyncio.get_running_loop().time()
            self._reason = await self._one_session()
            if self._reason is None:
                break
            if self._reason == "dead_letter_flood":
                _log.critical("consumer_stopped", consumer=self._consumer.name, reason=self._reason)
                await self._stopping.wait()
                break
            lasted = asyncio.get_running_loop().time() - started > self._tempo.longest_pause
            failures = 1 if lasted else failures + 1
            await self._pause(self._tempo.pause(failures))
        self._reason = "stopped"

    def stop(self) -> None:
        """Ask `run` to end; it returns within a few seconds more than `finish_wait`."""
        self._stopping.set()

    def health(self) -> ConsumerHealth:
        """Return how the consumer is now."""
        session = self._session
        assigned = frozenset[Partition]() if session is None else session.assignment
        joined = session is not None and session.joined
        reason = self._settler.trouble if joined else self._reason
        return ConsumerHealth(self._consumer.name, joined, assigned, reason, self._settler.last_progress)

    async def _one_session(self) -> str | None:
        """Be a member of the group; return why it ended, None where `stop` ended it."""
        self._session = session = Session(self._parts, self._settler.settle)
        finish = True
        try:
            await self._until_stopped(session)
        except FencedError:
            self._parts.metrics.failed_commits.inc()
            finish = False
            return self._ended("fenced")
        except LogError as error:
            return self._ended("log_unavailable", error)
        except DeadLetterFloodError:
            return self._ended("dead_letter_flood")
        except Exception as error:  # noqa: BLE001 - a fault of our own must not end the consumer; nothing is committed
            finish = False
            return self._ended("internal_error", error)
        finally:
            await self._leave(session, finish=finish)
            self._session = None
        return None

    async def _leave(self, session: Session, *, finish: bool) -> None:
        """Leave the group, and see to it that a fault on the way out does not end the consumer."""
        try:
            await session.leave(finish=finish)
        except Exception as error:  # noqa: BLE001 - a fault of ours or of the log's client; what it left comes again
            self._ended("internal_error", error)

    async def _until_stopped(self, session: Session) -> None:
        """Let the session pump until `stop` is called. Raises what ends the pump."""
        pump = asyncio.create_task(session.pump())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((pump, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            pump.cancel()
            stopping.cancel()
            results = await asyncio.gather(pump, stopping, return_exceptions=True)
        if isinstance(results[0], Exception):
            raise results[0]

    def _ended(self, reason: str, error: Exception | None = None) -> str:
        kind = type(error).__name__ if error else None
        _log.warning("consumer_interrupted", consumer=self._consumer.name, reason=reason, error=kind)
        return reason

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
