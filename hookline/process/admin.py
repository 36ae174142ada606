"""The admin address: `/healthz`, `/readyz` and `/metrics`. For the inside of a network only."""

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
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


class Pages(Protocol):
    """What the admin address serves."""

    async def health(self) -> Answer:
        """Give `/healthz`."""
        ...

    async def readiness(self) -> Answer:
        """Give `/readyz`."""
        ...

    async def metrics(self) -> bytes:
        """Give `/metrics`, in the Prometheus text format."""
        ...


class ListenFailedError(HooklineError):
    """The admin address cannot be listened on."""


class PagesServer:
    """Serves pages on an address, or on a Unix socket where that is a path."""

    def __init__(self, address: Address | Path, pages: Pages) -> None:
        self._wanted = address
        self._pages = pages
        self._runner: web.AppRunner | None = None
        self._in_flight = 0

    @property
    def address(self) -> str:
        """Return the address that is listened on, as `HOST:PORT`, or the path."""
        addresses = self._runner.addresses if self._runner and isinstance(self._wanted, Address) else []
        return str(Address(addresses[0][0], addresses[0][1])) if addresses else str(self._wanted)

    async def start(self) -> None:
        """Begin to listen. Raises ListenFailedError."""
        app = web.Application(middlewares=[self._bounded], client_max_size=1024)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, keepalive_timeout=15)
        await self._runner.setup()
        try:
            await _site(self._runner, self._wanted).start()
        except OSError as error:
            await self.stop()
            words = os.strerror(error.errno) if error.errno else str(error)
            if error.errno == errno.EADDRINUSE:
                words += "; a second process of one configuration takes an address of its own: --admin HOST:PORT"
            raise ListenFailedError(f"admin address {self._wanted}: {words}") from error

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
        return _json(await self._pages.health())

    async def _readyz(self, _request: web.Request) -> web.Response:
        return _json(await self._pages.readiness())

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=await self._pages.metrics(), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


class AdminServer(PagesServer):
    """Serves the pages of one process."""

    def __init__(self, address: Address | Path, observed: Observed, registry: CollectorRegistry) -> None:
        super().__init__(address, _OwnPages(observed, registry))


class _OwnPages:
    """The pages of this process alone."""

    def __init__(self, observed: Observed, registry: CollectorRegistry) -> None:
        self._observed = observed
        self._registry = registry

    async def health(self) -> Answer:
        return self._observed.health()

    async def readiness(self) -> Answer:
        return self._observed.readiness()

    async def metrics(self) -> bytes:
        # In a thread: the process figures are read from files.
        return await asyncio.to_thread(generate_latest, self._registry)


def _site(runner: web.AppRunner, wanted: Address | Path) -> web.BaseSite:
    if isinstance(wanted, Path):
        return web.UnixSite(runner, wanted, backlog=64)
    return web.TCPSite(runner, wanted.host, wanted.port, backlog=64)


def _json(answer: Answer) -> web.Response:
    body = orjson.dumps(answer.fields, default=str, option=orjson.OPT_APPEND_NEWLINE)
    return web.Response(status=200 if answer.ok else 503, body=body, content_type="application/json")
