"""Workers that die while Kafka is away: what they had acknowledged is in Kafka when it is back."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from deploy.kafka.cluster import KafkaCluster
from tests.support.front import Desk
from tests.support.kafka import own_cluster, pause
from tests.support.strangers import Books, made_topics, stored
from tests.support.workers import Workers, kill, until, workers

# Each starts a Kafka of its own, most of them twice: on a busy machine that is most of a minute.
pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(150)]


@pytest.fixture
async def cluster() -> AsyncIterator[KafkaCluster]:
    """Give a cluster of the test's own."""
    with contextlib.ExitStack() as stack:
        yield await asyncio.to_thread(stack.enter_context, own_cluster())
        await asyncio.to_thread(stack.close)


@pytest.fixture
async def broker(cluster: KafkaCluster, tmp_path: Path) -> tuple[str, ...]:
    """Return the lines of `[broker]` for topics on it, which are made."""
    return await made_topics(tmp_path, cluster.bootstrap)


@pytest.fixture
async def site(broker: tuple[str, ...], tmp_path: Path) -> AsyncIterator[Workers]:
    """Return two workers that are ready."""
    async with workers(Desk(tmp_path), broker=broker) as started:
        await until(started.all_ready)
        yield started


async def take_away(cluster: KafkaCluster, how: str) -> None:
    """Let Kafka be gone, or be there and answer nobody."""
    if how == "killed":
        await asyncio.to_thread(cluster.kill)
    else:
        await pause(cluster)


async def bring_back(cluster: KafkaCluster, how: str) -> None:
    """Undo that."""
    await asyncio.to_thread(cluster.restart if how == "killed" else cluster.resume)


async def spooled(site: Workers, numbers: set[str]) -> dict[str, float]:
    """Return how many records wait in the spools of these workers, 0 for one that does not say."""
    found = await site.figure("hookline_spool_records")
    return {number: found.get(number, 0.0) for number in numbers}


async def all_spool(site: Workers, books: Books, name: str) -> bool:
    """Send some more; whether something waits in the spool of each worker."""
    await books.send_all(site, f"{name}-{len(books.acknowledged)}", 12)
    return min((await spooled(site, {"1", "2"})).values()) > 0


async def all_drained(site: Workers) -> bool:
    """Whether both workers say that nothing waits in their spools."""
    return list((await site.figure("hookline_spool_records")).values()) == [0.0, 0.0]


async def inherits(site: Workers, gone: int, least: float) -> bool:
    """Whether another process is in the place of the first worker, and has so many records of others."""
    first = (await site.page("/healthz"))["workers"][0]
    return bool(first["pid"] != gone and first.get("spool", {}).get("inherited", 0) >= least)


@pytest.mark.parametrize("how", ["killed", "stopped"])
async def test_what_a_killed_worker_had_spooled_reaches_kafka(site: Workers, cluster: KafkaCluster, how: str) -> None:
    """Its replacement finds its folder; traffic goes on meanwhile, and no acknowledged webhook is missing."""
    books = Books()
    await books.send_all(site, "before", 12)
    await take_away(cluster, how)
    await until(partial(all_spool, site, books, "away"))
    waiting = (await spooled(site, {"1"}))["1"]
    first, _ = await site.pids()
    assert first is not None
    sending = asyncio.create_task(books.send_all(site, "dying", 24))
    kill(first)
    await sending
    await until(lambda: inherits(site, first, waiting))
    await books.send_all(site, "later", 12)
    assert not books.acknowledged <= {f"before-{number}" for number in range(12)}
    await bring_back(cluster, how)
    await until(lambda: all_drained(site))
    assert books.refused == 0
    assert {"200", "503"}.isdisjoint(books.others)
    assert books.acknowledged <= await stored(site)


async def test_what_a_killed_site_had_spooled_reaches_kafka_by_the_next(
    broker: tuple[str, ...], cluster: KafkaCluster, tmp_path: Path
) -> None:
    """Parent and workers are gone at once; those that start next store what they left, though they are fewer."""
    books, desk = Books(), Desk(tmp_path)
    async with workers(desk, broker=broker, count=3) as first:
        await until(first.all_ready)
        await take_away(cluster, "killed")
        await until(partial(all_spool, first, books, "away"))
        for pid in (first.process.pid, *await first.pids()):
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        await first.process.wait()
    async with workers(desk, broker=broker) as second:
        await bring_back(cluster, "killed")
        await until(lambda: all_drained(second))
        assert books.acknowledged <= await stored(second)
