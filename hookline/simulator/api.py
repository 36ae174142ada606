"""The cloud's API on a port of 127.0.0.1: calls go to the cloud, what follows from them to the engine."""

import time
from collections import Counter, deque
from collections.abc import Mapping

from aiohttp import web

from hookline.simulator.engine import Engine
from providers.simulation import ApiAnswer, Cloud
from schemas.times import Clock

_BODY_LIMIT = 256 * 1024
_KEPT_EFFECTS = 100_000


class CloudApi:
    """Serves the API. An effect is a message that a call made; `effects` keeps the ids of the latest 100,000."""

    def __init__(self, cloud: Cloud, engine: Engine | None = None, clock: Clock = time.time) -> None:
        self._cloud, self._clock = cloud, clock
        self._effects: deque[str] = deque(maxlen=_KEPT_EFFECTS)
        self._statuses: Counter[int] = Counter()
        self._runner: web.AppRunner | None = None
        self.engine = engine

    @property
    def effects(self) -> tuple[str, ...]:
        """The ids of the messages that calls made, in order; a repeated id would be a message sent twice."""
        return tuple(self._effects)

    @property
    def statuses(self) -> Mapping[int, int]:
        """How many calls were answered with each status."""
        return dict(self._statuses)

    async def start(self) -> str:
        """Listen on a free port and return the base URL, without a slash at its end. Raises OSError."""
        application = web.Application(client_max_size=_BODY_LIMIT)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        """Close the port, after at most a second for calls in hand."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        answer = self._answer(request.method, request.path_qs, request, body)
        self._statuses[answer.status] += 1
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    def _answer(self, method: str, path: str, request: web.Request, body: bytes) -> ApiAnswer:
        engine = self.engine
        if engine is not None and not engine.has_room:
            # Before the call has an effect: its delivery report could not be promised.
            return ApiAnswer(status=429, body=b"{}", headers={"retry-after": "1", "content-type": "application/json"})
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = self._cloud.answer(method, path, headers, body, self._clock())
        if answer.effect is not None:
            self._effects.append(answer.effect)
        if engine is not None:
            engine.follow_up(answer.follow_ups)
        return answer
