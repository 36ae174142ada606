"""A process that serves: what it asks of the system, and that a log that nobody reads does not hold it up."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest

from hookline.configuration.config import load_config
from hookline.process import serving
from tests.support.front import BODY, HOOKLINE, Desk, clean_environment, free_ports


def test_a_low_limit_of_open_files_is_raised() -> None:
    """Each connection is an open file, and many shells allow fewer than the receiver does."""
    code = (
        "import resource as r; from hookline.process.serving import _raise_limit;"
        "r.setrlimit(r.RLIMIT_NOFILE, (256, 2000)); _raise_limit(); print(r.getrlimit(r.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=30)
    assert done.stdout == "(2000, 2000)\n"


async def test_a_stderr_that_nobody_reads_stops_no_webhook(tmp_path: Path) -> None:
    """The pipe is full before the start; webhooks are stored all the same, and SIGTERM ends the process."""
    desk = Desk(tmp_path)
    desk.key_file()
    listen, admin = free_ports(2)
    desk.write_sound(listen=listen, admin=admin)
    reading, writing = _full_pipe()
    process = await asyncio.create_subprocess_exec(
        *HOOKLINE, "ingest", cwd=desk.folder, env=clean_environment(), stderr=writing
    )
    try:
        assert [await _post(desk, f"http://127.0.0.1:{listen}/webhooks/main") for _ in range(20)] == [200] * 20
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 15) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(reading)
        os.close(writing)


def _full_pipe() -> tuple[int, int]:
    """Return the ends of a pipe that takes nothing more and makes its writers wait."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writing, True)
    return reading, writing


async def _post(desk: Desk, url: str) -> int:
    """Post one webhook, as soon as the process listens."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session, asyncio.timeout(20):
        while True:
            try:
                async with session.post(url, data=BODY, headers=desk.headers(BODY, int(time.time()))) as answer:
                    return answer.status
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.05)


def test_no_more_connections_are_promised_than_there_can_be_open_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver that runs out of open files could not even write its spool."""
    desk = Desk(tmp_path)
    desk.key_file()
    desk.write_sound(listen=1, admin=2)
    config = load_config(desk.config, {})
    monkeypatch.setattr(serving, "_raise_limit", lambda: 1024)
    assert serving._allow_connections(config).server.max_connections == 1024 - serving._OTHER_FILES
    monkeypatch.setattr(serving, "_raise_limit", lambda: 65_536)
    assert serving._allow_connections(config) is config
