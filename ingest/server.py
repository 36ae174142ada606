"""The receiver as a process part: it listens, tells whether it can store now, and drains."""

import asyncio
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import structlog
from aiohttp.web import BaseRequest, StreamResponse

from broker.log import Log, LogState
from ingest.connection import Connection, Connections
from ingest.listening import Listener, ListenError, listen
from ingest.metrics import IngestMetrics
from ingest.polls import PolledAccount, Polls
from ingest.publisher import Publisher
from ingest.receiver import Endpoint, Receiver
from ingest.settings import ServerSettings
from schemas.times import Clock

__all__ = ["Endpoint", "ListenError", "Readiness", "ReadinessReason", "Server"]

# Longer than the minute after which proxies drop an idle connection: they, not we, should be first to close it, or
# a webhook meets a closed connection and the proxy answers 502. `max_connections` bounds what strangers hold.
_KEEPALIVE = 75.0
# For the rest of a body that we refused. A sender that goes on sending is cut off then.
_LINGER = 1.0
LONGEST_LINE = 64 * 1024
"""Bytes of a request line. A webhook by GET carries two texts of 5000 characters, percent-encoded, in its query."""

_POLL = 0.01
_CUT = 0.2

_log = structlog.get_logger(__name__)


class ReadinessReason(StrEnum):
    """Why the receiver is ready, or why it is not."""

    READY = "ready"
    NOT_STARTED = "not_started"
    DRAINING = "draining"
    LOG_STARTING = "log_starting"
    LOG_AWAY = "log_away"
    WEBHOOK_REFUSED = "webhook_refused_by_log"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a webhook can be stored now (P14). `degraded` asks for an operator; `reason` is a word."""

    ready: bool
    degraded: bool
    reason: str


class Server:
    """Serves `/webhooks/<account>`. The log is started and stopped by whoever made it."""

    def __init__(
        self,
        settings: ServerSettings,
        endpoints: Mapping[str, Endpoint],
        log: Log,
        metrics: IngestMetrics,
        clock: Clock = time.time,
    ) -> None:
        self._settings = settings
        self._target = log
        self._publisher = Publisher(log, metrics)
        self._receiver = Receiver(endpoints, self._publisher, metrics, clock, settings)
        self._metrics, self._clock = metrics, clock
        self._polls = Polls((), self._publisher, metrics, clock)
        self._endpoints = endpoints
        self._listener: Listener | None = None
        self._connections: Connections | None = None
        self._draining: asyncio.Task[None] | None = None

    @property
    def address(self) -> tuple[str, int]:
        """The host and port that it listens on; the real port where 0 was asked for."""
        address = self._listener.address if self._listener else None
        if address is None:
            raise ListenError("the receiver is not listening")
        return address

    def poll(self, polled: Sequence[PolledAccount]) -> None:
        """Take these polls along from the start on."""
        self._polls = Polls(polled, self._publisher, self._metrics, self._clock)

    async def start(self, given: Sequence[socket.socket] = ()) -> None:
        """Listen, on sockets that are shared with other processes where they are given.

        Raises ListenError where the address is no address, or is taken.
        """
        self._connections = Connections(
            self._answer,
            self._receiver.refusals,
            self._settings.max_connections,
            access_log=None,
            max_line_size=LONGEST_LINE,
            auto_decompress=False,  # a signature is over the bytes as sent
            keepalive_timeout=_KEEPALIVE,
            lingering_time=_LINGER,
        )
        self._listener = await listen(self._connections, self._settings.listen, given)
        self._polls.start()

    @property
    def poll_troubles(self) -> Mapping[str, str]:
        """The polls whose last check did not go well, as `account/poll`, and why in a word."""
        return self._polls.troubles

    async def close(self) -> None:
        """End the polls and close the connections to providers. To be called after `drain`, or instead of it."""
        await self._polls.stop()
        await self._polls.close()
        for endpoint in self._endpoints.values():
            if endpoint.corroborator is not None:
                await endpoint.corroborator.close()

    def readiness(self) -> Readiness:
        """Return whether it can store now."""
        if self._draining is not None:
            return Readiness(ready=False, degraded=False, reason=ReadinessReason.DRAINING)
        if self._listener is None:
            return Readiness(ready=False, degraded=False, reason=ReadinessReason.NOT_STARTED)
        match self._target.state:
            case LogState.HEALTHY if self._publisher.refused:
                # Only some webhooks are too large for the topic; a receiver taken out would never learn of its cure.
                return Readiness(ready=True, degraded=True, reason=ReadinessReason.WEBHOOK_REFUSED)
            case LogState.HEALTHY:
                return Readiness(ready=True, degraded=False, reason=ReadinessReason.READY)
            case LogState.STARTING | LogState.SUSPECT:
                return Readiness(ready=False, degraded=False, reason=ReadinessReason.LOG_STARTING)
            case LogState.AWAY:
                return Readiness(ready=False, degraded=True, reason=ReadinessReason.LOG_AWAY)

    async def drain(self) -> None:
        """End well: not ready at once, listen a little longer, finish what is in hand, close (P6).

        In hand is every request whose header is whole. A second call waits for the first. Takes at most
        `drain_listen` + `drain_finish` and half a second; what is not done then is cut, unanswered.
        """
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        await asyncio.shield(self._draining)

    async def _drain(self) -> None:
        listener, connections = self._listener, self._connections
        if listener is None or connections is None:
            return
        await asyncio.gather(self._polls.stop(), asyncio.sleep(self._settings.drain_listen))
        listener.close()
        deadline = asyncio.get_running_loop().time() + self._settings.drain_finish
        # Two turns of the loop: what was accepted just now has its task then.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        while connections.busy and asyncio.get_running_loop().time() < deadline:
            connections.close_idle()
            await asyncio.sleep(_POLL)
        if connections.busy:
            _log.warning("drain_cut", connections=len(connections.connections))
        connections.close_idle()
        await connections.shutdown(_CUT)

    async def _answer(self, connection: Connection, request: BaseRequest, began: float) -> StreamResponse:
        response = await self._receiver.receive(request, began)
        if self._draining is not None and not connection.pipelined:
            # The sender's next request belongs to another instance.
            response.force_close()
        return response
