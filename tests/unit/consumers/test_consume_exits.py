"""A handler whose own tasks want the process to end: the loop goes on, and the event has failed."""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from typing import Any

import pytest
import structlog

from consumers.loop.pool import ApartPool
from schemas.envelope import Delivered
from tests.support.consumers import Bench, inbound, until
from tests.support.consumers_seen import DLQ, Seen

Start = Callable[[Coroutine[Any, Any, None]], Awaitable[object]]


async def leaves() -> None:
    """End the process, as its author means."""
    await asyncio.sleep(0)
    sys.exit("the words of +15550000001")


async def in_a_group(work: Coroutine[Any, Any, None]) -> None:
    """Run the work in a group of tasks."""
    async with asyncio.TaskGroup() as group:
        group.create_task(work)


async def as_a_task(work: Coroutine[Any, Any, None]) -> None:
    """Run the work as a task."""
    await asyncio.create_task(work)


async def in_a_task_of_a_task(work: Coroutine[Any, Any, None]) -> None:
    """Run the work in a task that begins another one."""
    await asyncio.create_task(as_a_task(work))


def within_limits(work: Coroutine[Any, Any, None]) -> Awaitable[None]:
    """Run the work with a deadline, in Python 3.11 in a task of its own."""
    return asyncio.wait_for(work, 5)


async def in_another_context(work: Coroutine[Any, Any, None]) -> None:
    """Run the work as a task that knows nothing of its handler."""
    await asyncio.create_task(work, context=Context())


async def by_way_of_a_thread(work: Coroutine[Any, Any, None]) -> None:
    """Let a thread hand the work to the loop."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ApartPool(1))
    await loop.run_in_executor(None, lambda: asyncio.run_coroutine_threadsafe(work, loop).result(5))


STARTS = [
    *(as_a_task, in_a_group, within_limits, asyncio.gather, in_a_task_of_a_task),
    *(in_another_context, by_way_of_a_thread),
]


@pytest.mark.parametrize("start", STARTS)
async def test_an_exit_in_a_task_of_the_handler_is_a_failed_try(bench: Bench, seen: Seen, start: Start) -> None:
    """The process goes on, the event is a dead letter like any other, and its key goes on too."""

    async def handle(event: Delivered) -> None:
        await (start(leaves()) if event.envelope.id == "event-0" else seen(event))

    bench.fill(inbound(0), inbound(1))
    with structlog.testing.capture_logs() as lines:
        bench.start(handle)
        await until(lambda: bench.log.done("group") == 2)
    (letter,) = bench.log.on(DLQ)
    assert (letter.text_header("ce_dlqreason") or "").startswith("handler_failed")
    assert seen.ended == ["event-1"]
    told = [line for line in lines if line["event"] == "handler_asked_for_exit"]
    assert {(line["consumer"], line["event_id"]) for line in told} == {("group", "event-0")}
    assert "+1555" not in str(lines)


async def test_a_task_that_nobody_awaits_cannot_end_the_process_either(bench: Bench, seen: Seen) -> None:
    """The event is done; what was left running tells of itself as any lost task does."""
    lost: list[asyncio.Task[None]] = []
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(str(context["exception"])))

    async def handle(event: Delivered) -> None:
        lost.append(asyncio.create_task(leaves()))
        await seen(event)

    bench.fill(inbound(0))
    bench.start(handle)
    await until(lambda: bench.log.done("group") == 1 and lost[0].done())
    lost.clear()
    gc.collect()
    assert told == ["SystemExit"]


async def test_a_task_that_is_cancelled_before_it_begins_leaves_nothing_behind(bench: Bench, seen: Seen) -> None:
    """No warning of a coroutine that was never awaited: warnings are errors here."""

    async def handle(event: Delivered) -> None:
        task = asyncio.create_task(leaves())
        task.cancel()
        await asyncio.wait({task})
        await seen(event)

    bench.fill(inbound(0))
    bench.start(handle)
    await until(lambda: seen.ended == ["event-0"])
    gc.collect()


async def test_tasks_of_others_are_made_as_before(bench: Bench, seen: Seen) -> None:
    """What no handler has begun keeps its own meaning: whoever exits there means it."""
    bench.fill(inbound(0))
    bench.start(seen)
    await until(lambda: seen.ended == ["event-0"])
    task = asyncio.create_task(leaves())
    task.cancel()
    assert getattr(task.get_coro(), "__qualname__", "") == "leaves"
