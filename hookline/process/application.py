"""One process: the log, the receiver, the consumers and the admin address, wired together and ended in order."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from broker.log import LogState
from broker.opening import open_log
from consumers.metrics import ConsumerMetrics
from hookline.configuration.addresses import Address, parse_address
from hookline.configuration.config import Config
from hookline.consuming.crew import Crew
from hookline.kit.finding import Found
from hookline.process.admin import AdminServer, Answer
from hookline.process.metrics import ProcessMetrics
from hookline.process.racing import unless
from hookline.process.roles import Role
from hookline.process.startup import check_sending, endpoints_of, polled_of
from hookline.process.topic_watch import TopicWatch
from hookline.process.worker_link import Place, open_listeners
from hookline.version import __version__
from ingest.metrics import IngestMetrics
from ingest.readiness import Readiness
from ingest.server import Endpoint, Server
from ingest.settings import ServerSettings
from ingest.spool.contract import SpoolStatus
from ingest.spool.spool import Spool
from schemas.times import Clock
from schemas.topics import CATALOGUE

__all__ = ["Application", "Role", "longest_stop"]

# Beyond the receiver's own limits: for its last cut, and for closing the rest. Under 10 s with the defaults (P6).
_GRACE = 0.6
_CLOSING = 1.0

logger: Any = structlog.get_logger()


def longest_stop(limits: ServerSettings) -> float:
    """Return the seconds that a process takes at most from the signal to its end; 9.6 with the defaults (P6)."""
    return limits.drain_listen + limits.drain_finish + _GRACE + _CLOSING


class Application:
    """A process with roles. Start it once, stop it once."""

    def __init__(
        self,
        config: Config,
        roles: frozenset[Role],
        *,
        clock: Clock = time.time,
        place: Place | None = None,
        others: Sequence[Found] = (),
    ) -> None:
        """Check what the roles need. `place` is that of one of several workers, `others` are other teams' consumers.

        Raises ConfigError for accounts without a usable key, LogError for the URL.
        """
        self.registry = CollectorRegistry()
        self._config = config
        self._roles = roles
        self._place = place
        endpoints = endpoints_of(config) if Role.INGEST in roles else {}
        if roles >= {Role.SEND} and Role.INGEST not in roles:
            # Beside a receiver it is a warning: receiving must not wait for a credential that only replies need.
            check_sending(config)
        topics = [topic.name for topic in CATALOGUE]
        self._log = open_log(config.broker, ingesting=Role.INGEST in roles, clock=clock, topics=topics)
        self._server = self._receiving(endpoints, clock) if endpoints else None
        self._crew = Crew(config, roles - {Role.INGEST}, self._log, ConsumerMetrics(self.registry), clock, others)
        self._topics = TopicWatch(self._log, config.broker, others, alone=not roles)
        admin = parse_address(config.server.admin) if place is None else place.admin
        self._admin = AdminServer(admin, self, self.registry)
        figures = ProcessMetrics(self.registry)
        figures.watch_log(lambda: self._log.state is LogState.HEALTHY)
        for worker in self._crew.workers:
            figures.watch_consumer(worker)

    @property
    def receiver_address(self) -> str | None:
        """The receiver's address as `HOST:PORT`, None without that role or before the start."""
        return None if self._server is None else str(Address(*self._server.address))

    @property
    def admin_address(self) -> str:
        """The admin address as `HOST:PORT`; the real port where 0 was asked for."""
        return self._admin.address

    @property
    def log_state(self) -> LogState:
        """What the log can do now."""
        return self._log.state

    @property
    def spool_status(self) -> SpoolStatus | None:
        """How the spool is; None without that role, or without a spool."""
        return None if self._server is None else self._server.spool_status

    @property
    def drained(self) -> int:
        """Webhooks that went from the spool to the log since the start."""
        return 0 if self._server is None else self._server.drained

    async def start(self) -> None:
        """Start everything, the consumers last. With Kafka away it starts all the same and is not ready.

        Raises LogError, SpoolError, ListenError, ListenFailedError; nothing is left running then.
        """
        try:
            await self._start()
        except BaseException:
            await self._close(_CLOSING)
            raise

    async def _start(self) -> None:
        await self._admin.start()
        if self._server is not None:
            # Ahead of the log: what comes now goes to the spool.
            await self._server.start(open_listeners(self._place) if self._place else ())
        await self._log.start()
        await self._topics.start()
        self._crew.start()
        working = sorted({*self._roles, *(worker.name for worker in self._crew.workers)})
        logger.info("started", version=__version__, roles=working, **self._addresses())

    async def stop(self) -> None:
        """End in order: receiver and consumers finish what is in hand, then state, log and admin address close."""
        logger.info("stopping")
        whole = longest_stop(self._config.server)
        patience = whole - _CLOSING
        end = asyncio.get_running_loop().time() + whole
        receiver = [self._bounded("receiver", self._server.drain(), patience)] if self._server else []
        await asyncio.gather(*receiver, self._bounded("consumers", self._crew.drain(patience - _GRACE), patience))
        await self._close(end - asyncio.get_running_loop().time())
        logger.info("stopped")

    async def run_until(self, stop: asyncio.Event, up: Callable[[], None] | None = None) -> None:
        """Start, call `up`, wait for the event, stop. Raises as `start` does.

        Where the event comes during the start, the rest of it is given up, and what had begun ends in order.
        """
        try:
            started = await unless(stop, self._start())
        except BaseException:
            await self._close(_CLOSING)
            raise
        try:
            if started and up is not None:
                up()
            await stop.wait()
        finally:
            await self.stop()

    def health(self) -> Answer:
        """Tell that the process lives; a dead consumer is shown here and is no reason to end the receiver."""
        consumers = {worker.name: worker.health() for worker in self._crew.workers}
        polls = self._server.poll_troubles if self._server else {}
        well = all(worker.running for worker in self._crew.workers) and not polls
        fields = {"status": "ok" if well else "degraded", "version": __version__, "log": self._log.state}
        fields["log_reason"] = self._log.reason
        status = self.spool_status
        spool = {} if status is None else {"spool": asdict(status)}
        return Answer(ok=True, fields={**fields, "consumers": consumers, "polls_in_trouble": polls, **spool})

    def readiness(self) -> Answer:
        """Tell whether webhooks can be stored now; without that role, whether the consumers run."""
        if self._server is not None:
            return _with_topics(self._server.readiness(), self._topics, spools=self.spool_status is not None)
        if self._topics.prevent_storing:
            return _ready(ok=False, degraded=True, reason=self._topics.trouble)
        ended = [worker.name for worker in self._crew.workers if not worker.running]
        troubles = [f"not running: {', '.join(ended)}"] if ended else []
        if self._topics.missing:
            # Topics of dead letters: all goes well until one is needed.
            troubles.append(self._topics.trouble)
        return _ready(ok=not ended, degraded=bool(troubles), reason="; ".join(troubles) or "ready")

    def _receiving(self, endpoints: Mapping[str, Endpoint], clock: Clock) -> Server:
        polls_here = self._place is None or self._place.first
        polled, unable = polled_of(self._config) if polls_here else ((), ())
        for item in unable:
            # Receiving must not wait for a credential that only polls need.
            logger.error("account_cannot_be_polled", account=item.account, reason=item.reason)
        settings = self._config.spool
        server = Server(
            self._config.server,
            endpoints,
            self._log,
            IngestMetrics(self.registry),
            clock,
            spool=Spool(settings, clock=clock) if settings.max_bytes else None,
            alarm_age=settings.alarm_age,
        )
        server.poll(polled)
        return server

    async def _close(self, seconds: float) -> None:
        receiver = [self._bounded("receiver", self._server.close(), seconds / 2)] if self._server else []
        await asyncio.gather(
            *receiver,
            self._bounded("consumers", self._crew.close(), seconds / 2),
            self._bounded("topics", self._topics.stop(), seconds / 2),
        )
        await asyncio.gather(
            self._bounded("log", self._log.stop(), seconds / 2), self._bounded("admin", self._admin.stop(), seconds / 2)
        )

    async def _bounded(self, step: str, work: Awaitable[None], seconds: float) -> None:
        """Let one step of the end neither hang nor break the steps behind it."""
        try:
            async with asyncio.timeout(seconds):
                await work
        except TimeoutError:
            logger.warning("stop_step_too_slow", step=step, seconds=seconds)
        except Exception as error:
            logger.warning("stop_step_failed", step=step, exc_info=error)

    def _addresses(self) -> Mapping[str, str | None]:
        return {"receiver": self.receiver_address, "admin": self.admin_address}


def _with_topics(found: Readiness, topics: TopicWatch, *, spools: bool) -> Answer:
    """Join what the receiver says with what the topics' check says. The receiver's own word comes first."""
    own = "" if found.ready and not found.degraded else found.reason
    if topics.prevent_storing:
        # The spool stores on, and drains when the topics are there.
        reason = f"{own}; {topics.trouble}" if own else topics.trouble
        return _ready(ok=found.ready and spools, degraded=True, reason=reason)
    # A standing remark must not hide what has just happened.
    remark = topics.trouble if found.ready else ""
    return _ready(ok=found.ready, degraded=found.degraded or bool(remark), reason=own or remark or found.reason)


def _ready(*, ok: bool, degraded: bool, reason: str) -> Answer:
    return Answer(ok=ok, fields={"ready": ok, "degraded": degraded, "reason": reason})
