"""A site with an account at each provider, whose clouds count what each person was sent, and by which process."""

import asyncio
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from deploy.kafka.cluster import free_ports
from hookline.simulator.engine import delivery_headers
from providers.fiction import Fiction
from providers.messagemedia.simulation.bodies import Reply, Sent
from providers.registry import cloud
from providers.simulation import Outgoing
from providers.syniverse.simulation.bodies import Message, Told, inbound_fields
from tests.support.site import ANSWER_WITHIN, HOOKLINE, Process, inbound_body, until

SLOW = 0.15
"""Seconds that a call takes at most on its way to its effect, and as many on the way back."""

LOST = 0.5
"""The share of calls that die with their caller, of those that are on their way to their effect."""


@dataclass(frozen=True, slots=True)
class Wording:
    """How a provider words a message of a person, given the number and the id, and where a call says whom it is to."""

    wrote: Callable[[str, str], bytes]
    recipient: Callable[[Any], str]


def _messagemedia(number: str, ident: str) -> bytes:
    sent = Sent(id=f"before-{ident}", to=number)
    return orjson.dumps(Reply(id=ident, sent=sent, text="HOURS", at=time.time()).callback())


def _syniverse(number: str, ident: str) -> bytes:
    message = Message(id=ident, theirs=number.removeprefix("+"), text="HOURS")
    told = Told(id=f"event-{ident}", type="mo_message_received", moment=time.time(), fields=inbound_fields(message))
    return told.body(1)


WORDINGS: Mapping[str, Wording] = {
    "telnyx": Wording(lambda number, ident: inbound_body("HOURS", ident, sender=number), lambda call: str(call["to"])),
    "messagemedia": Wording(_messagemedia, lambda call: str(call["messages"][0]["destination_number"])),
    "syniverse": Wording(_syniverse, lambda call: str(call["to"][0])),
}


def digits(number: str) -> str:
    """Return a number as it is compared: providers write it with a plus sign or without."""
    return number.removeprefix("+")


class Desk:
    """One provider's cloud on a port: `effects` counts texts by person, `calls` and `in_hand` calls by caller.

    A caller is a process, known by the first part of the path that it was told to call. `lost` counts calls that died
    with their caller before their effect; the others have it all the same.
    """

    def __init__(self, provider: str, random: Random) -> None:
        self.provider = provider
        self.cloud = cloud(provider, None)
        self.effects = Counter[str]()
        self.calls = Counter[str]()
        self.in_hand = Counter[str]()
        self.lost = 0
        self._people = Fiction(random)
        self._random = random
        self._port = 0

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        """Serve the API for the block."""
        application = web.Application()
        application.router.add_route("*", "/{caller}/{rest:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._port = runner.addresses[0][1]
        try:
            yield
        finally:
            await runner.cleanup()

    def account_lines(self, keys: Path, caller: str) -> list[str]:
        """Return the account's TOML lines for one process, without polls: what comes in is pushed."""
        for variable, value in self.cloud.environment().items():
            (keys / variable).write_text(value)
        lines = self.cloud.account_lines(f"http://127.0.0.1:{self._port}/{caller}", lambda name: f"file:keys/{name}")
        return [f"[accounts.{self.provider}]", *(line for line in lines if not line.startswith("poll"))]

    def message(self) -> tuple[str, bytes]:
        """Return the number of a new person, and the body of a webhook with what the person asks."""
        number = self._people.number()
        return number, WORDINGS[self.provider].wrote(number, f"{self.provider}-{digits(number)}")

    async def _answer(self, request: web.Request) -> web.Response:
        caller, path = request.match_info["caller"], request.path_qs.removeprefix(f"/{request.match_info['caller']}")
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        sends = request.method == "POST"
        self.calls[caller] += sends
        self.in_hand[caller] += sends
        try:
            await asyncio.sleep(self._random.uniform(0, SLOW))
            if _caller_is_gone(request) and self._random.random() < LOST:
                self.lost += 1
                return web.Response(status=500)
            answer = self.cloud.answer(request.method, path, headers, body, time.time())
            if answer.effect is not None:
                self.effects[digits(WORDINGS[self.provider].recipient(orjson.loads(body)))] += 1
            await asyncio.sleep(self._random.uniform(0, SLOW))
        finally:
            self.in_hand[caller] -= sends
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


def _caller_is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


@dataclass
class Site:
    """A folder with a configuration for each process, the log and the state that they share, and the desks."""

    folder: Path
    broker: tuple[str, ...]
    state: str
    desks: tuple[Desk, ...]
    processes: list[Process] = field(default_factory=list[Process])

    def write_config(self, caller: str, listen: int, admin: int) -> Path:
        """Write the configuration of one process."""
        keys = self.folder / "keys"
        keys.mkdir(exist_ok=True)
        (keys / "state").write_text(self.state)
        accounts = [line for desk in self.desks for line in desk.account_lines(keys, caller)]
        lines = (
            "[server]",
            f'listen = "127.0.0.1:{listen}"',
            f'admin = "127.0.0.1:{admin}"',
            *self.broker,
            *accounts,
            "[consumers]",
            'state = "file:keys/state"',
            "[consumers.send]",
            "timeout = 2.0",
            "[[consumers.auto_reply.rules]]",
            'name = "hours"',
            'keywords = ["HOURS"]',
            'reply = "Open 9 to 17."',
            "",
        )
        path = self.folder / f"{caller}.toml"
        path.write_text("\n".join(lines))
        return path

    async def command(self, *words: str) -> None:
        """Run a command of the front door to its end."""
        config = self.write_config("command", 0, 0)
        process = await asyncio.create_subprocess_exec(
            HOOKLINE, *words, "--config", str(config), stdout=DEVNULL, stderr=PIPE
        )
        _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()

    async def begin(self, *words: str) -> tuple[str, Process]:
        """Start a process, which need not be ready yet, and return it with the name that the clouds know it by."""
        caller, (listen, admin) = f"p{len(self.processes)}", free_ports(2)
        config = self.write_config(caller, listen, admin)
        log = self.folder / f"{caller}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                HOOKLINE, *words, "--config", str(config), stdin=DEVNULL, stdout=output, stderr=output
            )
        begun = Process(process, log, f"http://127.0.0.1:{admin}", f"http://127.0.0.1:{listen}/webhooks/")
        self.processes.append(begun)
        return caller, begun

    async def receiver(self) -> Process:
        """Start the receiver and wait until it is ready."""
        _, process = await self.begin("ingest")
        await until(process.ready, "the receiver to be ready")
        return process

    async def close(self) -> None:
        """End what still runs."""
        for process in self.processes:
            if process.process.returncode is None:
                process.process.kill()
                await process.process.wait()


@asynccontextmanager
async def answering_site(folder: Path, broker: tuple[str, ...], state: str, random: Random) -> AsyncIterator[Site]:
    """Give a site with its topics made and nothing running yet."""
    async with AsyncExitStack() as stack:
        desks = tuple(Desk(provider, random) for provider in WORDINGS)
        for desk in desks:
            await stack.enter_async_context(desk.served())
        site = Site(folder, broker, state, desks)
        await site.command("topics", "apply")
        stack.push_async_callback(site.close)
        yield site


async def ask(session: aiohttp.ClientSession, desk: Desk, receiver: Process) -> tuple[str, int]:
    """Let a new person ask something; return the number and the receiver's status."""
    number, body = desk.message()
    outgoing = Outgoing(label="ask", body=lambda _attempt: body)
    headers = delivery_headers(desk.cloud, outgoing, body, time.time(), f"/webhooks/{desk.provider}")
    async with session.post(
        f"{receiver.url}{desk.provider}", data=body, headers=headers, timeout=ANSWER_WITHIN
    ) as answer:
        await answer.read()
        return number, answer.status
