"""A site none of whose workers is left: it refuses at once, and comes back."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from ingest.listening import BACKLOG, ListenError, bind, close_all, refuse_all
from tests.support.front import HOOKLINE, Desk, clean_environment, free_ports, hookline
from tests.support.workers import Workers, alive, kill, post, until, workers, write_config

AWAY = ('url = "kafka://127.0.0.1:1"',)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder that private folders go into."""
    with tempfile.TemporaryDirectory(prefix="wk") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def inside(folder: Path) -> list[Path]:
    """Return what is in a folder."""
    return list(folder.iterdir())


async def is_open(port: int) -> bool:
    """Whether the system accepts a connection."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


async def answers(site: Workers) -> bool:
    """Whether a webhook is stored."""
    async with aiohttp.ClientSession() as session:
        return await post(session, site, os.urandom(8).hex()) == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_workers_that_all_end_together_are_all_replaced(
    tmp_path: Path, short: Path, number: signal.Signals
) -> None:
    """In order or not, the private folder is there for those that come next."""
    async with workers(Desk(tmp_path), broker=AWAY) as site:
        before = await site.pids()
        for pid in before:
            assert pid is not None
            os.kill(pid, number)

        async def replaced() -> bool:
            return not {None, *before} & set(await site.pids()) and await site.all_ready()

        await until(replaced)
        assert await answers(site)
        assert len(inside(short)) == 1
    assert not inside(short)


async def test_a_private_folder_that_is_lost_is_made_again(tmp_path: Path, short: Path) -> None:
    """Somebody cleans up temporary files; the next worker has a folder that nobody else may enter."""
    async with workers(Desk(tmp_path), broker=AWAY) as site:
        (folder,) = inside(short)
        before = await site.pids()
        shutil.rmtree(folder)
        for pid in before:
            kill(pid)

        async def replaced() -> bool:
            return not {None, *before} & set(await site.pids()) and await site.all_ready()

        await until(replaced)
        assert folder.stat().st_mode & 0o777 == 0o700


async def test_connections_are_refused_while_no_worker_is_left(tmp_path: Path, short: Path) -> None:
    """Replacements cannot start, although they could once; whoever sends is told so by the system."""
    async with workers(Desk(tmp_path), broker=AWAY) as site:
        (folder,) = inside(short)
        folder.chmod(0o755)  # a folder that is not private is used by nobody
        for pid in await site.pids():
            kill(pid)

        async def refused() -> bool:
            return not await is_open(site.listen)

        await until(refused)
        assert site.process.returncode is None
        folder.chmod(0o700)
        await until(site.all_ready)
        assert await answers(site)


@pytest.mark.usefixtures("short")
async def test_nobody_is_accepted_before_a_worker_is_there(tmp_path: Path) -> None:
    """Whatever is accepted while the site starts is answered soon."""
    desk, (listen, admin) = Desk(tmp_path), free_ports(2)
    write_config(desk, AWAY, listen=listen, admin=admin)
    process = await asyncio.create_subprocess_exec(
        *HOOKLINE, "ingest", "--workers", "2",
        cwd=desk.folder, env=clean_environment(), stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    site = Workers(desk, process, listen, f"127.0.0.1:{admin}", desk.folder / "none")
    try:
        # The parent has bound its socket before it opens the admin address.
        await until(lambda: is_open(admin))
        assert not await is_open(listen)
        await until(lambda: is_open(listen))
        began = time.monotonic()
        assert await answers(site)
        assert time.monotonic() - began < 2.0
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.usefixtures("short")
async def test_a_second_site_at_the_same_address_is_refused(tmp_path: Path) -> None:
    """By the parent, before it starts a worker; the first goes on."""
    desk = Desk(tmp_path)
    async with workers(desk, broker=AWAY) as site:
        done = await asyncio.to_thread(hookline, "ingest", "--workers", "2", cwd=desk.folder)
        assert done.returncode == 1
        assert b"Address already in use" in done.stderr
        assert b"worker_started" not in done.stderr
        assert await answers(site)


@pytest.mark.usefixtures("short")
async def test_a_hung_worker_costs_less_than_ten_seconds(tmp_path: Path) -> None:
    """With the default limits, to the very end of the parent."""
    async with workers(Desk(tmp_path), broker=AWAY, server=("drain_finish = 7.8",)) as site:  # 8.0 with drain_listen
        first, _ = await site.pids()
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        began = time.monotonic()
        assert await site.end() == 0
        assert time.monotonic() - began < 10
        assert not alive(first)


@pytest.mark.parametrize("chosen", [True, False])
async def test_sockets_listen_when_they_are_told_to(*, chosen: bool) -> None:
    """At one port throughout, be it chosen by the system; of two that are bound only one can listen."""
    made = await bind(f"127.0.0.1:{0 if chosen else free_ports(1)[0]}")
    try:
        port = made[0].getsockname()[1]
        for _ in range(2):
            refuse_all(made)
            assert not await is_open(port)
            made[0].listen(BACKLOG)
            assert await is_open(port)
        with pytest.raises(ListenError, match="Address already in use"):
            await bind(f"127.0.0.1:{port}")
    finally:
        close_all(made)
