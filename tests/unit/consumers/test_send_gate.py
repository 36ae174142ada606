"""The gate of an account: distances between calls, whatever is late, and what is done about a full account."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from structlog.testing import capture_logs

from consumers.consumer import TryLater
from consumers.send.gate import BUSY_FOR, BUSY_PAUSES, SHORT_PAUSES
from consumers.send.settings import SendSettings
from providers.contract import SendReceipt, SendStatus
from tests.support.consumers import NOW, FakeSender, Phone, command, delivered, until
from tests.support.sending import Office, SlowLedger

RATE = 20.0
WAIT = SendReceipt(status=SendStatus.RETRY, retry_after=60.0, reason="rate_limited")


class TimedSender(FakeSender):
    """A sender that notes when it is called."""

    def __init__(self, phone: Phone) -> None:
        super().__init__(phone)
        self.times: list[float] = []

    async def send(self, command_id: str, body: bytes) -> SendReceipt:
        """Note the time, and send."""
        self.times.append(time.monotonic())
        return await super().send(command_id, body)


class HeldSender(FakeSender):
    """A sender whose calls do not end before they are told to."""

    def __init__(self, phone: Phone) -> None:
        super().__init__(phone)
        self.go = asyncio.Event()
        self.begun = 0

    async def send(self, command_id: str, body: bytes) -> SendReceipt:
        """Wait, then send."""
        self.begun += 1
        await self.go.wait()
        return await super().send(command_id, body)


async def test_claims_that_end_together_are_called_apart(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate holds at the call: a state that was slow for a moment makes no burst."""
    office.settings = SendSettings(account_rate=RATE)
    office.sender = sender = TimedSender(office.phone)
    claim, gathered = office.ledger.claim, asyncio.Event()

    async def slow(*parts: Any) -> Any:
        found = await claim(*parts)
        if parts[1]:
            await gathered.wait()
        return found

    monkeypatch.setattr(office.ledger, "claim", slow)
    consumer = office.consumer(moment=time.monotonic)

    async def carried_out(number: int) -> None:
        while True:
            try:
                return await consumer.handle(delivered(command(number)))
            except TryLater as later:
                await asyncio.sleep(later.seconds)

    tasks = [asyncio.ensure_future(carried_out(number)) for number in range(5)]
    asyncio.get_running_loop().call_later(6 / RATE, gathered.set)
    await asyncio.gather(*tasks)
    assert len(sender.times) == 5
    assert all(later - earlier >= 0.99 / RATE for earlier, later in pairwise(sender.times))


async def test_a_claim_that_took_too_long_is_made_anew(office: Office) -> None:
    """Else another member would take the call for over while it is under way; nothing is in doubt by it."""
    office.sender = FakeSender(office.phone, idempotent=False)
    office.ledger = SlowLedger(office, 14.0, times=1)
    consumer = office.consumer()
    with pytest.raises(TryLater, match="claim_too_old"):
        await consumer.handle(delivered(command()))
    assert office.phone.calls == []
    await office.carry_out(delivered(command()))
    assert [(each.outcome, each.reason) for each in office.results] == [("sent", None)]


async def test_a_member_that_slept_while_commands_waited_for_a_place_begins_none_of_their_calls(
    office: Office,
) -> None:
    """Another may have its partitions by now: they go on once Kafka has answered, and nothing is in doubt by it."""
    office.sender = slow = HeldSender(office.phone)
    office.settings = replace(office.settings, calls_at_once=1)
    office.bench.fill(command(0), command(1, to="+15550000001"))
    loop = office.bench.run(office.consumer())
    await until(lambda: slow.begun == 1 and handlers() == 2)
    (member,) = office.bench.log.members
    member.certain = False
    slow.go.set()
    await until(lambda: loop.health().reason == "place_in_doubt")
    assert slow.begun == 1
    member.certain = True
    await until(lambda: len(office.results) == 2)
    assert [(each.outcome, each.reason) for each in office.results] == [("sent", None)] * 2
    await office.bench.stop()


def handlers() -> int:
    """Return how many handlers of send run."""
    return sum(task.get_name() == "handler of send" for task in asyncio.all_tasks())


@pytest.mark.parametrize("others", [True, False])
async def test_an_account_that_stays_full_lets_others_be_read(office: Office, *, others: bool) -> None:
    """Who finds no room goes to the retry topic; where nobody else sends it waits in place, which is quicker."""
    slow, quick = HeldSender(office.phone), FakeSender(Phone())
    office.settings = replace(office.settings, calls_at_once=1)
    consumer = office.consumer({"main": slow, "second": quick} if others else {"main": slow})
    tasks = [asyncio.ensure_future(consumer.handle(delivered(command(number)))) for number in range(2)]
    await until(lambda: len(asyncio.all_tasks()) > 2)
    await asyncio.sleep(0)
    pauses = [await pause_of_busy(consumer)]
    office.bench.now += BUSY_FOR
    pauses.append(await pause_of_busy(consumer))
    slow.go.set()
    await asyncio.gather(*tasks)
    assert pauses[0] <= 1.5
    assert (pauses[1] >= BUSY_PAUSES[0]) is others


async def pause_of_busy(consumer: Any) -> float:
    """Return how long a command is told to wait for a place."""
    with pytest.raises(TryLater, match="account_busy") as later:
        await consumer.handle(delivered(command(9)))
    return later.value.seconds


async def test_no_first_call_is_made_when_its_command_expires_in_the_claim(office: Office) -> None:
    """A state that is slow for seconds makes no late text."""
    office.ledger = SlowLedger(office, 4.0)
    event, consumer = delivered(command(expires_at=NOW + timedelta(seconds=3))), office.consumer()
    with pytest.raises(TryLater, match="expired"):
        await consumer.handle(event)
    await consumer.handle(event)
    assert office.phone.calls == []
    assert [result.outcome for result in office.results] == ["expired"]


@pytest.mark.parametrize("second", [(), (WAIT,)])
async def test_one_command_goes_first_after_a_pause(office: Office, second: tuple[SendReceipt, ...]) -> None:
    """A provider that still has too many calls is not called from all places at once; one that has not, is."""
    office.sender = sender = HeldSender(office.phone)
    sender.answers = [WAIT, *second]
    consumer = office.consumer()
    sender.go.set()
    with pytest.raises(TryLater, match="rate_limited"):
        await consumer.handle(delivered(command(0)))
    office.bench.now += 60.0
    sender.go.clear()
    first = asyncio.ensure_future(consumer.handle(delivered(command(1))))
    await until(lambda: sender.begun == 2)
    with pytest.raises(TryLater, match="account_paused"):
        await consumer.handle(delivered(command(2)))
    sender.go.set()
    await asyncio.gather(first, return_exceptions=True)
    others = (consumer.handle(delivered(command(3 + number))) for number in range(3))
    outcomes = await asyncio.gather(*others, return_exceptions=True)
    assert [isinstance(outcome, TryLater) for outcome in outcomes] == [bool(second)] * 3
    assert sender.begun == (2 if second else 5)


async def test_one_that_makes_no_call_after_a_pause_lets_another_go_first(office: Office) -> None:
    """Only a call tells whether the pause was long enough."""
    office.sender = sender = HeldSender(office.phone)
    sender.answers = [WAIT]
    sender.go.set()
    consumer = office.consumer()
    with pytest.raises(TryLater, match="rate_limited"):
        await consumer.handle(delivered(command(0)))
    office.bench.now += 60.0
    sender.go.clear()
    await consumer.handle(delivered(command(1, expires_at=NOW)))
    first = asyncio.ensure_future(consumer.handle(delivered(command(2))))
    await until(lambda: sender.begun == 2)
    with pytest.raises(TryLater, match="account_paused"):
        await consumer.handle(delivered(command(3)))
    sender.go.set()
    await first
    assert sender.begun == 2


async def test_a_call_without_an_answer_lets_another_go_first(office: Office) -> None:
    """A provider that cannot be reached has not told that the pause was long enough."""
    lost = SendReceipt(status=SendStatus.RETRY, reason="not_connected")
    office.sender = sender = HeldSender(office.phone)
    sender.answers = [WAIT, lost]
    sender.go.set()
    consumer = office.consumer()
    for number in range(2):
        with pytest.raises(TryLater):
            await consumer.handle(delivered(command(number)))
        office.bench.now += 60.0
    sender.go.clear()
    first = asyncio.ensure_future(consumer.handle(delivered(command(2))))
    await until(lambda: sender.begun == 3)
    with pytest.raises(TryLater, match="account_paused"):
        await consumer.handle(delivered(command(3)))
    sender.go.set()
    await first


async def test_the_others_come_again_soon_while_the_first_call_is_short(office: Office) -> None:
    """Beside other accounts too: only a call that lasts sends them to the retry topic."""
    office.sender = sender = HeldSender(office.phone)
    sender.answers = [WAIT]
    sender.go.set()
    consumer = office.consumer({"main": sender, "second": FakeSender(Phone())})
    with pytest.raises(TryLater, match="rate_limited"):
        await consumer.handle(delivered(command(0)))
    office.bench.now += 60.0
    sender.go.clear()
    first = asyncio.ensure_future(consumer.handle(delivered(command(1))))
    await until(lambda: sender.begun == 2)
    with pytest.raises(TryLater, match="account_paused") as soon:
        await consumer.handle(delivered(command(2)))
    office.bench.now += BUSY_FOR
    with pytest.raises(TryLater, match="account_paused") as late:
        await consumer.handle(delivered(command(3)))
    sender.go.set()
    await first
    assert soon.value.seconds <= SHORT_PAUSES[1] < BUSY_PAUSES[0] <= late.value.seconds


async def test_a_pause_that_many_calls_hear_of_is_told_once(office: Office) -> None:
    """An account has as many lines as pauses, whatever it has places."""
    office.sender.answers = [WAIT, WAIT, replace(WAIT, retry_after=120.0)]
    consumer = office.consumer()
    with capture_logs() as lines:
        await asyncio.gather(*(consumer.handle(delivered(command(n))) for n in range(3)), return_exceptions=True)
    assert [line["seconds"] for line in lines if line["event"] == "account_paused"] == [60.0, 120.0]
