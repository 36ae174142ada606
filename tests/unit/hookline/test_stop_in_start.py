"""SIGTERM while the process starts: what had begun ends in order, in the time of P6, with status 0."""

import asyncio
import signal
import time
from pathlib import Path

import pytest

from broker.embedded import EmbeddedLog
from broker.settings import BrokerSettings
from hookline.process.racing import unless
from tests.support.admin import until
from tests.support.front import BODY, Desk
from tests.support.stopping import LONGEST, Running, locked, started
from tests.support.workers import body, workers

AWAY = ('url = "kafka://127.0.0.1:1"',)


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    """Return a site whose log is there already."""
    log = EmbeddedLog(BrokerSettings(url=f"sqlite:///{tmp_path}/log.db"), ingesting=False, clock=time.time)
    await log.start()
    await log.stop()
    desk = Desk(tmp_path)
    desk.key_file()
    return desk


async def _answers(running: Running) -> bool:
    return bool(await running.page("/healthz"))


async def _listens(running: Running) -> bool:
    return bool((await running.page("/readyz")).get("reason", "not_started") != "not_started")


@pytest.mark.parametrize("command", [("ingest",), ("run",), ("consume", "auto-reply")])
async def test_a_stop_does_not_wait_for_a_locked_log(desk: Desk, command: tuple[str, ...]) -> None:
    """The start waits up to ten seconds for the lock; the end, with the default waits, does not."""
    with locked(desk.folder / "log.db"):
        async with started(desk, *command, drain_listen=3.0) as running:
            await until(lambda: _answers(running))
            status, seconds = await running.end()
    assert (status, running.events()[-1]) == (0, "stopped")
    assert "started" not in running.events()
    assert seconds < LONGEST - 4  # nothing is in hand


async def test_what_comes_during_such_a_start_is_spooled_and_answered_in_time(desk: Desk) -> None:
    """Telnyx waits for two seconds. What is spooled is told at the end, and stays there."""
    with locked(desk.folder / "log.db"):
        async with started(desk, "ingest") as running:
            await until(lambda: _listens(running))
            answers = await asyncio.gather(*(running.post(body(f"m{n}")) for n in range(20)))
            status, _ = await running.end()
    assert status == 0
    assert [answer for answer, _ in answers] == [200] * 20
    assert max(seconds for _, seconds in answers) < 1.6
    assert "spool_left" in running.events()
    assert "started" not in running.events()


async def test_what_is_in_hand_when_the_stop_comes_in_the_start_is_answered(desk: Desk) -> None:
    """Sixty-four webhooks are on their way: all get their 200, from the spool."""
    with locked(desk.folder / "log.db"):
        async with started(desk, "ingest", drain_listen=1.0) as running:
            await until(lambda: _listens(running))
            posts = [asyncio.create_task(running.post(body(f"m{n}"))) for n in range(64)]
            ended = asyncio.create_task(running.end())
            answers = await asyncio.gather(*posts)
            assert (await ended)[0] == 0
    assert {answer for answer, _ in answers} == {200}


async def test_what_was_spooled_in_a_start_that_was_stopped_is_stored_by_the_next(desk: Desk) -> None:
    """Nothing is lost between the two."""
    with locked(desk.folder / "log.db"):
        async with started(desk, "ingest") as running:
            await until(lambda: _listens(running))
            assert (await running.post(BODY))[0] == 200
            assert (await running.end())[0] == 0
    async with started(desk, "ingest") as running:

        async def drained() -> bool:
            spool = (await running.page("/healthz")).get("spool")
            return spool is not None and not spool["own"] and not spool["inherited"]

        await until(running.ready)
        await until(drained)
        assert (await running.end())[0] == 0
    log = EmbeddedLog(BrokerSettings(url=f"sqlite:///{desk.folder}/log.db"), ingesting=False, clock=time.time)
    await log.start()
    try:
        ends = [(await log.bounds(each)).end for each in await log.partitions("messaging.webhooks.v1")]
    finally:
        await log.stop()
    assert sum(ends) == 1


@pytest.mark.parametrize(("first", "second"), [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT)])
async def test_a_second_signal_during_a_stopped_start_ends_at_once(
    desk: Desk, first: signal.Signals, second: signal.Signals
) -> None:
    """With status 0."""
    with locked(desk.folder / "log.db"):
        async with started(desk, "ingest", drain_listen=30.0) as running:
            await until(lambda: _listens(running))
            running.process.send_signal(first)

            async def stopping() -> bool:
                return "stopping" in running.events()

            await until(stopping)
            status, seconds = await running.end(second)
    assert status == 0
    assert seconds < 4


@pytest.mark.parametrize("command", ["ingest", "run"])
async def test_a_stop_right_after_the_start_with_kafka_away(desk: Desk, command: str) -> None:
    """Nothing of Kafka's client holds the end."""
    async with started(desk, command, url="kafka://127.0.0.1:1") as running:
        await until(lambda: _answers(running))
        status, seconds = await running.end()
    assert (status, running.events()[-1]) == (0, "stopped")
    assert seconds < LONGEST - 4


async def test_workers_that_are_stopped_as_soon_as_they_answer_end_in_time(desk: Desk) -> None:
    """The default waits; the parent waits for its workers."""
    async with workers(desk, broker=AWAY, server=("drain_finish = 5.0",)) as site:
        began = time.monotonic()
        assert await site.end() == 0
    assert time.monotonic() - began < LONGEST - 4


async def test_a_parent_that_is_stopped_before_its_workers_are_up_ends_in_time(desk: Desk) -> None:
    """They have their signal too, whether they listen to it already or not."""
    async with started(desk, "ingest", "--workers", "3", url="kafka://127.0.0.1:1") as running:

        async def supervises() -> bool:
            return "worker_started" in running.events()

        await until(supervises)
        status, seconds = await running.end()
    assert (status, running.events()[-1]) == (0, "stopped")
    assert seconds < LONGEST - 4


async def test_work_that_is_done_before_the_stop_counts() -> None:
    """And nobody waits for the stop."""
    done: list[bool] = []

    async def work() -> None:
        done.append(True)

    assert await unless(asyncio.Event(), work())
    assert done


async def test_work_is_given_up_for_the_stop() -> None:
    """It has ended by then."""
    stop, cleaned = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            stop.set()
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    assert not await unless(stop, work())
    assert cleaned.is_set()


async def test_what_fails_by_itself_is_told_and_what_fails_as_it_is_given_up_is_not() -> None:
    """The second is no reason to end with an error."""
    stop = asyncio.Event()

    async def fail() -> None:
        raise ValueError

    async def fail_late() -> None:
        try:
            stop.set()
            await asyncio.Event().wait()
        finally:
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        await unless(stop, fail())
    assert not await unless(stop, fail_late())


async def test_work_that_does_not_give_up_is_left_behind() -> None:
    """The end does not wait for it."""
    stop, go = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        stop.set()
        while not go.is_set():
            try:
                await go.wait()
            except asyncio.CancelledError:
                continue

    async with asyncio.timeout(5):
        assert not await unless(stop, stubborn())
    go.set()
