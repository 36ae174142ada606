"""Polls of several workers: only the first one's, and those of whoever takes its place."""

import tempfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.front import Desk
from tests.support.workers import Workers, kill, until, workers

AWAY = ('url = "kafka://127.0.0.1:1"',)
POLLED = ('api_key = "file:api.key"', 'base_url = "http://127.0.0.1:9"', 'polls = ["opt_outs"]')


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Workers]:
    """Return two workers whose account wants a poll. Kafka is away, so that nobody asks the provider."""
    desk = Desk(tmp_path)
    desk.key_file()
    with tempfile.TemporaryDirectory(prefix="wk") as short:
        monkeypatch.setenv("TMPDIR", short)
        async with workers(desk, broker=AWAY, account=POLLED) as started:
            await until(partial(polls, started))
            yield started


async def polls(site: Workers, but: int | None = None) -> bool:
    """Whether some worker polls, both answer, and the process `but` is none of them."""
    return bool(await polling(site)) and but not in await site.pids() and await site.all_answer()


async def polling(site: Workers) -> set[str]:
    """Return the numbers of the workers that have polled. The first turn of a poll comes with its start."""
    return set(await site.figure("hookline_polls_total"))


async def troubles(site: Workers) -> list[dict[str, str]]:
    """Return the polls of each worker that do not go well."""
    return [worker["polls_in_trouble"] for worker in (await site.page("/healthz"))["workers"]]


async def test_only_the_first_worker_polls(site: Workers) -> None:
    """Two would ask the provider for the same, and pay its rate limit twice."""
    assert await polling(site) == {"1"}
    assert await troubles(site) == [{"main/opt_outs": "not_stored"}, {}]


async def test_polls_go_on_in_the_replacement_of_the_first(site: Workers) -> None:
    """They belong to its place, and no other worker takes them over meanwhile."""
    first, second = await site.pids()
    kill(first)
    await until(partial(polls, site, first))
    assert await polling(site) == {"1"}
    assert await troubles(site) == [{"main/opt_outs": "not_stored"}, {}]
    assert (await site.pids())[1] == second


async def test_another_worker_that_is_replaced_does_not_begin_to_poll(site: Workers) -> None:
    """Nor do the polls of the first begin anew."""
    before = await site.figure("hookline_polls_total")
    first, second = await site.pids()
    kill(second)
    await until(partial(polls, site, second))
    assert await polling(site) == {"1"}
    assert (await site.pids())[0] == first
    assert (await site.figure("hookline_polls_total"))["1"] >= before["1"]
