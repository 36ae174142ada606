"""A whole site for the end-to-end tests: real processes, a real log, and a provider's cloud beside them."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from providers.contract import Request
from providers.registry import cloud
from providers.simulation import ApiAnswer, Cloud, Forgery

HOOKLINE = str(Path(sys.executable).parent / "hookline")
PATIENCE = 40.0
ANSWER_WITHIN = aiohttp.ClientTimeout(total=10)


async def until(condition: Callable[[], Awaitable[bool]], what: str, patience: float = PATIENCE) -> None:
    """Ask until it is true. Fails with `what` when patience ends."""
    end = time.monotonic() + patience
    while not await condition():
        assert time.monotonic() < end, f"waited {patience:.0f} s for {what}"
        await asyncio.sleep(0.05)


@dataclass
class Provider:
    """The simulated cloud: signs what we post and answers the calls of the site; `calls` are those that send."""

    cloud: Cloud
    calls: list[Mapping[str, str]] = field(default_factory=list[Mapping[str, str]])
    effects: list[str] = field(default_factory=list[str])
    port: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one call as the cloud does, and remember it."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        answer: ApiAnswer = self.cloud.answer(request.method, request.path, headers, body, time.time())
        if request.method == "POST":
            # The account polls as well; what is looked at is what was sent.
            self.calls.append(headers | {"body": body.decode()})
        if answer.effect is not None:
            self.effects.append(answer.effect)
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    @property
    def base_url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self.port}/v2"


@asynccontextmanager
async def provider_cloud() -> AsyncIterator[Provider]:
    """Serve a cloud's API on a free port of the loopback."""
    provider = Provider(cloud("telnyx", None))
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", provider.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider.port = runner.addresses[0][1]
    try:
        yield provider
    finally:
        await runner.cleanup()


@dataclass
class Process:
    """One `hookline` process of a site."""

    process: asyncio.subprocess.Process
    log: Path
    admin: str = ""
    url: str = ""

    async def ready(self) -> bool:
        """Whether `/readyz` says 200."""
        assert self.process.returncode is None, f"hookline ended:\n{self.log.read_text()}"
        try:
            async with (
                aiohttp.ClientSession(timeout=ANSWER_WITHIN) as session,
                session.get(f"{self.admin}/readyz") as answer,
            ):
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def end(self, number: signal.Signals = signal.SIGTERM, patience: float = 15.0) -> int:
        """Send the signal, wait, return the exit status."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), patience)


@dataclass
class Site:
    """A folder with a config, the processes that were started from it, and the cloud beside it.

    `more` are lines at the end of the config.
    """

    folder: Path
    broker_url: str
    provider: Provider
    prefix: str = ""
    more: tuple[str, ...] = ()
    state: str = "sqlite:///var/state.db"
    processes: list[Process] = field(default_factory=list[Process])

    @property
    def config(self) -> Path:
        """The config that every process uses unless it got its own addresses."""
        return self.folder / "hookline.toml"

    def state_file(self) -> Path:
        """Write the URL of the state, which may have a password, into a file; return its path."""
        path = self.folder / "keys" / "STATE_URL"
        path.write_text(self.state)
        return path

    def write_config(self, name: str = "hookline.toml", *, listen: int = 0, admin: int = 0) -> Path:
        """Write a config with these ports."""
        keys = self.folder / "keys"
        keys.mkdir(exist_ok=True)
        for variable, value in self.provider.cloud.environment().items():
            (keys / variable).write_text(value)
        account = self.provider.cloud.account_lines(self.provider.base_url, lambda variable: f"file:keys/{variable}")
        text = "\n".join(
            (
                "[server]",
                f'listen = "127.0.0.1:{listen}"',
                f'admin = "127.0.0.1:{admin}"',
                "drain_listen = 0.2",
                "[broker]",
                f'url = "{self.broker_url}"',
                f'topic_prefix = "{self.prefix}"',
                "[broker.kafka]",
                "replication_factor = 1",
                "min_insync_replicas = 1",
                "[broker.embedded]",
                "session_timeout = 2.0",
                "[accounts.main]",
                'tenant = "acme"',
                *account,
                "[consumers]",
                f'state = "file:{self.state_file()}"',
                "[[consumers.auto_reply.rules]]",
                'name = "hours"',
                'keywords = ["HOURS"]',
                'reply = "Open 9 to 17."',
                "[consumers.auto_reply]",
                'default_reply = "Thanks, we will call you back."',
                *self.more,
                "",
            )
        )
        path = self.folder / name
        path.write_text(text)
        return path

    async def start(self, *command: str, config: str = "hookline.toml") -> Process:
        """Start `hookline COMMAND` on free ports and wait until it is ready."""
        listen, admin = free_port(), free_port()
        path = self.write_config(config, listen=listen, admin=admin)
        log = self.folder / f"process-{len(self.processes)}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                HOOKLINE,
                *command,
                "--config",
                str(path),
                stdout=output,
                stderr=output,
                stdin=asyncio.subprocess.DEVNULL,
            )
        started = Process(process, log, f"http://127.0.0.1:{admin}", f"http://127.0.0.1:{listen}/webhooks/main")
        self.processes.append(started)
        await until(started.ready, f"{command} to be ready; its log:\n{log.read_text()}")
        return started

    async def command(self, *arguments: str) -> str:
        """Run a command of the front door to its end, return what it printed."""
        process = await asyncio.create_subprocess_exec(
            HOOKLINE,
            *arguments,
            "--config",
            str(self.config),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
        assert process.returncode == 0, f"{arguments}: {err.decode()}"
        return out.decode()

    async def tail(self, topic: str) -> list[dict[str, Any]]:
        """Return every record of the topic, as `hookline tail` prints them."""
        printed = await self.command("tail", "--topic", topic, "--from", "earliest", "--no-follow")
        return [orjson.loads(line) for line in printed.splitlines()]

    async def close(self) -> None:
        """End what still runs."""
        for process in self.processes:
            if process.process.returncode is None:
                await process.end(signal.SIGKILL)

    async def post(self, to: Process, body: bytes, *, forgery: Forgery | None = None, at: float | None = None) -> int:
        """Post a signed webhook, return the status."""
        async with aiohttp.ClientSession(timeout=ANSWER_WITHIN) as session:
            return await self.post_in(session, to, body, forgery=forgery, at=at)

    async def post_in(
        self,
        session: aiohttp.ClientSession,
        to: Process,
        body: bytes,
        *,
        forgery: Forgery | None = None,
        at: float | None = None,
    ) -> int:
        """Post within a session that is open already."""
        request = Request("POST", "/webhooks/main", (), body)
        proof = self.provider.cloud.headers(request, time.time() if at is None else at, forgery)
        headers = {"content-type": "application/json", **proof}
        async with session.post(to.url, data=body, headers=headers) as answer:
            await answer.read()
            return answer.status


def free_port() -> int:
    """Return a port of the loopback that is free now."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def inbound_body(text: str, message: str, *, event: str | None = None, sender: str = "+13125550001") -> bytes:
    """Return a `message.received` body, as Telnyx words it."""
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000+00:00", time.gmtime())
    payload: dict[str, Any] = {
        "direction": "inbound",
        "from": {"carrier": "Example Mobile", "line_type": "Wireless", "phone_number": sender},
        "id": message,
        "media": [],
        "received_at": now,
        "record_type": "message",
        "text": text,
        "to": [
            {
                "carrier": "Telnyx",
                "line_type": "Wireless",
                "phone_number": "+17735550102",
                "status": "webhook_delivered",
            }
        ],
        "type": "SMS",
    }
    return telnyx_body("message.received", event or f"event-of-{message}", now, payload)


def delivery_body(
    message: str, statuses: Sequence[tuple[str, str]], *, event: str, kind: str = "message.finalized"
) -> bytes:
    """Return a delivery update with one `to` entry for each (number, status)."""
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000+00:00", time.gmtime())
    payload = {
        "direction": "outbound",
        "from": {"phone_number": "+17735550102"},
        "id": message,
        "to": [{"phone_number": number, "status": status} for number, status in statuses],
        "type": "SMS",
    }
    return telnyx_body(kind, event, now, payload)


def telnyx_body(kind: str, event: str, now: str, payload: Mapping[str, Any]) -> bytes:
    """Return an event in Telnyx's envelope."""
    data = {"event_type": kind, "id": event, "occurred_at": now, "payload": payload, "record_type": "event"}
    return orjson.dumps({"data": data, "meta": {"attempt": 1, "delivered_to": "https://example.com/webhooks"}})


def environment() -> dict[str, str]:
    """Return the environment for a process that must not inherit our account variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TELNYX_")}
