"""A receiver on a real socket, and a log in memory that can be told to fail."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

import orjson
from prometheus_client import CollectorRegistry

from broker.log import Log, LogState, LogUnavailableError, Partition, Position, RecordRefusedError
from ingest.connection import Connection
from ingest.metrics import IngestMetrics
from ingest.server import Endpoint, Server
from ingest.settings import ServerSettings
from ingest.spool.spool import Spool
from schemas.envelope import Delivered, read_event
from schemas.records import Record, StoredRecord
from schemas.times import Clock
from schemas.topics import WEBHOOKS
from schemas.webhook import Webhook, webhook_from_record
from tests.support.sample_provider import NUMBER, SECRET, TEXT, endpoint

NOW = 1_767_225_600.0


class Mood(StrEnum):
    """How the log behaves."""

    WELL = "well"
    AWAY = "away"
    HUNG = "hung"
    BROKEN = "broken"


@dataclass
class MemoryLog:
    """The part of a log that the way in uses: append and state, in memory.

    `delay` is how long an append takes. `refuses` says of a record whether the log can never take it. `honest`
    logs give up at their wait; one that is not hangs for ever. `gate`, where set, holds every append until it opens.
    """

    mood: Mood = Mood.WELL
    delay: float = 0.0
    honest: bool = True
    refuses: Callable[[Record], bool] = lambda _record: False
    gate: asyncio.Event | None = None
    records: list[Record] = field(default_factory=list[Record])
    batches: list[int] = field(default_factory=list[int])
    waits: list[float] = field(default_factory=list[float])
    appending: int = 0
    starting: bool = False
    suspect: bool = False

    @property
    def state(self) -> LogState:
        """What the log can do now."""
        if self.starting:
            return LogState.STARTING
        if self.suspect:
            return LogState.SUSPECT
        return LogState.HEALTHY if self.mood is Mood.WELL else LogState.AWAY

    @property
    def reason(self) -> str:
        """Why it is not healthy: the state says it all."""
        return "" if self.state is LogState.HEALTHY else self.state.value

    async def append(self, records: Sequence[Record], wait: float) -> Sequence[Position]:
        """Store all of the records or none, as the mood has it."""
        self.waits.append(wait)
        self.appending += 1
        try:
            await self._behave(wait)
        finally:
            self.appending -= 1
        if any(self.refuses(record) for record in records):
            raise RecordRefusedError("too large")
        self.records.extend(records)
        self.batches.append(len(records))
        return [Position(Partition(record.topic, 0), at) for at, record in enumerate(records)]

    async def append_many(self, records: Sequence[Record], wait: float) -> Sequence[Position]:
        """Store them as `append` does."""
        return await self.append(records, wait)

    async def _behave(self, wait: float) -> None:
        if self.mood is Mood.AWAY:
            raise LogUnavailableError("away")
        if self.mood is Mood.BROKEN:
            raise ValueError(f"a bug that quotes {NUMBER}")
        if self.mood is Mood.HUNG:
            await self._hang(wait)
        if self.gate is not None:
            await self.gate.wait()
        if self.delay:
            await asyncio.sleep(self.delay)

    async def _hang(self, wait: float) -> None:
        if self.honest:
            await asyncio.sleep(wait)
            raise LogUnavailableError("too slow")
        await asyncio.Event().wait()

    @property
    def log(self) -> Log:
        """This log, as what it stands in for."""
        return cast("Log", self)

    @property
    def webhooks(self) -> list[Webhook]:
        """The raw webhooks that are stored."""
        return [webhook_from_record(record) for record in self.records if record.topic == WEBHOOKS.name]

    @property
    def events(self) -> list[Delivered]:
        """The events that are stored."""
        return [read_event(_stored(record)) for record in self.records if record.topic != WEBHOOKS.name]


def _stored(record: Record) -> StoredRecord:
    return StoredRecord(record.topic, 0, 0, record.timestamp, record.key, record.value, record.headers)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. `body` is what Content-Length told of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """A client's end of a connection. It sends bytes and reads answers, and helps with nothing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Send bytes now."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> Answer:
        """Read one answer."""
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = head.split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:-2])}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(lines[0].split()[1]), headers, body)

    async def closed(self) -> bool:
        """Wait for the other side to close; whether it sent nothing more."""
        async with asyncio.timeout(10):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True

    def reset(self) -> None:
        """Leave without a word."""
        self.writer.transport.abort()


@dataclass
class Bench:
    """A receiver under test."""

    server: Server
    memory: MemoryLog
    registry: CollectorRegistry

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncGenerator[Wire, None]:
        """Give a new connection."""
        reader, writer = await asyncio.open_connection(*self.server.address)
        try:
            yield Wire(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def ask(self, data: bytes) -> Answer:
        """Send bytes on a new connection and return the first answer."""
        async with self.connect() as wire:
            await wire.send(data)
            return await wire.answer()

    def value(self, name: str, **labels: str) -> float:
        """Return a figure of the metrics, 0 where it was never counted."""
        return self.registry.get_sample_value(f"hookline_{name}", labels) or 0.0

    @property
    def listening(self) -> bool:
        """Whether a new connection would be taken; the second part of a drain begins when not."""
        return self.server._listener is not None and self.server._listener.is_serving()

    @property
    def connections(self) -> list[Connection]:
        """The receiver's ends of the connections that are open."""
        found = self.server._connections
        return [] if found is None else [each for each in found.connections if isinstance(each, Connection)]

    def refused(self, reason: str, account: str = "main") -> float:
        """Return how many requests were refused for that reason."""
        return self.value("refusals_total", account=account, reason=reason)


@contextlib.asynccontextmanager
async def receiver(
    memory: MemoryLog | None = None,
    endpoints: Sequence[Endpoint] = (),
    *,
    clock: Clock = lambda: NOW,
    log: Log | None = None,
    spool: Spool | None = None,
    **settings: Any,
) -> AsyncGenerator[Bench, None]:
    """Give a receiver that listens on a free port, and end it well. `log` stands in for the memory one."""
    memory = memory or MemoryLog()
    registry = CollectorRegistry()
    chosen = ServerSettings(
        **dict[str, Any]({"listen": "127.0.0.1:0", "drain_listen": 0.0, "drain_finish": 2.0} | settings)
    )
    served = {each.account.name: each for each in (endpoints or (endpoint(),))}
    server = Server(chosen, served, log or memory.log, IngestMetrics(registry), clock, spool=spool)
    try:
        await server.start()
        yield Bench(server, memory, registry)
    finally:
        await server.drain()
        await server.close()


def body_of(*recipients: str, **fields: str) -> bytes:
    """Return the body of a webhook of the sample provider."""
    return orjson.dumps({"id": "m1", "from": NUMBER, "text": TEXT, "to": recipients or ("+15550100",), **fields})


def request_bytes(
    body: bytes = b"",
    *,
    method: str = "POST",
    target: str = "/webhooks/main",
    secret: str | None = SECRET,
    headers: Sequence[tuple[bytes, bytes]] = (),
    length: bool = True,
) -> bytes:
    """Return a request as it goes over the wire."""
    lines = [f"{method} {target} HTTP/1.1".encode(), b"Host: hooks.example"]
    if secret is not None:
        lines.append(b"X-Sample-Secret: " + secret.encode())
    lines += [name + b": " + value for name, value in headers]
    if length:
        lines.append(b"Content-Length: " + str(len(body)).encode())
    return b"\r\n".join((*lines, b"", body))


def chunked(*chunks: bytes) -> bytes:
    """Return chunks as HTTP frames them."""
    return b"".join(f"{len(chunk):x}".encode() + b"\r\n" + chunk + b"\r\n" for chunk in chunks) + b"0\r\n\r\n"


async def until(condition: Callable[[], bool], patience: float = 5.0) -> None:
    """Wait until it is true. Fails when patience ends."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - figures and states have no event to wait for
            await asyncio.sleep(0.005)
