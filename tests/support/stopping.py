"""A real process that is stopped while it starts, or while its threads hang."""

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from tests.support.admin import ask
from tests.support.front import HOOKLINE, Desk, clean_environment, free_ports

LONGEST = 10.0
"""Seconds that an end may take (P6)."""

HANGS = """
import socket, sys, threading, os
def hang(*arguments, **options):
    open(os.environ["HUNG"], "a").close()
    threading.Event().wait()
socket.getaddrinfo = hang
sys.modules["uvloop"] = None  # it resolves by threads of its own
"""
"""A `sitecustomize` whose resolver never answers, for Python's own loop; it makes the file `HUNG` when it is asked."""


@dataclass
class Running:
    """A process of `hookline`. `events` is what it logged, as far as it is read."""

    desk: Desk
    process: asyncio.subprocess.Process
    listen: int
    admin: str
    log: Path

    async def ready(self) -> bool:
        """Tell whether it says that it is ready."""
        return (await self.page("/readyz")).get("ready") is True

    async def page(self, path: str) -> dict[str, Any]:
        """Return a JSON page, nothing where nobody listens yet, or is too busy with the start to answer in time."""
        try:
            _, body = await ask(self.admin, path)
        except aiohttp.ClientError:
            assert self.process.returncode is None, self.log.read_text()
            return {}
        fields: dict[str, Any] = {} if body == b"no answer in time\n" else orjson.loads(body)
        return fields

    async def post(self, body: bytes) -> tuple[int, float]:
        """Post a signed webhook; return the status and the seconds that it took."""
        began = time.monotonic()
        url = f"http://127.0.0.1:{self.listen}/webhooks/main"
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.post(url, data=body, headers=self.desk.headers(body, int(time.time()))) as answer,
        ):
            await answer.read()
        return answer.status, time.monotonic() - began

    async def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Send the signal; return the exit status and the seconds until then."""
        began = time.monotonic()
        self.process.send_signal(number)
        status = await asyncio.wait_for(self.process.wait(), 30)
        return status, time.monotonic() - began

    def events(self) -> list[str]:
        """Return the names of the log lines."""
        return [orjson.loads(line)["event"] for line in self.log.read_bytes().splitlines()]


@asynccontextmanager
async def started(
    desk: Desk, *arguments: str, environment: Mapping[str, str] | None = None, drain_listen: float = 0.3, **changes: str
) -> AsyncGenerator[Running]:
    """Give the process, which nobody waits for; `changes` are texts of the configuration and what is there instead."""
    listen, admin = free_ports(2)
    text = desk.write_sound(listen=listen, admin=admin).read_text()
    text = text.replace("drain_listen = 0.0", f"drain_listen = {drain_listen}")
    desk.config.write_text(text.replace('"sqlite:///log.db"', f'"{changes.get("url", "sqlite:///log.db")}"'))
    log = desk.folder / "process.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *HOOKLINE, *arguments, cwd=desk.folder, env={**clean_environment(), **(environment or {})},
            stdout=output, stderr=output, stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
    try:
        yield Running(desk, process, listen, f"127.0.0.1:{admin}", log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold SQLite's lock of a log as another program may."""
    holder = sqlite3.connect(path, isolation_level=None)
    try:
        holder.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        holder.close()


def hung_resolver(desk: Desk) -> dict[str, str]:
    """Return the environment of a process whose resolver never answers."""
    folder = desk.folder / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HANGS)
    here = clean_environment()["PYTHONPATH"]
    return {"PYTHONPATH": os.pathsep.join((str(folder), here)), "HUNG": str(desk.folder / "hung")}
