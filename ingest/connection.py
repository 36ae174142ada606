"""One connection, as aiohttp leaves it and as we want it.

aiohttp closes no connection that has sent half a header and waits, writes a traceback of each malformed request
to its log, quotes the request in the answer, and signs answers with its version. This class does none of that. It
leans on private parts of aiohttp 3.14, which is why pyproject.toml allows no other minor version.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import structlog
from aiohttp.http import RawRequestMessage
from aiohttp.web import BaseRequest, RequestHandler, RequestPayloadError, StreamResponse
from aiohttp.web import Server as HttpServer

from ingest.answers import answer
from ingest.metrics import NO_ACCOUNT, Refusal
from ingest.refusals import Refusals

HEAD_WAIT = 10.0
"""Seconds from the first byte of a request until its header has to be whole.

Half a header that came in the same segment as the request before it is not seen as one: the parser has its bytes. It
ends with the keepalive, and gives way with the idle ones at `max_connections`.
"""

_log = structlog.get_logger(__name__)

_Handle = Callable[["Connection", BaseRequest, float], Awaitable[StreamResponse]]


class Connection(RequestHandler):
    """A connection that knows when its request began and whether it is idle."""

    __slots__ = ("_began", "_fresh", "_head_timer", "_refusals")

    def __init__(self, manager: HttpServer, refusals: Refusals, **options: Any) -> None:
        super().__init__(manager, **options)
        self._refusals = refusals
        self._began: float | None = None
        # Until a first request is whole: aiohttp's task, and with it `_waiter`, may begin after the first bytes.
        self._fresh = True
        self._head_timer: asyncio.TimerHandle | None = None

    @property
    def idle(self) -> bool:
        """Whether no whole request header is here that still has to be answered."""
        return self._waiter is not None and not self._waiter.done() and not self._messages

    @property
    def _awaits_head(self) -> bool:
        return self.idle or (self._fresh and not self._messages)

    @property
    def pipelined(self) -> bool:
        """Whether more requests wait behind the one in hand."""
        return bool(self._messages)

    def data_received(self, data: bytes) -> None:
        """Take bytes in, and note when a request begins and whether its header stays away."""
        waiting = self._awaits_head
        if waiting and self._began is None:
            self._began = monotonic()
        super().data_received(data)
        self._fresh = self._fresh and not self._messages
        if waiting and self._awaits_head:
            if self._head_timer is None:
                self._head_timer = self._loop.call_later(HEAD_WAIT, self._head_is_late)
        elif self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        self._end_broken_body()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the timer with the connection."""
        if self._head_timer is not None:
            self._head_timer.cancel()
        super().connection_lost(exc)

    def take_beginning(self) -> float:
        """Return the monotonic time at the first byte of the request that is now handled.

        A pipelined request has waited for the one before it and begins when its turn comes.
        """
        began, self._began = self._began, None
        return monotonic() if began is None else began

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> StreamResponse:
        """Answer what is not HTTP: counted, a line in the log, nothing of ours or theirs in the answer."""
        del message  # It quotes the request.
        self._refusals.note(NO_ACCOUNT, Refusal.BAD_REQUEST, status, type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer had begun")
        return answer(status, close=True)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log an exception that reached aiohttp by its class alone: its words may quote a message."""
        _log.error("connection_fault", where=str(args[0]), error=type(kw.get("exc_info")).__name__)

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self.idle:
            self._refusals.note(NO_ACCOUNT, Refusal.SLOW_HEAD)
            self.force_close()

    def _end_broken_body(self) -> None:
        """Wake the reader of a body whose framing is broken; aiohttp's C parser lets it wait for more.

        The parser's error stands in the queue, behind the request that it broke.
        """
        current = self._current_request
        if not self._messages or current is None or current.content.is_eof():
            return
        if not isinstance(self._messages[-1][0], RawRequestMessage):
            current.content.set_exception(RequestPayloadError("broken framing"))


class Connections(HttpServer):
    """Makes our connections for a listening socket, no more than `limit` at a time.

    At the limit the idle ones give way, those with half a header among them: whoever only holds connections keeps
    nobody out. Where every one has a request in hand, the new one is closed.
    """

    def __init__(self, handle: _Handle, refusals: Refusals, limit: int, **options: Any) -> None:
        super().__init__(self._dispatch)
        self._handle = handle
        self._refusals = refusals
        self._limit = limit
        self._options = options

    def __call__(self) -> Connection:
        """Return the protocol of a new connection."""
        return Connection(self, self._refusals, loop=self._loop, **self._options)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Keep the connection, or close what is too much."""
        super().connection_made(handler, transport)
        if len(self.connections) <= self._limit:
            return
        closed = self.close_idle()
        if not closed:
            # Not at once: the task of a connection that is lost before it began would end with an error.
            self._loop.call_soon(handler.force_close)
        for _ in range(closed or 1):
            self._refusals.note(NO_ACCOUNT, Refusal.TOO_MANY_CONNECTIONS)

    @property
    def busy(self) -> bool:
        """Whether any connection has a request that still has to be answered."""
        return any(isinstance(each, Connection) and not each.idle for each in self.connections)

    def close_idle(self) -> int:
        """Close the connections that have nothing in hand, and return how many."""
        idle = [each for each in self.connections if isinstance(each, Connection) and each.idle]
        for each in idle:
            each.force_close()
        return len(idle)

    async def _dispatch(self, request: BaseRequest) -> StreamResponse:
        connection = request.protocol
        assert isinstance(connection, Connection)  # noqa: S101 - tells the types; __call__ makes no other
        return await self._handle(connection, request, connection.take_beginning())
