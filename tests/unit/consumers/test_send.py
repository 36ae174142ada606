"""Send: one effect and one result for each command, whatever is interrupted where."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from broker.log import LogUnavailableError
from consumers.auto_reply.consumer import auto_reply
from consumers.consumer import Consumer, TryLater
from consumers.send.consumer import RESEND_WITHIN, send
from consumers.settings import AutoReplySettings, Rule, SendSettings
from consumers.state.database import Database
from consumers.state.ledger import Ledger
from providers.contract import Sender, SendReceipt, SendStatus
from schemas.envelope import Delivered, event_to_record, read_event
from schemas.events import ProviderError, SendCompleted
from schemas.topics import RESULTS
from tests.support.consumers import NOW, Bench, FakeSender, Phone, command, delivered, inbound, until

BUSY = SendReceipt(status=SendStatus.RETRY, retry_after=0.0, reason="rate_limited")
CALL = 15.0
LOST = SendReceipt(status=SendStatus.UNKNOWN, reason="timeout")


class Office:
    """A send consumer with all its parts; `restart` is what a new process sees."""

    def __init__(self, url: str) -> None:
        self.bench = Bench()
        self.url = url
        self.phone = Phone()
        self.database = Database(url)
        self.ledger = Ledger(self.database)
        self.sender = FakeSender(self.phone)
        self.settings = SendSettings(attempts=3, timeout=5.0)

    def consumer(self, senders: Mapping[str, Sender] | None = None) -> Consumer:
        """Return the consumer."""
        return send(
            self.settings,
            self.bench.log,
            {"main": self.sender} if senders is None else senders,
            self.ledger,
            self.bench.metrics,
            lambda: self.bench.now,
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


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """Give an office with an open ledger."""
    made = Office(f"sqlite:///{tmp_path / 'state.db'}")
    await made.database.open()
    yield made
    await made.database.close()


async def test_a_command_is_sent_and_its_result_stored(office: Office) -> None:
    """One call under the command's id, one result that names it."""
    await office.carry_out(delivered(command()))
    assert [call[0] for call in office.phone.calls] == ["command-0"]
    (result,) = office.results
    assert (result.outcome, result.command_id, result.message_id) == ("sent", "command-0", "sent-command-0")
    assert (result.in_reply_to, result.tenant, result.account) == ("message-0", "acme", "main")
    assert office.bench.count("sends_total", outcome="sent") == 1


async def test_a_command_that_comes_again_is_not_sent_again(office: Office) -> None:
    """The same result is given again, byte for byte."""
    for _ in range(2):
        await office.carry_out(delivered(command()))
        office.bench.now += 60
    assert office.phone.sent == len(office.phone.calls) == 1
    first, second = office.bench.log.on(RESULTS.name)
    assert (first.value, first.headers, first.key) == (second.value, second.headers, second.key)


async def test_an_expired_command_is_not_sent(office: Office) -> None:
    """It ends as expired."""
    await office.carry_out(delivered(command(expires_at=NOW)))
    assert (office.phone.calls, [result.outcome for result in office.results]) == ([], ["expired"])


async def test_a_command_that_was_sent_does_not_expire_afterwards(office: Office) -> None:
    """What comes again after its end of use has the result that it had."""
    event = delivered(command(expires_at=NOW + timedelta(seconds=60)))
    await office.carry_out(event)
    office.bench.now += 3600
    await office.carry_out(event)
    assert [result.outcome for result in office.results] == ["sent", "sent"]


async def test_an_account_without_a_sender_is_a_failure_of_the_configuration(office: Office) -> None:
    """It is told, and it stays so though a sender comes later."""
    await office.carry_out(delivered(command()), senders={})
    await office.carry_out(delivered(command()))
    assert {(result.outcome, result.failure_class) for result in office.results} == {("failed", "configuration")}
    assert office.phone.calls == []


async def test_a_refusal_is_a_failure_with_the_providers_words(office: Office) -> None:
    """Code and class go along, and it is not tried again."""
    errors = (ProviderError(code="40300", title="Blocked"),)
    office.sender.answers = [SendReceipt(status=SendStatus.REFUSED, failure_class="opt_out", errors=errors)]
    await office.carry_out(delivered(command()))
    (result,) = office.results
    assert (result.outcome, result.failure_class, result.errors) == ("failed", "opt_out", errors)
    assert len(office.phone.calls) == 1


async def test_a_busy_provider_is_asked_again(office: Office) -> None:
    """Up to the setting's number of calls, with the same bytes."""
    office.sender.answers = [BUSY, BUSY]
    await office.carry_out(delivered(command()))
    assert (office.phone.sent, len(office.phone.calls), len({call[1] for call in office.phone.calls})) == (1, 3, 1)
    assert [result.outcome for result in office.results] == ["sent"]


async def test_a_provider_that_stays_busy_ends_in_a_temporary_failure(office: Office) -> None:
    """After the setting's number of calls."""
    office.sender.answers = [BUSY] * 9
    await office.carry_out(delivered(command()))
    (result,) = office.results
    assert (result.outcome, result.failure_class, result.reason) == ("failed", "temporary", "rate_limited")
    assert len(office.phone.calls) == 3


async def test_the_pause_is_the_providers_and_bounded(office: Office) -> None:
    """`retry_after` counts, but not for hours."""
    office.sender.answers = [SendReceipt(status=SendStatus.RETRY, retry_after=7.0)]
    with pytest.raises(TryLater) as asked:
        await office.consumer().handle(delivered(command()))
    office.sender.answers = [SendReceipt(status=SendStatus.RETRY, retry_after=9999.0)]
    with pytest.raises(TryLater) as bounded:
        await office.consumer().handle(delivered(command()))
    assert (asked.value.seconds, bounded.value.seconds) == (7.0, 300.0)


async def test_a_command_that_waits_for_a_busy_provider_can_expire(office: Office) -> None:
    """Nothing was sent, so its end of use counts."""
    office.sender.answers = [BUSY]
    event = delivered(command(expires_at=NOW + timedelta(seconds=60)))
    with pytest.raises(TryLater):
        await office.consumer().handle(event)
    office.bench.now += 61
    await office.carry_out(event)
    assert [result.outcome for result in office.results] == ["expired"]


async def test_a_busy_provider_is_waited_for_until_the_command_expires(office: Office) -> None:
    """Being asked to wait costs no try of a command that has an end of its own."""
    office.sender.answers = [BUSY] * 9
    await office.carry_out(delivered(command(expires_at=NOW + timedelta(hours=1))))
    assert [result.outcome for result in office.results] == ["sent"]
    assert len(office.phone.calls) == 10


async def test_a_lost_answer_is_cleared_up_with_the_same_bytes(office: Office) -> None:
    """A provider that tells repeats apart is asked again: one effect."""
    office.sender.answers = [LOST]
    await office.carry_out(delivered(command()))
    assert (office.phone.sent, len(office.phone.calls)) == (1, 2)
    assert [result.outcome for result in office.results] == ["sent"]


async def test_answers_that_stay_lost_end_as_unknown(office: Office) -> None:
    """Never as a failure: it may have been sent."""
    office.sender.answers = [LOST] * 9
    await office.carry_out(delivered(command()))
    assert [(result.outcome, result.reason) for result in office.results] == [("unknown", "timeout")]


async def test_a_busy_provider_after_a_lost_answer_ends_as_unknown(office: Office) -> None:
    """That the last call had no effect says nothing of the first."""
    office.sender.answers = [LOST, BUSY, BUSY, BUSY]
    await office.carry_out(delivered(command()))
    assert [result.outcome for result in office.results] == ["unknown"]


async def test_without_idempotency_a_lost_answer_is_unknown_at_once(office: Office) -> None:
    """No second call."""
    office.sender = FakeSender(office.phone, LOST, idempotent=False)
    await office.carry_out(delivered(command()))
    assert [result.outcome for result in office.results] == ["unknown"]
    assert len(office.phone.calls) == 1


async def test_without_idempotency_an_interrupted_call_is_not_repeated(office: Office) -> None:
    """A claim without a result has one documented outcome."""
    office.sender = FakeSender(office.phone, idempotent=False)
    await office.ledger.claim(command(), b"body", office.bench.now, CALL)
    await office.carry_out(delivered(command()))
    assert [(result.outcome, result.reason) for result in office.results] == [("unknown", "interrupted")]
    assert office.phone.calls == []


async def test_a_call_of_another_member_is_waited_for(office: Office) -> None:
    """What the member that is about to take over would have called unknown is the first one's to tell."""
    office.sender = FakeSender(office.phone, idempotent=False)
    await office.ledger.claim(command(), b"body", office.bench.now, CALL)
    with pytest.raises(TryLater) as asked:
        await office.consumer().handle(delivered(command()))
    assert (asked.value.reason, office.results) == ("call_under_way", [])


async def test_a_provider_that_tells_repeats_apart_is_asked_at_once(office: Office) -> None:
    """After a crash nobody waits for a call that is perhaps under way: the id sees to it that there is one effect."""
    await office.ledger.claim(command(), b"body", office.bench.now, CALL)
    await office.consumer().handle(delivered(command()))
    assert office.phone.calls == [("command-0", b"body")]
    assert [result.outcome for result in office.results] == ["sent"]


async def test_a_result_that_comes_after_a_takeover_counts(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member that was paused for so long that another gave its call up still tells what it learnt."""
    office.sender = FakeSender(office.phone, idempotent=False)
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow(command_id: str, body: bytes) -> SendReceipt:
        begun.set()
        await go.wait()
        return await FakeSender.send(office.sender, command_id, body)

    monkeypatch.setattr(office.sender, "send", slow)
    first = asyncio.create_task(office.carry_out(delivered(command())))
    await begun.wait()
    office.bench.now += 100
    await office.carry_out(delivered(command()))
    go.set()
    await first
    assert [result.outcome for result in office.results] == ["unknown", "sent"]
    assert office.phone.sent == 1


async def test_an_interrupted_call_of_long_ago_is_not_repeated(office: Office) -> None:
    """The provider has forgotten the id by then."""
    await office.ledger.claim(command(), b"body", office.bench.now - RESEND_WITHIN - 1, CALL)
    await office.carry_out(delivered(command()))
    assert [(result.outcome, result.reason) for result in office.results] == [("unknown", "interrupted_too_long_ago")]
    assert office.phone.calls == []


async def test_an_interrupted_call_whose_sender_is_gone_is_unknown(office: Office) -> None:
    """Not a failure of the configuration: it may have been sent."""
    await office.ledger.claim(command(), b"body", office.bench.now, CALL)
    await office.carry_out(delivered(command()), senders={})
    assert [(result.outcome, result.reason) for result in office.results] == [("unknown", "no_sender")]


async def test_a_sender_that_hangs_is_ended(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting's seconds are the most that a call may take."""
    office.settings = SendSettings(attempts=1, timeout=0.01)

    async def hang(_command_id: str, _body: bytes) -> SendReceipt:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(office.sender, "send", hang)
    await office.carry_out(delivered(command()))
    assert [(result.outcome, result.reason) for result in office.results] == [("unknown", "timeout")]


async def test_a_sender_that_raises_may_have_sent(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a fault of ours, and its outcome is unknown until the same bytes clear it up."""

    async def fail(_command_id: str, _body: bytes) -> SendReceipt:
        raise ZeroDivisionError

    monkeypatch.setattr(office.sender, "send", fail)
    await office.carry_out(delivered(command()))
    assert [(result.outcome, result.reason) for result in office.results] == [("unknown", "sender_failed")]


async def test_a_command_that_cannot_be_a_request_fails(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends in a result like every other."""

    def refuse(_command: object) -> bytes:
        raise ValueError

    monkeypatch.setattr(office.sender, "prepare", refuse)
    await office.carry_out(delivered(command()))
    assert [(result.outcome, result.reason) for result in office.results] == [("failed", "unsendable")]


async def test_a_ledger_that_fails_means_later_and_no_call(office: Office) -> None:
    """Without a claim nothing goes out, and the command is not a dead letter."""
    await office.database.close()
    with pytest.raises(TryLater):
        await office.consumer().handle(delivered(command()))
    assert office.phone.calls == []


async def test_a_result_that_cannot_be_stored_keeps_the_command(office: Office) -> None:
    """It comes again, and then no call is made."""
    office.bench.log.away = True
    with pytest.raises(LogUnavailableError):
        await office.consumer().handle(delivered(command()))
    office.bench.log.away = False
    await office.carry_out(delivered(command()))
    assert (len(office.phone.calls), len(office.results)) == (1, 1)


async def test_an_inbound_message_that_comes_twice_is_answered_once(office: Office) -> None:
    """Two events about one message, through both consumers and two loops: one text."""
    rules = AutoReplySettings(rules=(Rule(name="hours", keywords=("hours",), reply="Open."),))
    bench = office.bench
    bench.fill(inbound(0), inbound(0, id="again"))
    bench.run(auto_reply(rules, bench.log, bench.metrics, lambda: bench.now))
    bench.run(office.consumer())
    await until(lambda: bench.log.done("send") == 2)
    await bench.stop()
    assert office.phone.sent == 1
    assert len({result.id for result in office.results}) == 1


async def test_a_command_in_hand_at_a_crash_has_one_effect(office: Office) -> None:
    """The loop dies before its commit; the next one repeats the result and not the text."""
    office.bench.log.put(event_to_record(command()))
    office.bench.log.refuse_topics.add(RESULTS.name)
    office.bench.run(office.consumer())
    await until(lambda: office.phone.sent == 1)
    await office.bench.kill()
    office.bench.log.refuse_topics.clear()
    office.bench.run(office.consumer())
    await until(lambda: office.bench.log.done("send") == 1)
    await office.bench.stop()
    assert (office.phone.sent, [result.outcome for result in office.results]) == (1, ["sent"])
