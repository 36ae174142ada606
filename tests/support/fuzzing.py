"""Any bytes against a running receiver of all providers, and what must hold whatever they are."""

import asyncio
import contextlib
import logging
import os
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

from structlog.testing import capture_logs

from ingest.connection import Connection
from ingest.server import Endpoint
from tests.support.cases import CASES
from tests.support.provider_cases import NOW, Sample, request_of
from tests.support.receiver import Bench, MemoryLog, receiver, request_bytes, until

CORPUS = Path(__file__).parents[1] / "fixtures" / "fuzz"
BRIEF = 0.05
"""Seconds that half a request is waited for here, so that each example ends soon."""

_RECEIVED = [0]
"""Bytes that the receivers of this process took in: at rest is who has read all that was sent."""

_EXAMPLES = "HOOKLINE_FUZZ_EXAMPLES"
_STATUS = re.compile(rb"HTTP/(?:1\.[01]|0\.9) (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
_LENGTH = re.compile(rb"(?im)^content-length: (\d+)\r$")


def examples(usual: int) -> int:
    """Return how many examples a test runs: its usual number, or what `make fuzz` asks for."""
    return int(os.environ.get(_EXAMPLES, usual))


def genuine(name: str) -> bytes:
    """Return a request of that provider as it goes over the wire, proved."""
    case = CASES[name]
    sample: Sample = replace(case.story.delivered)
    target = sample.target.replace("/webhooks/main", f"/webhooks/{name}")
    request = replace(request_of(sample), target=target)
    fields = {**dict(request.headers), **case.ways[0].prove(request, NOW)}
    headers = [(key.encode(), value.encode()) for key, value in fields.items()]
    return request_bytes(sample.body, method=sample.method, target=target, secret=None, headers=headers)


def _endpoint(name: str) -> Endpoint:
    case = CASES[name]
    account = replace(case.account(), name=name)
    brief = replace(case.provider, policy=replace(case.provider.policy, body_wait=BRIEF))
    return Endpoint(account, brief, case.provider.verifier(account))


_take_in = Connection.data_received


def _count(connection: Connection, data: bytes) -> None:
    _RECEIVED[0] += len(data)
    _take_in(connection, data)


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """What came of bytes: the statuses of the answers in order, and whether the connection was closed on us."""

    statuses: tuple[int, ...]
    closed: bool


@contextlib.asynccontextmanager
async def everybody() -> AsyncGenerator[Bench, None]:
    """Give a receiver with an account of every provider, impatient, whose log lines are held to be quiet."""
    with (
        mock.patch("ingest.connection.HEAD_WAIT", BRIEF),
        mock.patch.object(Connection, "data_received", _count),
        capture_logs() as lines,
        _standard_log() as records,
    ):
        async with receiver(MemoryLog(), [_endpoint(name) for name in CASES], duplicate_window=0) as bench:
            yield bench
    faults = [line for line in lines if line["event"] in {"receiver_fault", "connection_fault"}]
    assert (faults, [record.getMessage() for record in records]) == ([], [])


async def attack(bench: Bench, pieces: Sequence[bytes]) -> Fuzzed:
    """Send the pieces on a new connection, wait until the receiver has nothing in hand, and return what it said."""
    before = _RECEIVED[0]
    async with bench.connect() as wire:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                await wire.send(piece)
                await asyncio.sleep(0)
        reading = asyncio.create_task(_read_all(wire.reader))
        sent = sum(len(piece) for piece in pieces)
        await until(lambda: reading.done() or (_RECEIVED[0] - before >= sent and _at_rest(bench)), 20)
        closed = reading.done() or not bench.connections
        with contextlib.suppress(OSError):
            wire.writer.write_eof()
        async with asyncio.timeout(10):
            data = await reading
    return Fuzzed(statuses_of(data), closed)


def statuses_of(data: bytes) -> tuple[int, ...]:
    """Return the statuses of answers that follow each other. Fails for bytes that are no answers."""
    found: list[int] = []
    while data:
        head = _STATUS.match(data)
        assert head is not None, data[:100]
        length = _LENGTH.search(head[2])
        data = data[head.end() + (int(length[1]) if length else 0) :]
        found.append(int(head[1]))
    return tuple(found)


def keep(pieces: Sequence[bytes]) -> None:
    """Write a case that failed among the others; the last one that hypothesis tries is the smallest."""
    if _EXAMPLES in os.environ:
        (CORPUS / "found.raw").write_bytes(b"".join(pieces))


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65_536):
            data += piece
    return data


def _at_rest(bench: Bench) -> bool:
    return all(each.idle and each._head_timer is None and each._probe_timer is None for each in bench.connections)


class _Kept(logging.Handler):
    """Keeps what libraries write: a traceback would be among it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.records.append(record)


@contextlib.contextmanager
def _standard_log() -> Iterator[list[logging.LogRecord]]:
    kept = _Kept()
    logging.getLogger().addHandler(kept)
    try:
        yield kept.records
    finally:
        logging.getLogger().removeHandler(kept)
