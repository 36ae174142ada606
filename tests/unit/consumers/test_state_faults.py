"""Consumers whose state goes away: they wait, say why, and go on when it is back, with one effect."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from consumers.consumer import Consumer, TryLater
from consumers.loop.run import ConsumerHealth
from consumers.loop.tempo import Tempo
from consumers.send.consumer import send
from consumers.send.settings import SendSettings
from consumers.state.database import Database
from consumers.state.ledger import Ledger
from hookline.consuming.with_state import WithState
from providers.contract import SendReceipt
from schemas.topics import RESULTS
from tests.support.consumers import NOW, Bench, FakeSender, Phone, command, delivered, until
from tests.support.postgresql import PostgresServer, own_server

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """Give a server that a test may stop, if it starts it again."""
    with own_server() as made:
        yield made


@pytest.fixture
async def database(server: PostgresServer) -> AsyncIterator[Database]:
    """Give an open state on that server."""
    made = Database(server.url())
    await made.open()
    yield made
    await made.close()


def consumer(database: Database, bench: Bench, sender: FakeSender) -> Consumer:
    """Return a send consumer on the state."""
    now = NOW.timestamp()
    return send(SendSettings(), bench.log, {"main": sender}, Ledger(database), bench.metrics, lambda: now)


async def test_a_command_waits_for_a_server_that_is_away(server: PostgresServer, database: Database) -> None:
    """Nothing is sent without a claim; when the server is back it is sent, once."""
    bench, phone = Bench(), Phone()
    sending = consumer(database, bench, FakeSender(phone))
    await asyncio.to_thread(server.stop)
    for _ in range(3):
        with pytest.raises(TryLater) as asked:
            await sending.handle(delivered(command(1)))
        assert asked.value.reason == "state_unavailable"
    assert phone.sent == 0
    await asyncio.to_thread(server.start)
    await sending.handle(delivered(command(1)))
    assert (phone.sent, len(bench.log.on(RESULTS.name))) == (1, 1)


class Interrupted(FakeSender):
    """A sender during whose first call the server dies."""

    def __init__(self, phone: Phone, server: PostgresServer) -> None:
        super().__init__(phone)
        self.server: PostgresServer | None = server

    async def send(self, command_id: str, body: bytes) -> SendReceipt:
        """Send, and take the server away."""
        receipt = await super().send(command_id, body)
        if self.server is not None:
            await asyncio.to_thread(self.server.stop)
            self.server = None
        return receipt


async def test_a_server_that_dies_during_a_call_gives_one_effect(server: PostgresServer, database: Database) -> None:
    """The answer is kept until the state takes it; nobody is called again."""
    bench, phone = Bench(), Phone()
    sending = consumer(database, bench, Interrupted(phone, server))
    with pytest.raises(TryLater) as asked:
        await sending.handle(delivered(command(2)))
    assert asked.value.reason == "state_unavailable"
    await asyncio.to_thread(server.start)
    await sending.handle(delivered(command(2)))
    assert (phone.sent, len(phone.calls), len(bench.log.on(RESULTS.name))) == (1, 1, 1)


@dataclass
class Idle:
    """A loop that runs until it is told to stop."""

    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    runs: int = 0

    async def run(self) -> None:
        """Run."""
        self.runs += 1
        await self.stopping.wait()

    def stop(self) -> None:
        """End."""
        self.stopping.set()

    def health(self) -> ConsumerHealth:
        """Tell."""
        return ConsumerHealth("send", running=self.runs > 0, assigned=frozenset(), reason=None, last_progress=None)


async def test_a_consumer_starts_when_its_server_does(server: PostgresServer) -> None:
    """Until then it is down and says why."""
    made, idle = Database(server.url()), Idle()
    loop = WithState(idle, made, Tempo(first_pause=0.05, longest_pause=0.05))
    await asyncio.to_thread(server.stop)
    running = asyncio.create_task(loop.run())
    await until(lambda: loop.health().reason == "state_unavailable")
    assert idle.runs == 0
    await asyncio.to_thread(server.start)
    await until(lambda: idle.runs == 1)
    assert loop.health().reason is None
    loop.stop()
    await running
    await made.close()


@pytest.mark.may_block
async def test_a_command_waits_for_a_file_that_another_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a server that is away."""
    monkeypatch.setattr("consumers.state.engines.BUSY_WAIT", 0.05)
    made, bench, phone = Database(f"sqlite:///{tmp_path / 'state.db'}"), Bench(), Phone()
    await made.open()
    sending = consumer(made, bench, FakeSender(phone))
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(TryLater) as asked:
            await sending.handle(delivered(command()))
    assert (asked.value.reason, phone.sent) == ("state_unavailable", 0)
    await sending.handle(delivered(command()))
    assert phone.sent == 1
    await made.close()
