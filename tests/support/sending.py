"""Send with all its parts: an office whose clock moves on with each pause, senders that can be asked, consents."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from consumers.consent.permission import Consents, Permission
from consumers.consumer import Consumer, TryLater
from consumers.send.consumer import send
from consumers.send.settings import SendSettings
from consumers.state.database import Database, StateError
from consumers.state.ledger import Claim, Ledger
from providers.contract import Sender, SendReceipt, SendStatus
from schemas.envelope import Delivered, read_event
from schemas.events import ConsentChanged, SendCompleted, SendRequested
from schemas.times import Clock
from schemas.topics import RESULTS
from schemas.vocabulary import Consent
from tests.support.consumers import Bench, FakeSender, Phone

CALL = 15.0
LOST = SendReceipt(status=SendStatus.UNKNOWN, reason="timeout")
CANNOT_ASK = SendReceipt(status=SendStatus.RETRY, reason="look_up_failed")


class AskedSender(FakeSender):
    """A sender that can be asked what the phone took, and nothing else: it sends twice what is sent twice.

    `reaches` is whether a call whose answer is lost comes to the phone; `asked` counts the questions, of which the
    first `silent` are not answered.
    """

    def __init__(self, phone: Phone, *answers: SendReceipt, reaches: bool = True, silent: int = 0) -> None:
        super().__init__(phone, *answers, idempotent=False)
        self.reaches, self.silent, self.asked = reaches, silent, 0

    async def send(self, command_id: str, body: bytes) -> SendReceipt:
        """Send, or lose the call on its way."""
        if self.answers and self.answers[0].status is SendStatus.UNKNOWN and not self.reaches:
            self.phone.calls.append((command_id, body))
            return self.answers.pop(0)
        return await super().send(command_id, body)

    @property
    def settles(self) -> float:
        """A minute."""
        return 60.0

    async def look_up(self, command_id: str, body: bytes) -> SendReceipt | None:
        """Answer from what the phone has."""
        await asyncio.sleep(0)
        self.asked += 1
        if self.asked <= self.silent:
            return CANNOT_ASK
        if command_id not in self.phone.effects:
            return None
        assert self.phone.effects[command_id] == body
        return SendReceipt(status=SendStatus.ACCEPTED, message_id=f"sent-{command_id}", reason="found_afterwards")


@dataclass
class FakeConsents:
    """A book of consents in which some numbers stand as opted out or in `since` then; `broken` answers nothing."""

    opted_out: set[str] = field(default_factory=set[str])
    opted_in: set[str] = field(default_factory=set[str])
    asked: list[tuple[str, str, str | None]] = field(default_factory=list[tuple[str, str, str | None]])
    broken: bool = False
    since: datetime | None = None

    async def may_text(
        self, account: str, number: str, sender: str | None, said: ConsentChanged | None = None
    ) -> Permission:
        """Answer from the set."""
        await asyncio.sleep(0)
        if self.broken:
            raise StateError("away")
        self.asked.append((account, number, sender))
        allowed = number not in self.opted_out and (said is None or said.consent != Consent.OPTED_OUT)
        known = Consent.OPTED_IN if number in self.opted_in else Consent.UNKNOWN
        return Permission(allowed=allowed, consent=known if allowed else Consent.OPTED_OUT, since=self.since)


class Office:
    """A send consumer with all its parts. Each `consumer` is what a new process has."""

    def __init__(self, url: str) -> None:
        self.bench = Bench()
        self.url = url
        self.phone = Phone()
        self.database = Database(url)
        self.ledger: Ledger = Ledger(self.database)
        self.sender = FakeSender(self.phone)
        self.settings = SendSettings(attempts=3, timeout=5.0)
        self.consents: Consents | None = None

    def consumer(self, senders: Mapping[str, Sender] | None = None, moment: Clock | None = None) -> Consumer:
        """Return the consumer; its seconds for rates and pauses are the bench's unless another clock is given."""
        return send(
            self.settings,
            self.bench.log,
            {"main": self.sender} if senders is None else senders,
            self.ledger,
            self.bench.metrics,
            lambda: self.bench.now,
            consents=self.consents,
            moment=moment or (lambda: self.bench.now),
        )

    async def carry_out(self, event: Delivered, senders: Mapping[str, Sender] | None = None) -> None:
        """Handle the event as the loop does, again and again while the consumer asks for a pause."""
        consumer = self.consumer(senders)
        for _ in range(20):
            try:
                return await consumer.handle(event)
            except TryLater as asked:
                self.bench.now += asked.seconds
        raise AssertionError("asked for a pause without end")

    @property
    def results(self) -> list[SendCompleted]:
        """The results on the log."""
        found = [read_event(record).event for record in self.bench.log.on(RESULTS.name)]
        return [event for event in found if isinstance(event, SendCompleted)]


class SlowLedger(Ledger):
    """The ledger of an office whose first `times` claims take `seconds` on its clock; `then` follows them."""

    def __init__(
        self, office: Office, seconds: float, then: Callable[[], object] = lambda: None, times: float = math.inf
    ) -> None:
        super().__init__(office.database)
        self._bench, self._seconds, self._then, self._times = office.bench, seconds, then, times

    async def claim(self, command: SendRequested, body: bytes, now: float, call_time: float) -> Claim:
        """Claim, late."""
        found = await super().claim(command, body, now, call_time)
        if self._times > 0:
            self._times -= 1
            self._bench.now += self._seconds
            self._then()
        return found


@asynccontextmanager
async def opened_office(folder: Path) -> AsyncIterator[Office]:
    """Give an office with an open ledger."""
    made = Office(f"sqlite:///{folder / 'state.db'}")
    await made.database.open()
    try:
        yield made
    finally:
        await made.database.close()
