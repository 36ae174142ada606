"""Several workers on a real Kafka: one port, no loss, no refusal, whoever dies."""

import asyncio
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.front import Desk
from tests.support.kafka import bootstrap
from tests.support.strangers import Books, made_topics, stored
from tests.support.workers import Workers, kill, until, workers

pytestmark = pytest.mark.kafka


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Workers]:
    """Return two workers that are ready."""
    broker = await made_topics(tmp_path, await asyncio.to_thread(bootstrap))
    async with workers(Desk(tmp_path), broker=broker) as started:
        await until(started.all_ready)
        yield started


async def test_both_workers_answer_on_one_port(site: Workers) -> None:
    """Each takes its part of what comes at the same time; together they have stored all."""
    books = Books()
    for turn in range(10):
        await books.send_all(site, f"m{turn}", 20)
        counted = await site.figure("hookline_webhooks_total", outcome="stored")
        if turn > 0 and len(counted) == 2:
            break
    assert (books.others, books.refused) == ([], 0)
    assert counted.keys() == {"1", "2"}
    assert min(counted.values()) > 0
    assert sum(counted.values()) == len(books.acknowledged)
    assert (await site.page("/readyz"))["degraded"] is True  # one copy of each record alone


@pytest.mark.faults
async def test_a_worker_killed_under_load_loses_nothing_that_was_acknowledged(site: Workers) -> None:
    """No connection is refused, the worker is replaced, every acknowledged webhook is in Kafka."""
    books, going = Books(), asyncio.Event()

    async def sender(name: int) -> None:
        number = 0
        while not going.is_set():
            await books.send(site, f"s{name}-{number}")
            number += 1

    senders = [asyncio.create_task(sender(name)) for name in range(8)]
    for killed in range(2):
        await until(partial(enough, books, 150 * (killed + 1)))
        first, *_ = await site.pids()
        kill(first)
        await until(partial(replaced, site, first))
    seen = len(books.acknowledged)
    await until(lambda: enough(books, seen + 100))
    going.set()
    await asyncio.gather(*senders)
    assert books.refused == 0
    assert len(site.lines("worker_ended")) == 2
    assert books.acknowledged <= await stored(site)


async def enough(books: Books, least: int) -> bool:
    """Whether so many were acknowledged."""
    return len(books.acknowledged) >= least


async def replaced(site: Workers, pid: int | None) -> bool:
    """Whether another process is in its place, and ready."""
    return pid not in await site.pids() and await site.all_ready()


async def test_sigterm_with_requests_in_flight_cuts_none(site: Workers) -> None:
    """All that were on their way are answered with success and stored; the parent ends with 0 in time."""
    books = Books()
    sending = asyncio.create_task(books.send_all(site, "t", 64))
    await until(lambda: enough(books, 1))
    async with asyncio.timeout(10):
        assert await site.end(signal.SIGTERM) == 0
    await sending
    assert (books.others, books.refused) == ([], 0)
    assert books.acknowledged == {f"t-{number}" for number in range(64)}
    assert books.acknowledged <= await stored(site)
