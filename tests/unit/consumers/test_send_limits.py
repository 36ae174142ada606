"""Send: rates of accounts and numbers, an account that has to wait, places that no account takes from another."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from consumers.consumer import Consumer, TryLater
from consumers.send.settings import SendAccount, SendSettings
from providers.contract import SendReceipt, SendStatus
from tests.support.consumers import NOW, FakeSender, Phone, command, delivered, until
from tests.support.sending import Office

OTHER = "+15550000009"
WAIT = SendReceipt(status=SendStatus.RETRY, retry_after=120.0, reason="rate_limited")


def settings(*, account_rate: float = 0.0, sender_rate: float = 0.0) -> SendSettings:
    """Return settings with limits."""
    return SendSettings(attempts=3, timeout=5.0, account_rate=account_rate, sender_rate=sender_rate)


async def pause_of(consumer: Consumer, number: int, **fields: Any) -> tuple[float, str]:
    """Return how long and why a command has to wait; nothing where it is carried out."""
    try:
        await consumer.handle(delivered(command(number, **fields)))
    except TryLater as later:
        return round(later.seconds, 3), later.reason
    return 0.0, ""


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


async def test_an_account_sends_no_more_than_its_rate(office: Office) -> None:
    """Each gets a turn of its own, one after the other."""
    office.settings = settings(account_rate=2.0)
    consumer = office.consumer()
    found = [await pause_of(consumer, number) for number in range(4)]
    assert found == [(0.0, ""), (0.5, "account_rate"), (1.0, "account_rate"), (1.5, "account_rate")]
    office.bench.now += 0.5
    assert await pause_of(consumer, 1) == (0.0, "")
    assert await pause_of(consumer, 2) == (0.5, "account_rate")
    assert office.bench.count("send_waits_total", account="main", reason="account_rate") == 4


async def test_a_number_sends_no_more_than_its_rate_and_no_other_waits_for_it(office: Office) -> None:
    """Each number has a rate of its own."""
    office.settings = settings(sender_rate=1.0, account_rate=100.0)
    consumer = office.consumer()
    assert [await pause_of(consumer, number) for number in range(3)] == [
        (0.0, ""),
        (1.0, "sender_rate"),
        (2.0, "sender_rate"),
    ]
    office.bench.now += 0.1
    assert await pause_of(consumer, 9, from_=OTHER) == (0.0, "")


async def test_commands_that_expire_before_their_turn_hold_up_no_new_ones(office: Office) -> None:
    """Forty of use for 5 seconds, at two a second: what comes when they are over goes at once."""
    office.settings = settings(account_rate=2.0)
    consumer, end = office.consumer(), NOW + timedelta(seconds=5)
    pauses = [await pause_of(consumer, number, expires_at=end) for number in range(40)]
    assert max(seconds for seconds, _ in pauses) == 5.0
    office.bench.now += 8
    assert [await pause_of(consumer, number, expires_at=end) for number in range(1, 40)] == [(0.0, "")] * 39
    assert Counter(result.outcome for result in office.results) == {"sent": 1, "expired": 39}
    late = NOW + timedelta(seconds=15)
    assert [await pause_of(consumer, number, expires_at=late) for number in (900, 901)] == [
        (0.0, ""),
        (0.5, "account_rate"),
    ]


async def test_an_account_has_rates_of_its_own(office: Office) -> None:
    """Also none at all."""
    office.settings = SendSettings(account_rate=0.1, accounts=(SendAccount(name="main", account_rate=0.0),))
    consumer = office.consumer()
    assert [await pause_of(consumer, number) for number in range(3)] == [(0.0, "")] * 3


async def test_a_command_that_was_carried_out_takes_no_turn(office: Office) -> None:
    """What comes again after a rebalance does not hold up what is new."""
    office.settings = settings(account_rate=1.0)
    consumer = office.consumer()
    await pause_of(consumer, 0)
    assert [await pause_of(consumer, 0) for _ in range(5)] == [(0.0, "")] * 5
    assert await pause_of(consumer, 1) == (1.0, "account_rate")


async def test_a_provider_that_asks_to_wait_stops_the_whole_account(office: Office) -> None:
    """The other commands wait without a call, and the figures tell until when."""
    office.sender.answers = [WAIT]
    consumer = office.consumer()
    assert await pause_of(consumer, 0) == (120.0, "rate_limited")
    office.bench.now += 20
    assert await pause_of(consumer, 1) == (100.0, "account_paused")
    assert len(office.phone.calls) == 1
    assert office.bench.count("send_paused_until_seconds", account="main") == office.bench.now + 100
    office.bench.now += 100
    assert [await pause_of(consumer, number) for number in (0, 1)] == [(0.0, "")] * 2


async def test_too_many_calls_without_a_word_of_when_stop_the_whole_account_too(office: Office) -> None:
    """One command learns it for all: the others make no call of their own before a pause of ours is over."""
    office.sender.answers = [SendReceipt(status=SendStatus.RETRY, http_status=429, reason="rate_limited")]
    consumer = office.consumer()
    assert await pause_of(consumer, 0) == (5.0, "rate_limited")
    assert [await pause_of(consumer, number) for number in (1, 2)] == [(5.0, "account_paused")] * 2
    assert len(office.phone.calls) == 1
    office.bench.now += 5
    assert [await pause_of(consumer, number) for number in (0, 1)] == [(0.0, "")] * 2


async def test_an_account_that_has_to_wait_stops_no_other(office: Office) -> None:
    """Its pause is its own."""
    other = FakeSender(Phone())
    office.sender.answers = [WAIT]
    consumer = office.consumer({"main": office.sender, "second": other})
    await pause_of(consumer, 0)
    assert await pause_of(consumer, 1, account="second") == (0.0, "")
    assert other.phone.sent == 1


async def test_a_slow_account_takes_no_place_of_another(office: Office) -> None:
    """However much it has to send."""
    slow, quick = HeldSender(Phone()), FakeSender(Phone())
    office.settings = SendSettings(calls_at_once=2)
    consumer = office.consumer({"main": slow, "second": quick})
    office.bench.fill(*(command(number, to=f"+1555{number:07}") for number in range(40)))
    office.bench.fill(*(command(number, account="second", to=f"+1666{number:07}") for number in range(5)))
    office.bench.run(consumer)
    await until(lambda: quick.phone.sent == 5)
    assert (slow.begun, slow.phone.sent) == (2, 0)
    slow.go.set()
    await until(lambda: slow.phone.sent == 40)
    await office.bench.stop()


async def test_who_finds_neither_place_nor_room_comes_again(office: Office) -> None:
    """One in its call, one that waits; the third gives its place in the loop back."""
    office.sender = slow = HeldSender(office.phone)
    office.settings = SendSettings(calls_at_once=1)
    consumer = office.consumer()
    tasks = [asyncio.ensure_future(consumer.handle(delivered(command(number)))) for number in range(2)]
    await until(lambda: slow.begun == 1)
    assert (await pause_of(consumer, 2))[1] == "account_busy"
    slow.go.set()
    await asyncio.gather(*tasks)
    assert await pause_of(consumer, 2) == (0.0, "")


async def test_a_place_is_not_waited_for_without_end(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler's time is the loop's to give."""
    monkeypatch.setattr("consumers.send.gate.PLACE_WAIT", 0.01)
    office.sender = slow = HeldSender(office.phone)
    office.settings = SendSettings(calls_at_once=1)
    consumer = office.consumer()
    first = asyncio.ensure_future(consumer.handle(delivered(command(0))))
    await until(lambda: slow.begun == 1)
    assert (await pause_of(consumer, 1))[1] == "account_busy"
    slow.go.set()
    await first


async def test_a_paused_account_with_a_long_backlog_keeps_nobody_from_being_read(office: Office) -> None:
    """Its commands wait in the retry topic, however many stand before those of another account."""
    paused, quick = FakeSender(office.phone, WAIT), FakeSender(Phone())
    office.settings = SendSettings(calls_at_once=1)
    consumer = office.consumer({"main": paused, "second": quick})
    office.bench.fill(*(command(number, to=f"+1555{number:07}") for number in range(400)))
    office.bench.fill(*(command(number, account="second", to=f"+1666{number:07}") for number in range(3)))
    office.bench.run(consumer)
    await until(lambda: quick.phone.sent == 3)
    await until(lambda: office.bench.log.done("send") == 403)
    await office.bench.stop()
    assert (office.phone.sent, len(office.phone.calls)) == (0, 1)
    assert len(office.bench.log.on("messaging.commands.v1.send.retry")) == 400
    assert office.bench.count("dead_letters_total", consumer="send") == 0
