"""Questions of the parent to its workers, each at the Unix socket in the private folder."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, UnixConnector
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from hookline.process.admin import Answer
from hookline.process.merged_answers import Member, Said, merged_health, merged_readiness, readiness_of
from hookline.process.merged_metrics import PARENT, SupervisorMetrics, merge
from hookline.version import __version__

HEALTH_WAIT = 0.7
"""Seconds that a worker has for its health or readiness: a prober often waits for one second alone."""

METRICS_WAIT = 3.0
"""Seconds that a worker has for its figures."""

_MOST_BYTES = 8 << 20
_OK = 200

T = TypeVar("T")


class Questions:
    """Asks workers, and keeps one small pool of connections for each."""

    def __init__(self, folder: Path, numbers: Sequence[int]) -> None:
        self._folder = folder
        self._numbers = numbers
        self._sessions: Mapping[int, ClientSession] = {}

    def open(self) -> None:
        """Make the pools. To be called on the loop."""
        self._sessions = {number: _session(admin_path(self._folder, number)) for number in self._numbers}

    async def close(self) -> None:
        """Close them."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    async def ask(self, members: Sequence[Member], path: str, seconds: float) -> list[Said]:
        """Ask all at the same time; nobody is waited for longer than that. Never raises."""
        return list(await asyncio.gather(*(self._ask(member, path, seconds) for member in members)))

    async def _ask(self, member: Member, path: str, seconds: float) -> Said:
        session = self._sessions.get(member.number)
        if session is None or member.pid is None:
            return Said(member)
        try:
            async with asyncio.timeout(seconds), session.get(f"http://worker{path}") as answer:
                return Said(member, answer.status, await _body_of(answer))
        except (ClientError, OSError, TimeoutError, ValueError):
            return Said(member)


class MergedPages:
    """The parent's admin pages. Questions that come at the same time share one round of asking."""

    def __init__(
        self, questions: Questions, members: Callable[[], Sequence[Member]], metrics: SupervisorMetrics,
        own: CollectorRegistry, process: CollectorRegistry,
    ) -> None:  # fmt: skip
        """Take whom to ask, and two registries: the parent's `own` figures, and those that every process has."""
        self._questions = questions
        self._members = members
        self._metrics = metrics
        self._own, self._process = own, process
        self.draining = False
        self.down: Callable[[], float] = lambda: 0.0
        self.health = _Shared(self._health)
        self.readiness = _Shared(self._readiness)
        self.metrics = _Shared(self._exposition)

    async def _health(self) -> Answer:
        said = await self._questions.ask(self._members(), "/healthz", HEALTH_WAIT)
        return merged_health(said, __version__, self.down())

    async def _readiness(self) -> Answer:
        if self.draining:
            return Answer(ok=False, fields={"ready": False, "degraded": False, "reason": "draining", "workers": []})
        said = await self._questions.ask(self._members(), "/readyz", HEALTH_WAIT)
        return merged_readiness([readiness_of(each) for each in said])

    async def _exposition(self) -> bytes:
        said = await self._questions.ask(self._members(), "/metrics", METRICS_WAIT)
        # In a thread: reading so many lines takes a while.
        return await asyncio.to_thread(self._merged, said)

    def _merged(self, said: Sequence[Said]) -> bytes:
        texts = {
            str(each.member.number): each.body.decode("utf-8", "replace")
            for each in said
            if each.body is not None and each.status == _OK
        }
        merged = merge({PARENT: generate_latest(self._process).decode(), **texts})
        numbers = [each.member.number for each in said]
        self._metrics.answered(numbers, {int(each) for each in texts.keys() - merged.unreadable})
        return merged.exposition() + generate_latest(self._own)


class _Shared(Generic[T]):
    """A question that is asked once at a time; whoever comes meanwhile gets the same answer."""

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._task: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="question to the workers")
        # One asker who goes away must not take the answer from the others; every question has a deadline of its own.
        return await asyncio.shield(self._task)

    async def _run(self) -> T:
        return await self._ask()


def admin_path(folder: Path, number: int) -> Path:
    """Return where a worker serves its admin pages."""
    return folder / f"{number}.sock"


def _session(path: Path) -> ClientSession:
    # A connection that is kept would belong to a worker that may have been replaced.
    connector = UnixConnector(path=str(path), limit=4, force_close=True)
    return ClientSession(connector=connector, timeout=ClientTimeout(total=METRICS_WAIT))


async def _body_of(answer: ClientResponse) -> bytes:
    """Return the body. Raises ValueError for one without end."""
    body = bytearray()
    async for chunk in answer.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > _MOST_BYTES:
            raise ValueError("answer too large")
    return bytes(body)
