"""Several workers on a real Kafka: one port, no loss, no refusal, whoever dies."""

import asyncio
import re
import signal
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aiohttp
import orjson
import pytest

from tests.support.admin import ask
from tests.support.front import HOOKLINE, Desk, clean_environment
from tests.support.kafka import bootstrap
from tests.support.workers import Workers, kill, post, until, workers, write_config

pytestmark = pytest.mark.kafka
ONE_ANSWER = aiohttp.ClientTimeout(total=10)


@dataclass
class Books:
    """What a sender saw."""

    acknowledged: set[str] = field(default_factory=set[str])
    others: list[str] = field(default_factory=list[str])
    refused: int = 0

    async def send(self, site: Workers, message: str) -> None:
        """Send one webhook over a connection of its own, as a stranger does."""
        connector = aiohttp.TCPConnector(force_close=True)
        try:
            async with aiohttp.ClientSession(connector=connector, timeout=ONE_ANSWER) as session:
                status = await post(session, site, message)
        except aiohttp.ClientConnectorError:
            self.refused += 1
        except aiohttp.ClientError as error:
            # Its worker died with the request in hand: the sender sends again.
            self.others.append(type(error).__name__)
        else:
            if status == 200:
                self.acknowledged.add(message)
            else:
                self.others.append(str(status))


@pytest.fixture
async def broker(tmp_path: Path) -> tuple[str, ...]:
    """Return the lines of `[broker]` for topics of this test alone, which are made."""
    servers = await asyncio.to_thread(bootstrap)
    lines = (
        f'url = "kafka://{servers}"',
        f'topic_prefix = "w{uuid.uuid4().hex[:8]}-"',
        "[broker.kafka]",
        "replication_factor = 1",
        "min_insync_replicas = 1",
    )
    write_config(Desk(tmp_path), lines)
    await command(tmp_path, "topics", "apply")
    return lines


@pytest.fixture
async def site(tmp_path: Path, broker: tuple[str, ...]) -> AsyncIterator[Workers]:
    """Return two workers that are ready."""
    async with workers(Desk(tmp_path), broker=broker) as started:
        await until(lambda: all_ready(started))
        yield started


async def command(folder: Path, *arguments: str) -> bytes:
    """Run a command to its end, return what it printed."""
    process = await asyncio.create_subprocess_exec(
        *HOOKLINE, *arguments, cwd=folder, env=clean_environment(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode == 0, err.decode()
    return out


async def all_ready(site: Workers) -> bool:
    """Whether every worker is ready."""
    return all(worker["ready"] for worker in (await site.page("/readyz"))["workers"])


async def stored(site: Workers) -> set[str]:
    """Return the messages whose events are in the log."""
    printed = await command(
        site.desk.folder, "tail", "--topic", "messaging.inbound.v1", "--from", "earliest", "--no-follow"
    )
    return {orjson.loads(line)["value"]["message_id"] for line in printed.splitlines()}


async def test_both_workers_answer_on_one_port(site: Workers) -> None:
    """Each takes its part of what comes at the same time; together they have stored all."""
    books = Books()
    for turn in range(10):
        await asyncio.gather(*(books.send(site, f"m{turn}-{number}") for number in range(20)))
        counted = await stored_by_worker(site)
        if turn > 0 and min(counted.values()) > 0:
            break
    assert (books.others, books.refused) == ([], 0)
    assert counted.keys() == {"1", "2"}
    assert min(counted.values()) > 0
    assert sum(counted.values()) == len(books.acknowledged)
    assert (await site.page("/readyz"))["degraded"] is True  # one copy of each record alone


async def stored_by_worker(site: Workers) -> dict[str, int]:
    """Return how many webhooks each worker stored."""
    figures = (await ask(site.admin, "/metrics"))[1].decode()
    found = dict.fromkeys(("1", "2"), 0)
    for line in figures.splitlines():
        if line.startswith("hookline_webhooks_total{") and 'outcome="stored"' in line:
            worker = re.search(r'worker="(\d)"', line)
            assert worker is not None
            found[worker[1]] += int(float(line.rpartition(" ")[2]))
    return found


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
    return pid not in await site.pids() and await all_ready(site)


async def test_sigterm_with_requests_in_flight_cuts_none(site: Workers) -> None:
    """All that were on their way are answered with success and stored; the parent ends with 0 in time."""
    books = Books()
    sending = [asyncio.create_task(books.send(site, f"t{number}")) for number in range(64)]
    await until(lambda: enough(books, 1))
    async with asyncio.timeout(10):
        assert await site.end(signal.SIGTERM) == 0
    await asyncio.gather(*sending)
    assert (books.others, books.refused) == ([], 0)
    assert books.acknowledged == {f"t{number}" for number in range(64)}
    assert books.acknowledged <= await stored(site)
