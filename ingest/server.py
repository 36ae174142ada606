"""The receiver as a process part: it listens, stores, tells whether it can store now, and drains.

Two things are called draining in the field, and here too: `drain` ends the receiver well, `Drain` empties the spool.
"""

import asyncio
import socket
import time
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any

import structlog
from aiohttp.web import BaseRequest, StreamResponse

from broker.log import Log
from ingest.connection import Connection, Connections
from ingest.draining import Drain, Tools
from ingest.listening import Listener, ListenError, listen
from ingest.metrics import IngestMetrics
from ingest.polls import PolledAccount, Polls
from ingest.publisher import Publisher
from ingest.readiness import Facts, Readiness, ReadinessReason, judge
from ingest.receiver import Endpoint, Receiver
from ingest.settings import ServerSettings, SpoolSettings
from ingest.spool.contract import SpoolStatus
from ingest.spool.spool import Spool
from ingest.storing import Storing
from ingest.tls import TlsError, tls_of
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
SETTLE = 3.0
"""Seconds after the start in which a log may find out how it is; until then its silence is no fault."""

_CUT = 0.2

_log = structlog.get_logger(__name__)


class Server:
    """Serves `/webhooks/<account>`. The log is started and stopped by whoever made it."""

    def __init__(  # noqa: PLR0913 - the parts that a process gives it, each once
        self,
        settings: ServerSettings,
        endpoints: Mapping[str, Endpoint],
        log: Log,
        metrics: IngestMetrics,
        clock: Clock = time.time,
        *,
        spool: Spool | None = None,
        alarm_age: float = SpoolSettings().alarm_age,
    ) -> None:
        self._settings = settings
        self._alarm_age = alarm_age
        self._target = log
        self._spool = spool
        self._publisher = Publisher(log, metrics)
        self._storing = Storing(log, self._publisher, spool, metrics, window=settings.duplicate_window)
        self._receiver = Receiver(endpoints, self._storing, metrics, clock, settings)
        self._metrics, self._clock = metrics, clock
        self._polls = self._polls_of(())
        self._endpoints = endpoints
        self._drain_task: Drain | None = None
        self._listener: Listener | None = None
        self._connections: Connections | None = None
        self._tls = tls_of(settings.tls_certfile, settings.tls_keyfile)
        self._draining: asyncio.Task[None] | None = None
        self._started_at = monotonic()
        self._watch()

    def _watch(self) -> None:
        admission = self._receiver.admission
        self._metrics.watch_lag(lambda: admission.lag)
        if self._spool is not None:
            self._metrics.watch_spool(self._spool.status)

    @property
    def address(self) -> tuple[str, int]:
        """The host and port that it listens on; the real port where 0 was asked for."""
        address = self._listener.address if self._listener else None
        if address is None:
            raise ListenError("the receiver is not listening")
        return address

    def poll(self, polled: Sequence[PolledAccount]) -> None:
        """Take these polls along from the start on."""
        self._polls = self._polls_of(polled)

    def _polls_of(self, polled: Sequence[PolledAccount]) -> Polls:
        # Past the spool: what is not stored stays at the provider, which is a better place than our disk.
        gate = self._storing.gate
        return Polls(polled, self._publisher, self._metrics, self._clock, may_store=lambda: gate.may_poll)

    async def start(self, given: Sequence[socket.socket] = ()) -> None:
        """Open the spool and listen, whether the log is there or not; on sockets that are shared where they are given.

        Raises ListenError where the address is no address, or is taken, SpoolError where there can be no spool.
        """
        if self._spool is not None:
            await self._spool.start()
            self._drain_task = self._new_drain(self._spool)
            self._drain_task.start()
        self._storing.gate.start()
        self._receiver.admission.start()
        self._started_at = monotonic()
        self._connections = Connections(
            self._answer,
            self._receiver.refusals,
            self._settings.max_connections,
            refused=self._receiver.door.answered,
            access_log=None,
            max_line_size=LONGEST_LINE,
            auto_decompress=False,  # a signature is over the bytes as sent
            keepalive_timeout=_KEEPALIVE,
            lingering_time=_LINGER,
        )
        try:
            encrypted: Mapping[str, Any] = {} if self._tls is None else await self._tls.listening()
        except TlsError as error:
            raise ListenError(f"cannot listen with TLS: {error}") from error
        self._listener = await listen(self._connections, self._settings.listen, given, encrypted)
        self._polls.start()

    def _new_drain(self, spool: Spool) -> Drain:
        admission = self._receiver.admission
        tools = Tools(
            log=self._target,
            publisher=self._publisher,
            accounts=self._endpoints,
            metrics=self._metrics,
            busy=lambda: admission.lag,
            duplicates=self._storing.duplicates,
        )
        return Drain(spool, self._storing.gate, tools)

    @property
    def spool_status(self) -> SpoolStatus | None:
        """How the spool is; None where there is none."""
        return None if self._spool is None else self._spool.status()

    @property
    def drained(self) -> int:
        """Webhooks that went from the spool to the log since the start."""
        return 0 if self._drain_task is None else self._drain_task.drained

    @property
    def poll_troubles(self) -> Mapping[str, str]:
        """The polls whose last check did not go well, as `account/poll`, and why in a word."""
        return self._polls.troubles

    async def close(self) -> None:
        """End polls and spool and close the connections to providers. To be called after `drain`, or instead of it.

        What waits in the spool stays there for the next start.
        """
        await self._receiver.admission.stop()
        await self._storing.gate.stop()
        await self._close_spool()
        await self._polls.stop()
        await self._polls.close()
        if self._tls is not None:
            await self._tls.stop()
        for endpoint in self._endpoints.values():
            if endpoint.corroborator is not None:
                await endpoint.corroborator.close()

    async def _close_spool(self) -> None:
        if self._drain_task is not None:
            await self._drain_task.stop()
        if self._spool is None:
            return
        left = self._spool.status()
        await self._spool.stop()
        if left.own or left.inherited:
            _log.warning("spool_left", records=left.own + left.inherited, bytes=left.bytes)

    def readiness(self) -> Readiness:
        """Return whether it can store now."""
        if self._draining is not None:
            return Readiness(ready=False, degraded=False, reason=ReadinessReason.DRAINING)
        if self._listener is None:
            return Readiness(ready=False, degraded=False, reason=ReadinessReason.NOT_STARTED)
        return judge(
            Facts(
                state=self._target.state,
                settled=monotonic() - self._started_at > SETTLE,
                wrong_clock=self._receiver.door.clock_watch.suspected,
                refused=self._publisher.refused,
                spool=self.spool_status,
                alarm_age=self._alarm_age,
            )
        )

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
        response = await self._receiver.receive(request, began, connection.last_byte_at)
        if self._draining is not None and not connection.pipelined:
            # The sender's next request belongs to another instance.
            response.force_close()
        return response
