"""What the admin address says while a worker is being replaced: the truth, and nothing that was true before."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from hookline.process.merged_answers import NO_ANSWER, NOT_RUNNING
from tests.support.admin import ask
from tests.support.front import Desk
from tests.support.workers import Workers, kill, post, until, workers

AWAY = ('url = "kafka://127.0.0.1:1"',)
ENDS = 4
"""Ends in a row until the parent waits for two seconds: enough to look around."""


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Workers]:
    """Return two workers at a Kafka that is away; both are ready by their spools."""
    with tempfile.TemporaryDirectory(prefix="wk") as short:
        monkeypatch.setenv("TMPDIR", short)
        async with workers(Desk(tmp_path), broker=AWAY) as started:
            await until(started.all_ready)
            yield started


@contextmanager
def stopped(*pids: int | None) -> Iterator[None]:
    """Let processes hang."""
    found = [pid for pid in pids if pid is not None]
    assert len(found) == len(pids)
    for pid in found:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in found:
            os.kill(pid, signal.SIGCONT)


async def kill_each_new(site: Workers, number: int, times: int) -> None:
    """Kill the worker of that number, and whoever comes in its place, so many times."""
    killed: set[int | None] = {None}

    async def another() -> bool:
        return (await site.pids())[number - 1] not in killed

    for _ in range(times):
        await until(another)
        pid = (await site.pids())[number - 1]
        kill(pid)
        killed.add(pid)


async def is_gone(site: Workers) -> bool:
    """Whether no process is in the place of the first worker."""
    return (await site.pids())[0] is None


async def is_replaced(site: Workers, *pids: int | None) -> bool:
    """Whether others than these are in all places and answer."""
    return not {None, *pids} & set(await site.pids()) and await site.all_answer()


async def test_a_worker_that_is_not_there_is_told_by_every_page(site: Workers) -> None:
    """Ready by the other one, degraded by this one, no process, no figures, every restart counted."""
    _, second = await site.pids()
    await kill_each_new(site, 1, ENDS)
    await until(lambda: is_gone(site))
    # All at once: the place is empty for two seconds.
    ready, health, up, (_, figures) = await asyncio.gather(
        site.page("/readyz"), site.page("/healthz"), site.figure("hookline_worker_up"), ask(site.admin, "/metrics")
    )
    assert (ready["ready"], ready["degraded"]) == (True, True)
    assert [(worker["pid"], worker["ready"]) for worker in ready["workers"]] == [(None, False), (second, True)]
    assert ready["workers"][0]["reason"] == NOT_RUNNING
    assert (health["workers"][0]["status"], health["workers"][0]["pid"]) == (NOT_RUNNING, None)
    assert health["workers"][0]["restarts"] == ENDS
    assert up == {"1": 0.0, "2": 1.0}
    assert b"hookline_workers_running 1.0" in figures
    assert b'hookline_spool_records{worker="1"}' not in figures


async def test_figures_of_one_that_was_replaced_begin_anew_and_the_others_stay(site: Workers) -> None:
    """None is shown twice or under another's number, and none of a process that is gone stays."""
    await until(lambda: both_spooled(site))
    before = await site.figure("hookline_webhooks_total", outcome="spooled")
    first, _ = await site.pids()
    kill(first)
    await until(lambda: is_replaced(site, first))
    after = await site.figure("hookline_webhooks_total", outcome="spooled")
    assert after == {"2": before["2"]}
    assert await site.figure("hookline_worker_restarts_total") == {"1": 1.0, "2": 0.0}
    # What the dead one had spooled is counted by whoever has it now.
    assert sum((await site.figure("hookline_spool_records")).values()) == sum(before.values())


async def both_spooled(site: Workers) -> bool:
    """Send some webhooks, each over a connection of its own; whether both workers have spooled some."""
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        statuses = await asyncio.gather(*(post(session, site, os.urandom(8).hex()) for _ in range(12)))
    assert set(statuses) == {200}
    return len(await site.figure("hookline_webhooks_total", outcome="spooled")) == 2


async def test_one_that_starts_is_not_ready_before_it_says_so(site: Workers) -> None:
    """A process is there and silent: that is neither ready nor up."""
    first, second = await site.pids()
    await kill_each_new(site, 1, 1)

    async def comes() -> bool:
        return (await site.pids())[0] not in {None, first}

    await until(comes)
    new, _ = await site.pids()
    with stopped(new):
        ready = await site.page("/readyz")
        up = await site.figure("hookline_worker_up")
    assert ready["workers"][0] == {
        "worker": 1, "pid": new, "ready": False, "degraded": True, "reason": NO_ANSWER,
    }  # fmt: skip
    assert ready["workers"][1]["ready"] is True
    assert up == {"1": 0.0, "2": 1.0}
    await until(lambda: is_replaced(site, first))
    assert await site.figure("hookline_worker_up") == {"1": 1.0, "2": 1.0}
    assert (await site.pids()) == [new, second]


async def test_a_site_whose_workers_are_all_silent_is_not_ready(site: Workers) -> None:
    """There is nobody left to make it so, and the reason names them all."""
    with stopped(*await site.pids()):
        status, _ = await ask(site.admin, "/readyz")
        ready = await site.page("/readyz")
    assert (status, ready["ready"], ready["reason"]) == (503, False, f"workers 1, 2: {NO_ANSWER}")
    await until(site.all_ready)
