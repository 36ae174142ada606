"""Ends aiokafka's clients, whatever state they are in. Their own `stop` can hang while Kafka is away.

A client that was only cancelled would live on: a forgotten consumer keeps heartbeating and holds its partitions.
So what `stop` did not end in time is cancelled by hand, which only works from inside of aiokafka.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiokafka.errors import ProducerClosed

from broker.kafka.errors import UNWELL

FORCE_SECONDS = 1.0


async def end_producer(producer: Any, grace: float) -> None:
    """Send what is left and close, within about `grace` + 2 s; cancelled, it closes at once."""
    ended = False
    try:
        ended = await _within(grace, producer.stop)
    finally:
        if not ended:
            sender = producer._sender  # noqa: SLF001 - its tasks outlive a stop() that was cut short
            await _kill([sender.sender_task, *_requests_of(sender)])
            await _within(FORCE_SECONDS, producer.client.close)
            # What nobody sends any more is told to be so: else its futures, and who waits for them, would stay.
            producer._message_accumulator.fail_all(ProducerClosed())  # noqa: SLF001 - as the sender does when it dies


def _requests_of(sender: Any) -> list[asyncio.Task[Any]]:
    """Return the tasks that produce for the sender, which knows them in a local variable only."""
    return [task for task in asyncio.all_tasks() if _sender_of(task) is sender]


def _sender_of(task: asyncio.Task[Any]) -> object:
    coroutine: Any = task.get_coro()
    if getattr(coroutine, "__qualname__", "") != "Sender._send_produce_req" or coroutine.cr_frame is None:
        return None
    return coroutine.cr_frame.f_locals.get("self")


async def end_consumer(consumer: Any, grace: float) -> None:
    """Leave the group and close, within about `grace` + 2 s; cancelled, it closes at once."""
    ended = False
    try:
        ended = await _within(grace, consumer.stop)
    finally:
        if not ended:
            await _kill(_tasks_of(consumer._coordinator, consumer._fetcher))  # noqa: SLF001 - they outlive a cut stop()
            await _within(FORCE_SECONDS, consumer._client.close)  # noqa: SLF001 - so do the connections


def _tasks_of(coordinator: Any, fetcher: Any) -> list[asyncio.Task[Any] | None]:
    names = ("_coordination_task", "_heartbeat_task", "_commit_refresh_task")
    tasks = [getattr(coordinator, name, None) for name in names]
    return [*tasks, getattr(fetcher, "_fetch_task", None), *getattr(fetcher, "_pending_tasks", ())]


async def end_admin(admin: Any, grace: float) -> None:
    """Close within `grace`."""
    await _within(grace, admin.close)


async def _within(seconds: float, end: Callable[[], Awaitable[None]]) -> bool:
    """Return whether `end` came to its end in time."""
    try:
        async with asyncio.timeout(seconds):
            await end()
    except TimeoutError:
        return False
    except UNWELL:
        # What it says on the way out helps nobody; what it left open is closed by force.
        return False
    return True


async def _kill(tasks: Iterable[asyncio.Task[Any] | None]) -> None:
    alive = [task for task in tasks if task is not None and not task.done()]
    for task in alive:
        task.cancel()
    if not alive:
        return
    done, _ = await asyncio.wait(alive, timeout=FORCE_SECONDS)
    for task in done:
        with contextlib.suppress(asyncio.CancelledError):
            task.exception()
