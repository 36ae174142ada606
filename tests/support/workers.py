"""A real `hookline ingest --workers N`, asked and hurt from outside."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from prometheus_client.parser import text_string_to_metric_families

from tests.support.admin import ask
from tests.support.front import HOOKLINE, Desk, clean_environment, free_ports

PATIENCE = 30.0


@dataclass
class Workers:
    """A parent with its workers."""

    desk: Desk
    process: asyncio.subprocess.Process
    listen: int
    admin: str
    log: Path

    @property
    def url(self) -> str:
        """Where webhooks go."""
        return f"http://127.0.0.1:{self.listen}/webhooks/main"

    async def page(self, path: str) -> dict[str, Any]:
        """Return a JSON page of the parent."""
        fields: dict[str, Any] = orjson.loads((await ask(self.admin, path))[1])
        return fields

    async def pids(self) -> list[int | None]:
        """Return the process ids of the workers, None where there is no process."""
        return [worker["pid"] for worker in (await self.page("/healthz"))["workers"]]

    async def figure(self, name: str, **labels: str) -> dict[str, float]:
        """Return a figure by worker, its samples with these labels added up; a worker without any is not there."""
        text = (await ask(self.admin, "/metrics"))[1].decode()
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    worker = sample.labels["worker"]
                    found[worker] = found.get(worker, 0.0) + sample.value
        return found

    async def all_ready(self) -> bool:
        """Whether every worker can store webhooks, be it in its spool."""
        return all(worker["ready"] for worker in (await self.page("/readyz"))["workers"])

    async def all_answer(self) -> bool:
        """Whether every worker is up and answers the parent."""
        try:
            return all("log" in worker for worker in (await self.page("/healthz"))["workers"])
        except aiohttp.ClientConnectorError:
            assert self.process.returncode is None, self.log.read_text()
            return False

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return the log lines of that event. What is no JSON is a line that two workers mixed."""
        found: list[dict[str, Any]] = [orjson.loads(line) for line in self.log.read_bytes().splitlines()]
        return [line for line in found if line["event"] == event]

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal to the parent, return its exit status."""
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), 15)


@asynccontextmanager
async def workers(
    desk: Desk,
    *options: str,
    broker: Sequence[str],
    count: int = 2,
    server: Sequence[str] = (),
    account: Sequence[str] = (),
) -> AsyncGenerator[Workers, None]:
    """Give a parent whose workers answer. `broker`, `server` and `account` are lines of these tables."""
    listen, admin = free_ports(2)
    write_config(desk, broker, listen=listen, admin=admin, server=server, account=account)
    log = desk.folder / "workers.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *HOOKLINE, "ingest", "--workers", str(count), *options,
            cwd=desk.folder, env=clean_environment(), stdout=output, stderr=output, stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
    started = Workers(desk, process, listen, f"127.0.0.1:{admin}", log)
    try:
        await until(started.all_answer)
        yield started
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), 15)


def write_config(
    desk: Desk,
    broker: Sequence[str],
    *,
    listen: int = 0,
    admin: int = 0,
    server: Sequence[str] = (),
    account: Sequence[str] = (),
) -> None:
    """Write a configuration with these addresses and more lines of `[broker]`, `[server]` and the account."""
    desk.write(
        "[server]",
        f'listen = "127.0.0.1:{listen}"',
        f'admin = "127.0.0.1:{admin}"',
        "drain_listen = 0.2",
        *server,
        "[accounts.main]",
        'provider = "telnyx"',
        f'public_keys = ["{desk.public_key}"]',
        *account,
        "[broker]",
        *broker,
    )


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it is true."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - another process has no event to wait for
            await asyncio.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def kill(pid: int | None) -> None:
    """Kill a worker."""
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def body(message: str) -> bytes:
    """Return an inbound message of that id."""
    return orjson.dumps(
        {
            "data": {
                "event_type": "message.received",
                "id": f"event-{message}",
                "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
                "payload": {
                    "id": message,
                    "direction": "inbound",
                    "type": "SMS",
                    "text": "Hello",
                    "media": [],
                    "from": {"phone_number": "+13125550001"},
                    "to": [{"phone_number": "+17735550002"}],
                },
            }
        }
    )


async def post(session: aiohttp.ClientSession, to: Workers, message: str) -> int:
    """Post a signed webhook, return its status."""
    content = body(message)
    async with session.post(to.url, data=content, headers=to.desk.headers(content, int(time.time()))) as answer:
        await answer.read()
        return answer.status
