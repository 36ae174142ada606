"""Send: a crash between any two steps leaves one effect and one result."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection

from consumers.consumer import TryLater
from consumers.metrics import ConsumerMetrics
from consumers.send.consumer import send
from consumers.settings import SendSettings
from consumers.state.database import Database, Work
from consumers.state.ledger import Ledger
from providers.contract import SendReceipt, SendStatus
from schemas.envelope import read_event
from schemas.events import SendCompleted
from schemas.records import Record
from schemas.topics import RESULTS
from tests.support.consumed_log import MemoryLog
from tests.support.consumers import NOW, FakeSender, Phone, command, delivered

BUSY = SendReceipt(status=SendStatus.RETRY, retry_after=0.0, reason="rate_limited")
LOST = SendReceipt(status=SendStatus.UNKNOWN, reason="timeout")


class CrashError(BaseException):
    """The process ends here."""


class Fuse:
    """Counts the awaits of the send path and crashes at one of them, before or after it took effect."""

    def __init__(self, at: int) -> None:
        self._left = at

    def tick(self) -> None:
        """Pass one point, or crash at it."""
        self._left -= 1
        if self._left == 0:
            raise CrashError

    async def around(self, work: Callable[[], Any]) -> Any:
        """Pass the point before the work and the point after it."""
        self.tick()
        done = await work()
        self.tick()
        return done


class FusedDatabase(Database):
    """A state whose transactions pass the fuse."""

    fuse: Fuse

    async def run(self, work: Work[Any], undo: Callable[[Connection, Any], None] | None = None) -> Any:
        """Run through the fuse."""
        return await self.fuse.around(lambda: Database.run(self, work, undo))


class FusedSender(FakeSender):
    """A sender whose calls pass the fuse."""

    fuse: Fuse

    async def send(self, command_id: str, body: bytes) -> SendReceipt:
        """Call through the fuse."""
        answer: SendReceipt = await self.fuse.around(lambda: FakeSender.send(self, command_id, body))
        return answer


class FusedLog(MemoryLog):
    """A log whose appends pass the fuse."""

    fuse: Fuse

    async def append(self, records: Sequence[Record], wait: float) -> Any:
        """Append through the fuse."""
        return await self.fuse.around(lambda: MemoryLog.append(self, records, wait))


async def life(url: str, log: FusedLog, phone: Phone, fuse: Fuse, answers: list[SendReceipt]) -> bool:
    """Live one life of the process until the commit; False where it crashed."""
    database, sender, log.fuse = FusedDatabase(url), FusedSender(phone), fuse
    await database.open()
    ledger = Ledger(database)
    database.fuse = sender.fuse = fuse
    sender.answers = answers
    now = NOW.timestamp()
    consumer = send(
        SendSettings(attempts=6), log, {"main": sender}, ledger, ConsumerMetrics(CollectorRegistry()), lambda: now
    )
    try:
        while True:
            try:
                await consumer.handle(delivered(command()))
                fuse.tick()
            except TryLater as asked:
                now += asked.seconds
                continue
            return True
    except CrashError:
        return False
    finally:
        await database.close()


SCRIPTS = {"plain": [], "busy": [BUSY], "lost": [LOST], "lost_then_busy": [LOST, BUSY]}


@pytest.mark.parametrize("script", SCRIPTS)
async def test_a_crash_at_any_point_gives_one_effect_and_one_result(script: str, tmp_path: Path) -> None:
    """Between any two steps of claim, call, note, result and commit: one text, one distinct result, which says so."""
    at, survived = 0, False
    while not survived:
        at += 1
        log, phone, answers = FusedLog(), Phone(), list(SCRIPTS[script])
        url = f"sqlite:///{tmp_path / f'{at}.db'}"
        survived = await life(url, log, phone, Fuse(at), answers)
        if not survived:
            assert await life(url, log, phone, Fuse(0), answers)
        results = [read_event(record) for record in log.on(RESULTS.name)]
        assert phone.sent == 1, f"crash at point {at}"
        assert len({(item.envelope.id, item.record.value) for item in results}) == 1, f"crash at point {at}"
        assert {item.event.outcome for item in results if isinstance(item.event, SendCompleted)} == {"sent"}
    assert at > 8


async def test_two_crashes_give_one_effect_and_one_result(tmp_path: Path) -> None:
    """Also where the second life dies as well."""
    for first in range(1, 10):
        for second in range(1, 10):
            log, phone = FusedLog(), Phone()
            url = f"sqlite:///{tmp_path / f'{first}-{second}.db'}"
            for at in (first, second, 0):
                if await life(url, log, phone, Fuse(at), []):
                    break
            results = {read_event(record).envelope.id for record in log.on(RESULTS.name)}
            assert (phone.sent, len(results)) == (1, 1), f"crashes at {first} and {second}"
