"""A small cloud, and receivers that behave as a test tells them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from random import Random

from aiohttp import web

from providers.contract import Request
from providers.simulation import ApiAnswer, Forgery, Misbehavior, Outgoing, RetryPlan

Answering = Callable[[int, web.Request, bytes], "int | Exception | float"]
"""Gives for the number of a request (from 1) a status, a pause in seconds before 200, or an error to close with."""


def outgoing(name: str = "one", *, copies: int = 1, forgery: Forgery | None = None, after: float = 0.0) -> Outgoing:
    """Return a webhook whose body tells its name and attempt."""
    return Outgoing(
        label=f"kind.{name}",
        body=lambda attempt: f"{name}:{attempt}".encode(),
        copies=copies,
        forgery=forgery,
        after=after,
        message_id=name,
    )


@dataclass
class SmallCloud:
    """A cloud whose signature is a word. Retries after the pauses that it is given."""

    retry: RetryPlan = field(
        default_factory=lambda: RetryPlan(timeout=0.5, pauses=(0.01, 0.01), succeeded=lambda status: status == 200)
    )
    calls: list[tuple[str, str, Mapping[str, str], bytes]] = field(default_factory=list)
    signed_at: list[float] = field(default_factory=list)
    next_answer: ApiAnswer = field(default_factory=lambda: ApiAnswer(status=200, body=b"{}"))
    known: frozenset[Misbehavior] = frozenset()

    def environment(self) -> Mapping[str, str]:
        """Return one variable."""
        return {"SMALL_PUBLIC_KEY": "small-key"}

    def account_lines(self, base_url: str, reference: Callable[[str], str]) -> Sequence[str]:
        """Return two lines."""
        return (f'base_url = "{base_url}"', f'public_keys = ["{reference("SMALL_PUBLIC_KEY")}"]')

    def misbehave(self, kind: Misbehavior, times: int) -> bool:  # noqa: ARG002 - the protocol has it
        """Know what it is told to know."""
        return kind in self.known

    def headers(self, request: Request, now: float, forgery: Forgery | None = None) -> Mapping[str, str]:  # noqa: ARG002 - the protocol has it
        """Return the word, or another for a forgery."""
        self.signed_at.append(now)
        word = f"forged-{forgery}" if forgery else "genuine"
        return {"signature": word}

    def traffic(self, random: Random, clock: Callable[[], float]) -> Iterator[Sequence[Outgoing]]:  # noqa: ARG002 - the protocol has it
        """Yield pairs of a genuine webhook and a forgery."""
        for number in count(random.randrange(1000) * 1000):
            yield outgoing(f"g{number}"), outgoing(f"f{number}", forgery=Forgery.OTHER_KEY)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> ApiAnswer:  # noqa: ARG002 - the protocol has it
        """Note the call and answer as told."""
        self.calls.append((method, path, headers, body))
        return self.next_answer


@dataclass
class Received:
    """What a receiver got."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    most_at_once: int = 0


def believing(_number: int, request: web.Request, _body: bytes) -> int:
    """Answer 200 to what is genuine and 401 to anything else."""
    return 200 if request.headers["signature"] == "genuine" else 401


@asynccontextmanager
async def receiver(answering: Answering = believing) -> AsyncIterator[Received]:
    """Run a receiver on a free port of 127.0.0.1."""
    received = Received()
    at_once = 0

    async def handle(request: web.Request) -> web.Response:
        nonlocal at_once
        at_once += 1
        received.most_at_once = max(received.most_at_once, at_once)
        body = await request.read()
        received.bodies.append(body)
        received.signatures.append(request.headers["signature"])
        what = answering(len(received.bodies), request, body)
        try:
            return await _respond(request, what)
        finally:
            at_once -= 1

    application = web.Application()
    application.router.add_post("/hook", handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    received.url = "http://127.0.0.1:{1}/hook".format(*runner.addresses[0])
    try:
        yield received
    finally:
        await runner.cleanup()


async def _respond(request: web.Request, what: "int | Exception | float") -> web.Response:
    if isinstance(what, Exception):
        assert request.transport is not None
        request.transport.abort()
        return web.Response()
    if isinstance(what, float):
        await asyncio.sleep(what)
        return web.Response()
    return web.Response(status=what)
