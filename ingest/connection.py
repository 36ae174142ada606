"""One connection, as aiohttp leaves it and as we want it.

aiohttp closes no connection that has sent half a header and waits, writes a traceback of each malformed request
to its log, quotes the request in the answer, and signs answers with its version. This class does none of that. It
leans on private parts of aiohttp 3.14, which is why pyproject.toml allows no other minor version.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, cast

import structlog
from aiohttp.http import HttpProcessingError, RawRequestMessage
from aiohttp.web import BaseRequest, RequestHandler, RequestPayloadError, StreamResponse
from aiohttp.web import Server as HttpServer

from ingest.answers import answer
from ingest.metrics import NO_ACCOUNT, Refusal
from ingest.refusals import Refusals

HEAD_WAIT = 10.0
"""Seconds from the first byte of a request until its header has to be whole.

Half a header that came in the same segment as the request before it counts from when that one is answered.
"""

READ_WAIT = 10.0
"""Seconds that a sender may take to read an answer. An answer is small: it waits for one who reads nothing."""

_log = structlog.get_logger(__name__)

_Handle = Callable[["Connection", BaseRequest, float], Awaitable[StreamResponse]]


class Connection(RequestHandler):
    """A connection that knows when its request began and whether it is idle."""

    __slots__ = (
        "_began",
        "_fresh",
        "_head_timer",
        "_last_byte_at",
        "_probe_at",
        "_probe_timer",
        "_read_timer",
        "_refusals",
        "_wire",
    )

    def __init__(self, manager: HttpServer, refusals: Refusals, **options: Any) -> None:
        super().__init__(manager, **options)
        self._refusals = refusals
        self._began: float | None = None
        self._last_byte_at = monotonic()
        # Until a first request is whole: aiohttp's task, and with it `_waiter`, may begin after the first bytes.
        self._fresh = True
        self._head_timer: asyncio.TimerHandle | None = None
        self._probe_at = 0.0
        self._probe_timer: asyncio.TimerHandle | None = None
        self._read_timer: asyncio.TimerHandle | None = None
        # aiohttp forgets the transport when it begins to close, which takes as long as the other side does not read.
        self._wire: asyncio.WriteTransport | None = None

    @property
    def idle(self) -> bool:
        """Whether no whole request header is here that still has to be answered."""
        return self._waiter is not None and not self._waiter.done() and not self._messages

    @property
    def _awaits_head(self) -> bool:
        return self.idle or (self._fresh and not self._messages)

    @property
    def closing(self) -> bool:
        """Whether it was told to close, which the other side may not have heard yet."""
        return self._force_close

    @property
    def pipelined(self) -> bool:
        """Whether more requests wait behind the one in hand."""
        return bool(self._messages)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Want to hear of every byte that cannot be sent at once."""
        # Not asserted: those of uvloop are of no class of asyncio's.
        self._wire = cast("asyncio.WriteTransport", transport)
        # Not over TLS: uvloop's would pause at 0 and not resume. There 64 KiB wait before the time runs.
        if transport.get_extra_info("sslcontext") is None:
            self._wire.set_write_buffer_limits(0)
        super().connection_made(transport)

    def pause_writing(self) -> None:
        """Give the other side its time to read."""
        super().pause_writing()
        self._read_timer = self._loop.call_later(READ_WAIT, self._reader_is_late)

    def resume_writing(self) -> None:
        """The other side has read it all."""
        super().resume_writing()
        self._end_read_timer()

    def data_received(self, data: bytes) -> None:
        """Take bytes in, and note when a request begins and whether its header stays away."""
        waiting = self._awaits_head
        # aiohttp itself calls this with nothing, to go on with what it put aside.
        if data:
            self._last_byte_at = monotonic()
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
        for timer in (self._head_timer, self._probe_timer, self._read_timer):
            if timer is not None:
                timer.cancel()
        self._wire = None
        super().connection_lost(exc)

    def take_beginning(self) -> float:
        """Return the monotonic time at the first byte of the request that is now handled.

        A pipelined request has waited for the one before it and begins when its turn comes.
        """
        began, self._began = self._began, None
        # What came behind this request may be half a header, and the parser does not tell. It is asked later.
        self._probe_at = self._loop.time() + HEAD_WAIT
        if self._probe_timer is None:
            self._probe_timer = self._loop.call_at(self._probe_at, self._probe)
        return monotonic() if began is None else began

    def last_byte_at(self) -> float:
        """Return the monotonic time at which this process last took bytes of it from the network."""
        return self._last_byte_at

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

    def _probe(self) -> None:
        """Look for half a header, once the connection has been idle for its time since the last request."""
        self._probe_timer = None
        now = self._loop.time()
        if now < self._probe_at or (not self.idle and not self._force_close):
            self._probe_timer = self._loop.call_at(max(self._probe_at, now + HEAD_WAIT / 4), self._probe)
        elif self._head_timer is None and self._has_half_a_head():
            self._head_is_late()

    def _has_half_a_head(self) -> bool:
        """Tell whether a request has begun in the parser. Where none has, the end of data changes nothing there."""
        if self._parser is None:
            return False
        try:
            return self._parser.feed_eof() is not None
        except HttpProcessingError:
            return True

    def _reader_is_late(self) -> None:
        self._read_timer = None
        if self._wire is not None:
            self._refusals.note(NO_ACCOUNT, Refusal.SLOW_READER)
            self._wire.abort()

    def _end_read_timer(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None

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
        if len(self.connections) <= self._limit or self._open <= self._limit:
            return
        closed = self.close_idle()
        if not closed:
            # Not at once: the task of a connection that is lost before it began would end with an error.
            self._loop.call_soon(handler.force_close)
        for _ in range(closed or 1):
            self._refusals.note(NO_ACCOUNT, Refusal.TOO_MANY_CONNECTIONS)

    @property
    def _open(self) -> int:
        # Those that gave way just now are still listed until the loop has told them.
        return sum(1 for each in self.connections if not (isinstance(each, Connection) and each.closing))

    @property
    def busy(self) -> bool:
        """Whether any connection has a request that still has to be answered."""
        return any(isinstance(each, Connection) and not each.idle for each in self.connections)

    def close_idle(self) -> int:
        """Close the connections that have nothing in hand, and return how many."""
        idle = [each for each in self.connections if isinstance(each, Connection) and each.idle and not each.closing]
        for each in idle:
            each.force_close()
        return len(idle)

    async def _dispatch(self, request: BaseRequest) -> StreamResponse:
        connection = request.protocol
        assert isinstance(connection, Connection)  # noqa: S101 - tells the types; __call__ makes no other
        return await self._handle(connection, request, connection.take_beginning())
