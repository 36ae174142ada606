"""Handlers that wait in threads, which nobody can cancel: they hang for themselves, are counted, and are bounded."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from consumers.consumer import TryLater
from consumers.loop.pool import ApartPool
from consumers.loop.settings import RetrySettings
from consumers.loop.threads import MOST_LEFT, Threads
from schemas.envelope import Delivered
from tests.support.consumers import QUICK, Bench, inbound, until
from tests.support.consumers_seen import DLQ, RETRY, Seen

SHORT = replace(QUICK, handler_deadline=0.01)


class Hanging:
    """A handler whose threads wait for somebody who does not answer, until the test is over."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.calls = 0

    async def __call__(self, _event: Delivered) -> None:
        """Wait in a thread."""
        self.calls += 1
        await asyncio.to_thread(self.go.wait)


@pytest.fixture
async def hanging() -> AsyncIterator[Hanging]:
    """Give the handler, and the loop a pool as a process has, of one thread."""
    asyncio.get_running_loop().set_default_executor(ApartPool(1))
    made = Hanging()
    yield made
    made.go.set()


async def test_a_thread_that_hangs_keeps_nobody_else_waiting(hanging: Hanging) -> None:
    """Others of the process have their own; the event gets no other try beside the one that is still at work."""
    bench = Bench(tempo=SHORT)
    bench.fill(inbound(0))
    bench.start(hanging)
    await until(lambda: bench.log.done("group") == 1)
    async with asyncio.timeout(5):
        assert await asyncio.to_thread(str, 7) == "7"
    (letter,) = bench.log.on(DLQ)
    assert (letter.text_header("ce_dlqreason") or "").startswith("deadline")
    assert hanging.calls == 1
    assert bench.count("stuck_handlers_total", consumer="group") == 1
    await bench.stop()


async def test_too_many_threads_that_hang_stop_the_consumer(hanging: Hanging) -> None:
    """As handlers do that cannot be cancelled; the events are put aside before."""
    bench = Bench(tempo=SHORT, retry=RetrySettings(delays=(3600.0,)))
    bench.fill(*(inbound(n, key=f"+1777{n:07}") for n in range(2 * MOST_LEFT)))
    loop = bench.start(hanging)
    await until(lambda: loop.health().reason == "handlers_stuck")
    await bench.stop()
    assert MOST_LEFT <= hanging.calls < 2 * MOST_LEFT
    assert bench.log.done("group") == len(bench.log.on(RETRY)) == hanging.calls


@pytest.mark.parametrize("asks_for_later", [True, False])
async def test_threads_that_hang_are_found_whatever_became_of_their_tries(
    hanging: Hanging, *, asks_for_later: bool
) -> None:
    """A handler that gives up on its thread early may put the event off, or take it as done."""

    async def handle(event: Delivered) -> None:
        try:
            async with asyncio.timeout(0.001):
                await hanging(event)
        except TimeoutError:
            if asks_for_later:
                raise TryLater(0.0, "slow") from None

    bench = Bench(tempo=SHORT, retry=RetrySettings(delays=(3600.0,)))
    bench.fill(*(inbound(n, key=f"+1777{n:07}") for n in range(200)))
    loop = bench.start(handle)
    await until(lambda: loop.health().reason == "handlers_stuck")
    assert bench.count("stuck_handlers_total", consumer="group") >= MOST_LEFT
    await bench.stop()


async def test_threads_that_end_in_time_are_no_reason_to_stop(hanging: Hanging) -> None:
    """`gather` leaves the others at work when one fails; the event's next try waits for them."""

    def fail() -> None:
        raise ConnectionError

    async def handle(event: Delivered) -> None:
        last = str if event.envelope.id in failed else fail
        try:
            await asyncio.gather(*(asyncio.to_thread(hanging.go.wait) for _ in range(3)), asyncio.to_thread(last))
        except ConnectionError:
            failed.append(event.envelope.id)
            raise

    failed: list[str] = []
    bench = Bench()
    bench.fill(*(inbound(n, key=f"+1777{n:07}") for n in range(12)))
    loop = bench.start(handle)
    await until(lambda: len(failed) == 12)
    await until(lambda: loop.health().lag is not None)
    assert loop.health().reason is None
    hanging.go.set()
    await until(lambda: bench.log.done("group") == 12)
    assert bench.count("records_total", consumer="group", outcome="handled") == 12
    assert bench.count("stuck_handlers_total", consumer="group") == 0
    await bench.stop()


async def test_threads_that_are_slow_for_a_moment_let_the_consumer_go_on(hanging: Hanging) -> None:
    """While as many run on as may, nobody else is called; when they end the events that waited have their turn."""
    bench = Bench(tempo=replace(SHORT, thread_wait=60.0), retry=RetrySettings(delays=(3600.0,)))
    bench.fill(*(inbound(n, key=f"+1777{n:07}") for n in range(2 * MOST_LEFT)))
    loop = bench.start(hanging)
    await until(lambda: loop.health().reason == "threads_hang")
    assert hanging.calls < 2 * MOST_LEFT
    hanging.go.set()
    await until(lambda: bench.log.done("group") == 2 * MOST_LEFT)
    assert loop.health().reason is None
    await bench.stop()


async def test_what_is_at_work_at_the_end_may_hand_in_more(hanging: Hanging) -> None:
    """A server has given something that must be kept, say, when the consumer has ended already."""
    asked, told = asyncio.Event(), asyncio.Event()
    running: list[asyncio.Task[str]] = []

    async def keep() -> str:
        asked.set()
        await told.wait()
        return await asyncio.to_thread(str, 7)

    async def handle(_event: Delivered) -> None:
        running.append(asyncio.create_task(keep()))
        await asked.wait()

    del hanging
    bench = Bench()
    bench.fill(inbound(0))
    bench.start(handle)
    await until(asked.is_set)
    await bench.stop()
    told.set()
    assert await running[0] == "7"


async def test_an_event_that_went_well_may_leave_a_thread_behind(hanging: Hanging, seen: Seen) -> None:
    """What a handler does not wait for is its own affair."""

    async def handle(event: Delivered) -> None:
        running.append(asyncio.create_task(hanging(event)))
        await seen(event)

    running: list[asyncio.Task[None]] = []
    bench = Bench()
    bench.fill(inbound(0))
    bench.start(handle)
    await until(lambda: bench.log.done("group") == 1)
    assert bench.count("stuck_handlers_total", consumer="group") == 0
    hanging.go.set()
    await running[0]
    await bench.stop()


async def test_a_thread_that_ends_counts_no_more() -> None:
    """A slow moment of somebody's server passes."""
    threads, go = Threads("group", 1), threading.Event()
    future = threads.call(go.wait)
    await until(future.running)
    assert threads.leave([future], 0.0) == threads.left == 1
    go.set()
    await asyncio.wrap_future(future)
    await until(lambda: threads.left == 0)
