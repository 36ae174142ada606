"""The consume loop: a member of the group as long as the log lets it, and again after every trouble."""

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog

from broker.log import AnotherHolderError, AnotherMemberError, FencedError, Log, LogError, Partition
from consumers.consumer import Consumer
from consumers.loop.exits import contain_exits
from consumers.loop.parts import LoopParts
from consumers.loop.session import Session
from consumers.loop.settings import LoopSettings
from consumers.loop.settle import Settler
from consumers.loop.stops import ConsumerStopError, StalledError
from consumers.loop.tempo import Tempo
from consumers.loop.watch import Watch
from consumers.metrics import ConsumerMetrics, Rebuild
from schemas.times import Clock

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ConsumerHealth:
    """How a consumer is. `reason` is one word, None where all is well; `detail` says more, and what to do.

    `running` says that it is a member of its group; without partitions it stands by. `last_progress` is when the
    last record was done, in Unix seconds. `lag` counts the records of its partitions that were not done at the last
    look, None before that; `waiting` those of retry topics that are in hand and not due yet.
    """

    name: str
    running: bool
    assigned: frozenset[Partition]
    reason: str | None
    last_progress: float | None
    detail: str | None = None
    lag: int | None = None
    waiting: int = 0


class ConsumeLoop:
    """Gives the events of a consumer's topics to its handler, in order for each key, at least once.

    Commits come after the effect. What fails is tried again in place, then through the group's retry topic, and then
    goes to the dead-letter topic; only what is stored there counts as done. A flood of failures stops the consumer
    until its process is started again.
    """

    def __init__(  # noqa: PLR0913 - the wiring hands in each part by its name
        self,
        log: Log,
        consumer: Consumer,
        settings: LoopSettings,
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
        self._watch: Watch | None = None
        self._reason: str | None = "starting"
        self._detail: str | None = None

    async def run(self) -> None:
        """Consume until `stop` is called; then finish what is in hand, commit and leave the group."""
        contain_exits(asyncio.get_running_loop())
        failures = 0
        while not self._stopping.is_set():
            started = asyncio.get_running_loop().time()
            try:
                await self._one_session()
            except ConsumerStopError as error:
                await self._stand_still(error)
                break
            if self._stopping.is_set():
                break
            lasted = asyncio.get_running_loop().time() - started > self._tempo.longest_pause
            failures = 1 if lasted else failures + 1
            await self._pause(self._tempo.pause(failures))
        await self._finish()
        self._reason, self._detail = "stopped", None

    def stop(self) -> None:
        """Ask `run` to end; it returns within a few seconds more than `finish_wait`, and what the consumer's end takes.

        That takes as long as it may: whoever runs the loop cancels it when there is no more time.
        """
        self._stopping.set()

    def health(self) -> ConsumerHealth:
        """Return how the consumer is now."""
        session, watch, waiting = self._session, self._watch, self._settler.waiting
        joined = session is not None and session.joined
        return ConsumerHealth(
            name=self._consumer.name,
            running=joined,
            assigned=frozenset() if session is None else session.assignment,
            reason=waiting.trouble if joined else self._reason,
            last_progress=self._settler.last_progress,
            detail=None if joined else self._detail,
            lag=None if watch is None or not joined else watch.lag,
            waiting=waiting.until_due,
        )

    async def _stand_still(self, error: ConsumerStopError) -> None:
        """Do nothing until the process ends: what stopped the consumer is for a person to mend."""
        self._reason, self._detail = error.reason, f"{error}; {error.advice}"
        fields = {"reason": error.reason, "seen": str(error), "advice": error.advice}
        _log.critical("consumer_stopped", consumer=self._consumer.name, **fields)
        await self._stopping.wait()

    async def _one_session(self) -> None:
        """Be a member of the group until `stop` is called, or trouble ends it, which is noted.

        Raises ConsumerStopError.
        """
        self._session = session = Session(self._parts, self._settler.settle, self._settler.waiting)
        self._watch = watch = Watch(self._parts, session)
        finish = True
        try:
            await self._until_stopped(session, watch)
        except FencedError:
            self._parts.metrics.failed_commits.inc()
            finish = False
            self._ended(Rebuild.FENCED)
        except AnotherMemberError as error:
            finish = False
            self._kept_out(error)
        except LogError as error:
            self._ended(Rebuild.LOG_UNAVAILABLE, error)
        except StalledError as error:
            self._ended(Rebuild.NO_PROGRESS, error)
        except ConsumerStopError:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of our own must not end the consumer; nothing is committed
            finish = False
            self._ended(Rebuild.INTERNAL_ERROR, error)
        finally:
            await self._leave(session, finish=finish)
            self._session = self._watch = None

    async def _leave(self, session: Session, *, finish: bool) -> None:
        """Leave the group, and see to it that a fault on the way out does not end the consumer."""
        try:
            await session.leave(finish=finish)
        except Exception as error:  # noqa: BLE001 - a fault of ours or of the log's client; what it left comes again
            self._ended(Rebuild.INTERNAL_ERROR, error)

    async def _finish(self) -> None:
        if self._consumer.finish is None:
            return
        try:
            await self._consumer.finish()
        except Exception:  # noqa: BLE001 - a fault of ours must not keep the process from ending in order
            _log.exception("consumer_not_finished", consumer=self._consumer.name)

    async def _until_stopped(self, session: Session, watch: Watch) -> None:
        """Let the session pump until `stop` is called. Raises what ends it or its watch, and HandlersStuckError."""
        tasks: list[asyncio.Task[Any]] = [
            asyncio.create_task(work)
            for work in (session.pump(), watch.run(), self._settler.none_left(), self._stopping.wait())
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _kept_out(self, error: AnotherMemberError) -> None:
        """Say that another member is there, or was, and what to do; `run` looks again from time to time."""
        elsewhere, holding = isinstance(error, AnotherHolderError), self._consumer.holding
        reason = Rebuild.ANOTHER_STATE if elsewhere else Rebuild.ANOTHER_MEMBER
        advice = holding and (holding.elsewhere if elsewhere else holding.beside)
        self._reason, self._detail = reason, f"{error}; {advice}"
        self._parts.metrics.rebuilds[reason].inc()
        _log.error("consumer_down", consumer=self._consumer.name, reason=reason, seen=str(error), advice=advice)

    def _ended(self, reason: Rebuild, error: Exception | None = None) -> None:
        kind = type(error).__name__ if error else None
        # The log's own words name topics and groups, and what to do where one is missing.
        self._reason, self._detail = reason, str(error) if isinstance(error, LogError) else None
        where = str(error) if isinstance(error, StalledError) else None
        self._parts.metrics.rebuilds[reason].inc()
        _log.warning("consumer_interrupted", consumer=self._consumer.name, reason=reason, error=kind, partition=where)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
