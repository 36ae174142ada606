"""Auto-reply and send on an embedded log, a state file and a simulated provider that outlive every process."""

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from prometheus_client import CollectorRegistry

from broker.embedded import EmbeddedLog
from broker.log import TopicSpec
from broker.settings import BrokerSettings
from consumers.auto_reply.consumer import ReplyParts, auto_reply
from consumers.auto_reply.guarding import horizon_of
from consumers.auto_reply.memory import ReplyMemory
from consumers.auto_reply.settings import AutoReplySettings, Rule
from consumers.consumer import Consumer
from consumers.loop.run import ConsumeLoop
from consumers.metrics import ConsumerMetrics
from consumers.send.consumer import send
from consumers.send.settings import SendSettings
from consumers.settings import ConsumersSettings
from consumers.state.database import Database
from consumers.state.ledger import Ledger
from providers.contract import Sender
from providers.rest.transport import Transport
from providers.simulation import Cloud
from schemas.envelope import event_to_record, read_event
from schemas.events import MessageReceived, SendCompleted
from schemas.topics import CATALOGUE, COMMANDS, INBOUND, RESULTS
from tests.support.consumers import NOW, inbound
from tests.support.crashing import Fuse, Point, Process
from tests.support.logs import read_all, until
from tests.support.sending import FakeConsents
from tests.support.simulated import account_of

RULES = AutoReplySettings(rules=(Rule(name="hours", keywords=("hours",), reply="Open 9 to 17."),))
LATER = 100.0
"""Seconds from one life to the next: whatever call was under way is over, and can be looked up."""


class Answer:
    """What the cloud said, as aiohttp would give it."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.status, self.headers, self.content = status, headers, self
        self._body = body

    async def iter_chunked(self, _size: int) -> AsyncIterator[bytes]:
        """Yield the body."""
        await asyncio.sleep(0)
        yield self._body


@dataclass
class Line:
    """The line to a cloud, in place of aiohttp's session: an await before the call has its effect, and one after."""

    cloud: Cloud
    clock: Callable[[], float]
    sent: list[str] = field(default_factory=list[str])

    @asynccontextmanager
    async def request(
        self, method: str, url: Any, *, data: bytes | None, headers: Mapping[str, str], allow_redirects: bool
    ) -> AsyncIterator[Answer]:
        """Call the cloud."""
        assert not allow_redirects
        await asyncio.sleep(0)
        lower = {name.lower(): value for name, value in headers.items()}
        answer = self.cloud.answer(method, url.raw_path_qs, lower, data or b"", self.clock())
        if answer.effect is not None:
            self.sent += [answer.effect, *answer.more_effects]
        await asyncio.sleep(0)
        yield Answer(answer.status, answer.body, answer.headers)

    async def close(self) -> None:
        """Nothing to close."""


@dataclass(frozen=True)
class Kind:
    """A provider: its cloud, its sender, and what a message to answer looks like there."""

    name: str
    cloud: Callable[[], Cloud]
    sender: Callable[[Any], Sender]
    message: Mapping[str, Any]

    def inbound(self) -> MessageReceived:
        """Return the message."""
        return inbound(provider=self.name, **self.message)


@dataclass
class World:
    """What lasts when the process dies: the folder, the cloud, the time."""

    folder: Path
    kind: Kind
    settings: SendSettings
    now: float = NOW.timestamp() + 1.0

    def __post_init__(self) -> None:
        """Connect the line."""
        self.cloud = self.kind.cloud()
        self.line = Line(self.cloud, lambda: self.now)
        self.metrics = ConsumerMetrics(CollectorRegistry())

    def live(self, at: Point | None = None) -> tuple[bool, Sequence[Point]]:
        """Live one life; tell whether it came to its end, and what points it passed. The next one is a while later."""
        fuse = Fuse(at)
        life = Life(self)
        with mock.patch.object(Transport, "_open", return_value=self.line):
            survived = Process(fuse).live(life.run, life.close)
        self.now += LATER
        self._outlive_leases()
        return survived, fuse.passed

    def _outlive_leases(self) -> None:
        """Let the dead process's leases run out, which takes seconds of waiting otherwise."""
        with contextlib.closing(sqlite3.connect(self.folder / "log.db", isolation_level=None)) as connection:
            connection.execute("DELETE FROM leases")

    def results(self) -> list[SendCompleted]:
        """Return the results on the log."""

        async def read() -> list[SendCompleted]:
            log = opened_log(self.folder)
            await log.start()
            try:
                found = [read_event(record).event for record in await read_all(log, RESULTS.name)]
            finally:
                await log.stop()
            return [event for event in found if isinstance(event, SendCompleted)]

        return asyncio.run(read())


class Life:
    """One process: its log, its ledger, its consumers."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._log = opened_log(world.folder)
        self._database = state_of(world.folder)
        self._ledger = Ledger(self._database)

    async def run(self, fuse: Fuse) -> None:
        """Consume until everything is committed."""
        await self._log.start()
        await self._database.open()
        loops = [
            ConsumeLoop(self._log, each, ConsumersSettings(), self._world.metrics, self._clock) for each in self._all()
        ]
        fuse.armed = True
        tasks = [asyncio.create_task(loop.run()) for loop in loops]
        await until(self._is_done)
        fuse.armed = False
        for loop in loops:
            loop.stop()
        await asyncio.gather(*tasks)

    async def close(self) -> None:
        """Close what has threads, as the end of a process does; nothing is given up or given back."""
        await self._database.close()
        await self._log._writer.stop()
        await self._log._reader.stop()

    def _clock(self) -> float:
        return self._world.now

    def _all(self) -> list[Consumer]:
        world = self._world
        sender = world.kind.sender(account_of(world.cloud))
        replying = ReplyParts(
            settings=RULES,
            log=self._log,
            metrics=world.metrics,
            clock=self._clock,
            memory=ReplyMemory(self._database, horizon_of(RULES)),
            consents=FakeConsents(),
        )
        return [
            auto_reply(replying),
            send(
                world.settings,
                self._log,
                {"main": sender},
                self._ledger,
                self._world.metrics,
                self._clock,
                consents=FakeConsents(),
            ),
        ]

    async def _is_done(self) -> bool:
        commands = await self._end(COMMANDS.name)
        return (
            commands > 0
            and await self._committed("auto-reply", INBOUND.name) == await self._end(INBOUND.name)
            and await self._committed("send", COMMANDS.name) == commands
        )

    async def _end(self, topic: str) -> int:
        return sum([(await self._log.bounds(each)).end for each in await self._log.partitions(topic)])

    async def _committed(self, group: str, topic: str) -> int:
        found = [await self._log.committed(group, each) or 0 for each in await self._log.partitions(topic)]
        return sum(found)


def opened_log(folder: Path) -> EmbeddedLog:
    """Return the log of a folder, not started yet."""
    return EmbeddedLog(BrokerSettings(url=f"sqlite:///{folder / 'log.db'}"), ingesting=False, clock=lambda: 0.0)


def state_of(folder: Path) -> Database:
    """Return the state of a folder, not open yet."""
    return Database(f"sqlite:///{folder / 'state.db'}")


def prepared(folder: Path, kind: Kind) -> Path:
    """Return a folder with a log that has all topics and one message to answer, and with an empty state."""

    async def fill() -> None:
        log = opened_log(folder)
        await log.start()
        try:
            await log.apply_topics(await log.plan_topics([TopicSpec(topic.name, 1) for topic in CATALOGUE]))
            await log.append([event_to_record(kind.inbound())], 10.0)
        finally:
            await log.stop()
        state = state_of(folder)
        await state.open()
        await state.close()

    folder.mkdir()
    asyncio.run(fill())
    return folder


def copied(template: Path, folder: Path) -> Path:
    """Return a copy of a prepared folder."""
    return Path(shutil.copytree(template, folder))
