"""The cloud's API on a port of 127.0.0.1: calls go to the cloud, what follows from them to the engine."""

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import Mapping

from aiohttp import web

from hookline.simulator.engine import Engine
from hookline.simulator.faults import Faults
from providers.simulation import ApiAnswer, Cloud, Misbehavior
from schemas.times import Clock

_BODY_LIMIT = 8 * 1024 * 1024
_KEPT_EFFECTS = 100_000
_LONGEST_SILENCE = 300.0
_JSON = {"content-type": "application/json"}
_TOO_MANY = ApiAnswer(status=429, body=b"{}", headers={"retry-after": "1", **_JSON})
_BROKEN = ApiAnswer(status=500, body=b"{}", headers=_JSON)


class CloudApi:
    """Serves the API. An effect is a message that a call made; `effects` keeps the ids of the latest 100,000.

    A call that is told to be slow waits `slow` seconds.
    """

    def __init__(
        self, cloud: Cloud, engine: Engine | None = None, clock: Clock = time.time, *, slow: float = 5.0
    ) -> None:
        self._cloud, self._clock, self._slow = cloud, clock, slow
        self._effects: deque[str] = deque(maxlen=_KEPT_EFFECTS)
        self._statuses: Counter[int] = Counter()
        self._faults = Faults()
        self._half_opened = 0
        self._closing = asyncio.Event()
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

    def misbehave(self, kind: Misbehavior, times: int = 1) -> bool:
        """Misbehave in that way in the next `times` calls, or deliveries; False where that cannot be done."""
        if kind is Misbehavior.DUPLICATES:
            if self.engine is not None:
                self.engine.duplicate(times)
            return self.engine is not None
        return self._faults.add(kind, times) or self._cloud.misbehave(kind, times)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen, on a free port if none is named, and return the base URL, without a slash at its end.

        Raises OSError.
        """
        application = web.Application(client_max_size=_BODY_LIMIT)
        application.router.add_route("*", "/{path:.*}", self._handle)
        # A call that is never answered ends when its caller goes away.
        self._runner = web.AppRunner(
            application, access_log=None, handle_signals=False, shutdown_timeout=1.0, handler_cancellation=True
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        bound_host, bound_port = self._runner.addresses[0][:2]
        return f"http://{f'[{bound_host}]' if ':' in bound_host else bound_host}:{bound_port}"

    async def stop(self) -> None:
        """Close the port, after at most a second for calls in hand."""
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        match self._faults.take():
            case Misbehavior.RATE_LIMIT:
                return self._answered(_TOO_MANY)
            case Misbehavior.SERVER_ERROR:
                return self._answered(_BROKEN)
            case Misbehavior.HALF_OPEN:
                return await self._half_open(request, body)
            case Misbehavior.SLOW:
                await self._pause(self._slow)
            case _:
                pass
        return self._answered(self._answer(request, body))

    def _answered(self, answer: ApiAnswer) -> web.Response:
        self._statuses[answer.status] += 1
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    async def _half_open(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """Do the call and go away in the middle of the answer; or, every other time, read it and say nothing."""
        self._half_opened += 1
        if self._half_opened % 2 == 0:
            await self._pause(_LONGEST_SILENCE)
            response = web.StreamResponse()
        else:
            answer = self._answer(request, body)
            response = web.StreamResponse(status=answer.status, headers=answer.headers)
            response.content_length = len(answer.body) + 1
            await response.prepare(request)
            await response.write(answer.body[: len(answer.body) // 2])
        if request.transport is not None:
            request.transport.abort()
        return response

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than the API is served."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    def _answer(self, request: web.Request, body: bytes) -> ApiAnswer:
        engine = self.engine
        if engine is not None and not engine.has_room:
            # Before the call has an effect: its delivery report could not be promised.
            return _TOO_MANY
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = self._cloud.answer(request.method, request.path_qs, headers, body, self._clock())
        if answer.effect is not None:
            self._effects.extend((answer.effect, *answer.more_effects))
        if engine is not None:
            engine.follow_up(answer.follow_ups)
        return answer
