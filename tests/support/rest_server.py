"""A server on the loopback that records what a client asks and plays the answers that a test gives it."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.test_utils import TestServer

UNEXPECTED = 418
"""What is answered where a test gave no answer: nobody takes it for a success, and nobody asks again."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it came. Header names are in lower case; `path` is as it was written, still encoded."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the value of the body, None where there is none."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: a JSON value, or bytes as they are. `hang` never answers, `drop` breaks the connection."""

    value: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    hang: bool = False
    drop: bool = False

    @property
    def body(self) -> bytes:
        """The bytes that go out."""
        return self.value if isinstance(self.value, bytes) else json.dumps(self.value).encode()


class RestServer:
    """Plays answers in their order; `url` is the base URL, `requests` what was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.requests: list[Recorded] = []
        self.url = ""
        self.released = asyncio.Event()
        self._replies = deque(replies)

    def plays(self, *replies: Reply) -> None:
        """Add answers."""
        self._replies.extend(replies)

    @property
    def last(self) -> Recorded:
        """The last request."""
        return self.requests[-1]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Record a request and play the next answer."""
        raw_path, _, raw_query = request.raw_path.partition("?")
        self.requests.append(
            Recorded(
                method=request.method,
                path=raw_path,
                query=tuple(parse_qsl(raw_query, keep_blank_values=True)),
                headers={name.lower(): value for name, value in request.headers.items()},
                body=await request.read(),
            )
        )
        reply = self._replies.popleft() if self._replies else Reply({"unexpected": raw_path}, UNEXPECTED)
        if reply.hang:
            await self.released.wait()
        if reply.drop and request.transport is not None:
            request.transport.abort()
        headers = {"content-type": "application/json", **reply.headers}
        return web.Response(status=reply.status, body=reply.body, headers=headers)


@asynccontextmanager
async def rest_server(*replies: Reply, prefix: str = "") -> AsyncGenerator[RestServer]:
    """Serve those answers under `prefix`, at `url`."""
    server = RestServer(*replies)
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", server.handle)
    async with TestServer(app, host="127.0.0.1") as running:
        server.url = str(running.make_url(prefix or "/")).rstrip("/")
        try:
            yield server
        finally:
            server.released.set()
