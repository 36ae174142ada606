"""An old handler on the loopback: keeps what it got to the byte, and answers as the test says."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from providers.contract import Request
from schemas.webhook import HttpHeaders


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; `hang` never comes, `drop` breaks the connection."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    hang: bool = False
    drop: bool = False


class OldHandler:
    """What a site had before: any web server. Answers 200 where the test has said nothing."""

    def __init__(self) -> None:
        self.url = ""
        self.got: list[Request] = []
        self.replies: deque[Reply] = deque()
        self.released = asyncio.Event()
        self.at_once = self.most_at_once = 0

    @property
    def bodies(self) -> list[bytes]:
        """The bodies in the order in which they came."""
        return [request.body for request in self.got]

    def fields(self, name: str) -> list[str]:
        """Return the values of a header field of the last request, in order."""
        return [value for key, value in self.got[-1].headers if key == name]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Keep a request and answer."""
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            headers: HttpHeaders = tuple(
                (name.decode().lower(), value.decode("utf-8", "surrogateescape")) for name, value in request.raw_headers
            )
            self.got.append(Request(request.method, request.raw_path, headers, await request.read()))
            return await self._answer(request, self.replies.popleft() if self.replies else Reply())
        finally:
            self.at_once -= 1

    async def _answer(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        await asyncio.sleep(0)
        if reply.hang:
            await self.released.wait()
        if reply.drop and request.transport is not None:
            request.transport.abort()
        return web.Response(status=reply.status, headers=reply.headers)


@asynccontextmanager
async def old_handler() -> AsyncGenerator[OldHandler]:
    """Serve at `url`, whatever the path."""
    handler = OldHandler()
    app = web.Application(client_max_size=32 << 20)
    app.router.add_route("*", "/{rest:.*}", handler.handle)
    # A signature is over the bytes as they were sent.
    runner = web.AppRunner(app, auto_decompress=False, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        handler.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield handler
    finally:
        handler.released.set()
        await runner.cleanup()
