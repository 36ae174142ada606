"""The cloud's API beside a run of the simulator, or alone."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hookline.errors import CommandError
from hookline.simulator.api import CloudApi
from hookline.simulator.engine import Engine
from hookline.simulator.run import stopped_by_signals
from providers.simulation import Cloud, Misbehavior


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPlan:
    """Where the API is served, what it does wrong and how often, and who is told its base URL.

    A call that is told to be slow waits `slow` seconds.
    """

    host: str
    port: int
    misbehaviors: Sequence[tuple[Misbehavior, int]] = ()
    slow: float = 5.0
    told: Callable[[str], None]


@asynccontextmanager
async def served(cloud: Cloud, plan: ApiPlan, engine: Engine | None) -> AsyncGenerator[None]:
    """Serve the API inside. Raises CommandError where it cannot be served or misbehave as planned."""
    api = CloudApi(cloud, engine, slow=plan.slow)
    for kind, times in plan.misbehaviors:
        if not api.misbehave(kind, times):
            raise CommandError(f"this cloud cannot misbehave in this way: {kind}")
    try:
        plan.told(await api.start(plan.host, plan.port))
    except OSError as error:
        raise CommandError(f"{plan.host}:{plan.port}: cannot listen there: {error.strerror or error}") from error
    try:
        yield
    finally:
        await api.stop()


async def serve_alone(cloud: Cloud, plan: ApiPlan) -> None:
    """Serve the API until SIGINT or SIGTERM; nothing is delivered anywhere."""
    stop = asyncio.Event()
    with stopped_by_signals(stop.set):
        async with served(cloud, plan, None):
            await stop.wait()
