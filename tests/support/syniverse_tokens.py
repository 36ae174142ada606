"""A provider of tokens for tests: it regenerates them, at once or when a test says so."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from providers.syniverse.client import SyniverseClient
from tests.support.syniverse_api import KEY, SECRET, TOKEN, Reply, Seen, quick, refusal

REFRESH = "/saop-rest-data/v1/apptoken-refresh"
REFRESHING: dict[str, Any] = {"consumer_key": KEY, "consumer_secret": SECRET}


class Gateway:
    """A provider whose token is one of `valid`: each regeneration kills the old one and gives a new one."""

    def __init__(self, valid: str = "TOKEN-1", dead: Reply | None = None) -> None:
        self.valid = valid
        self.dead = dead or refusal(401, "401", "bad token")
        self.count = 1

    def __call__(self, request: Seen) -> Reply:
        """Regenerate, or answer to the valid token alone."""
        if request.path == REFRESH:
            self.count += 1
            self.valid = f"TOKEN-{self.count}"
            return Reply(200, {"accessToken": self.valid, "validityTime": 1000})
        if request.headers.get("authorization") != f"Bearer {self.valid}":
            return self.dead
        return Reply(200, {"id": "c1", "version_number": 1})


class SlowGateway(Gateway):
    """A gateway whose regenerations take as long as the test says, for clients at `url`."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        """Answer, a regeneration only when it may."""
        seen = Seen(
            request.method, request.path, "", {name.lower(): text for name, text in request.headers.items()}, b""
        )
        if request.path == REFRESH:
            self.asked.set()
            await self.answers.wait()
        reply = self(seen)
        return web.json_response(reply.value, status=reply.status)

    def client(self, path: Path) -> SyniverseClient:
        """Return a client that keeps its token at a path."""
        return SyniverseClient(TOKEN, base_url=self.url, tempo=quick(retries=0), token_file=path, **REFRESHING)


@asynccontextmanager
async def slow_gateway() -> AsyncGenerator[SlowGateway]:
    """Serve one, and let its last regeneration end."""
    gateway = SlowGateway()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", gateway.serve)
    async with TestServer(app, host="127.0.0.1") as server:
        gateway.url = str(server.make_url("")).rstrip("/")
        try:
            yield gateway
        finally:
            gateway.answers.set()
