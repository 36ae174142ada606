"""The admin address: `/healthz`, `/readyz` and `/metrics`. For the inside of a network only."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from hookline.configuration.addresses import Address
from schemas.errors import HooklineError

MAX_REQUESTS = 32
"""Questions answered at once; a prober that floods us gets 503 and the receiver keeps its time."""

_DEADLINE = 5.0
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the process says of itself: well or not, and the JSON that tells more."""

    ok: bool
    fields: Mapping[str, Any]


class Observed(Protocol):
    """A process that can say how it is."""

    def health(self) -> Answer:
        """Tell whether the process should live on."""
        ...

    def readiness(self) -> Answer:
        """Tell whether the process can do its work now."""
        ...


class ListenFailedError(HooklineError):
    """The admin address cannot be listened on."""


class AdminServer:
    """Serves the admin address."""

    def __init__(self, address: Address, observed: Observed, registry: CollectorRegistry) -> None:
        self._wanted = address
        self._observed = observed
        self._registry = registry
        self._runner: web.AppRunner | None = None
        self._in_flight = 0

    @property
    def address(self) -> str:
        """Return the address that is listened on, as `HOST:PORT`."""
        addresses = self._runner.addresses if self._runner else []
        return str(Address(addresses[0][0], addresses[0][1])) if addresses else str(self._wanted)

    async def start(self) -> None:
        """Begin to listen. Raises ListenFailedError."""
        app = web.Application(middlewares=[self._bounded], client_max_size=1024)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, keepalive_timeout=15)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._wanted.host, self._wanted.port, backlog=64)
        try:
            await site.start()
        except OSError as error:
            await self.stop()
            raise ListenFailedError(
                f"admin address {self._wanted}: {os.strerror(error.errno) if error.errno else error}"
            ) from error

    async def stop(self) -> None:
        """Stop listening."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    @web.middleware
    async def _bounded(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if self._in_flight >= MAX_REQUESTS:
            return web.Response(status=503, text="too many questions at once\n", headers={"Retry-After": "1"})
        self._in_flight += 1
        try:
            async with asyncio.timeout(_DEADLINE):
                return await handler(request)
        except TimeoutError:
            return web.Response(status=503, text="no answer in time\n")
        finally:
            self._in_flight -= 1

    async def _healthz(self, _request: web.Request) -> web.Response:
        return _json(self._observed.health())

    async def _readyz(self, _request: web.Request) -> web.Response:
        return _json(self._observed.readiness())

    async def _metrics(self, _request: web.Request) -> web.Response:
        # In a thread: the process figures are read from files.
        body = await asyncio.to_thread(generate_latest, self._registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


def _json(answer: Answer) -> web.Response:
    body = orjson.dumps(answer.fields, default=str, option=orjson.OPT_APPEND_NEWLINE)
    return web.Response(status=200 if answer.ok else 503, body=body, content_type="application/json")
