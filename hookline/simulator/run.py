"""One run of the simulator against any receiver."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Coroutine, Generator, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from random import Random
from typing import Any

from hookline.simulator.engine import Engine, Limits
from hookline.simulator.pacing import Pacer
from hookline.simulator.tally import Report
from providers.simulation import Cloud, Outgoing

_LAST_WAIT = 5.0
_LOOK = 0.2
Show = Callable[[Report, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send: `rate` webhooks a second, `count` in all, at most `concurrency` at once.

    With a `count` of 0 nothing is sent but what follows from calls of the API, until a signal comes. The first
    `duplicates` events are delivered twice.
    """

    url: str
    rate: float
    count: int
    duplicates: int = 0
    seed: int | None = None
    concurrency: int = 32
    forgeries: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """The counts of a run, and how many deliveries it left without an end."""

    report: Report
    left: int

    @property
    def clean(self) -> bool:
        """Whether something was sent, every genuine event acknowledged, every forgery refused."""
        return self.report.clean and self.left == 0 and self.report.sent + self.report.forged > 0


Beside = Callable[[Engine], contextlib.AbstractAsyncContextManager[None]]
"""What runs beside a run of an engine, from its start to its end."""


def nothing_beside(_engine: Engine) -> contextlib.AbstractAsyncContextManager[None]:
    """Run nothing beside it."""
    return contextlib.nullcontext()


async def simulate(cloud: Cloud, plan: Plan, show: Show, beside: Beside = nothing_beside) -> Result:
    """Send as planned. SIGINT and SIGTERM end it early; `show` is called in a thread, a few times a second."""
    engine = Engine(cloud, plan.url, limits=Limits(concurrency=plan.concurrency))
    engine.duplicate(plan.duplicates)
    stop = asyncio.Event()
    await engine.start()
    try:
        async with beside(engine):
            await _perform(engine, cloud, plan, show, stop)
    finally:
        await engine.stop()
    return Result(engine.report(), engine.in_hand)


async def _perform(engine: Engine, cloud: Cloud, plan: Plan, show: Show, stop: asyncio.Event) -> None:
    with stopped_by_signals(stop.set):
        async with asyncio.TaskGroup() as group:
            live = group.create_task(_live(engine, show))
            await _send(engine, cloud, plan, stop)
            await _finish(engine, stop)
            live.cancel()


def webhooks(cloud: Cloud, random: Random, *, forgeries: bool = True) -> Iterator[Outgoing]:
    """Yield the webhooks of the cloud's stories, one after another."""
    every: Iterator[Outgoing] = chain.from_iterable(cloud.traffic(random, time.time))
    return every if forgeries else (item for item in every if item.forgery is None)


async def _send(engine: Engine, cloud: Cloud, plan: Plan, stop: asyncio.Event) -> None:
    if plan.count == 0:
        await stop.wait()
    pacer = Pacer(plan.rate)
    traffic = webhooks(cloud, Random(plan.seed), forgeries=plan.forgeries)  # noqa: S311 - traffic is no secret
    for outgoing in islice(traffic, plan.count):
        if not await _unless(stop, pacer.turn()) or not await _unless(stop, engine.submit(outgoing)):
            return


async def _finish(engine: Engine, stop: asyncio.Event) -> None:
    """Wait for the ends of all deliveries: each has its own limits. A signal leaves them five seconds."""
    while not stop.is_set() and not engine.broken:
        if await engine.settled(_LOOK):
            return
    await engine.settled(_LAST_WAIT)


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do the work unless the event comes first; tell whether it was done."""
    working, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
        return working.done() and not stop.is_set()
    finally:
        working.cancel()
        stopped.cancel()
        await asyncio.wait((working, stopped))


async def _live(engine: Engine, show: Show) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            # A terminal that is held (Ctrl-S) must not hold the loop.
            await asyncio.to_thread(show, engine.report(), engine.in_hand)
            await asyncio.sleep(_LOOK)


@contextlib.contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Generator[None]:
    """Call `stop` at every SIGINT and SIGTERM inside."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
