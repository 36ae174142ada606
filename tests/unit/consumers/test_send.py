"""Send: one effect and one result for each command, whatever is interrupted where."""

import asyncio
import contextlib
from datetime import timedelta

import pytest

from broker.log import LogUnavailableError
from consumers.auto_reply.settings import AutoReplySettings, Rule
from consumers.consumer import TryLater
from consumers.send.ending import ASKED_FOR, RESEND_WITHIN
from consumers.send.settings import SendSettings
from providers.contract import SendReceipt, SendStatus
from schemas.envelope import event_to_record
from schemas.events import ProviderError
from schemas.topics import RESULTS
from tests.support.consumers import NOW, FakeSender, command, delivered, inbound, until
from tests.support.replying import answering
from tests.support.sending import CALL, LOST, Office

AWAY = SendReceipt(status=SendStatus.RETRY, reason="not_connected")
TOO_MANY = SendReceipt(status=SendStatus.RETRY, http_status=429, reason="rate_limited")
BUSY = SendReceipt(status=SendStatus.RETRY, retry_after=0.0, reason="rate_limited")


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


async def test_a_provider_that_stays_away_ends_in_a_temporary_failure(office: Office) -> None:
    """After the setting's number of calls."""
    office.sender.answers = [AWAY] * 9
    await office.carry_out(delivered(command()))
    (result,) = office.results
    assert (result.outcome, result.failure_class, result.reason) == ("failed", "temporary", "not_connected")
    assert len(office.phone.calls) == 3


@pytest.mark.parametrize("polite", [BUSY, TOO_MANY])
async def test_a_provider_that_asks_to_wait_uses_up_no_try(office: Office, polite: SendReceipt) -> None:
    """However often, of a command that never expires; what fails otherwise has all its tries still."""
    office.sender.answers = [*[polite] * 9, AWAY, AWAY]
    await office.carry_out(delivered(command()))
    assert ([result.outcome for result in office.results], len(office.phone.calls)) == (["sent"], 12)


async def test_a_provider_that_asks_to_wait_for_days_is_not_asked_for_ever(office: Office) -> None:
    """A command is not kept for longer than its topic."""
    office.sender.answers = [SendReceipt(status=SendStatus.RETRY, retry_after=3600.0, reason="rate_limited")] * 99
    for _ in range(5):
        with contextlib.suppress(AssertionError):
            await office.carry_out(delivered(command()))
    assert {(result.outcome, result.reason) for result in office.results} == {("failed", "rate_limited")}
    assert len(office.phone.calls) == ASKED_FOR / 3600 + 3


async def test_a_provider_that_never_has_time_is_not_asked_without_a_pause(office: Office) -> None:
    """`Retry-After: 0` is no leave to ask at once for days."""
    office.sender.answers = [BUSY]
    with pytest.raises(TryLater) as asked:
        await office.consumer().handle(delivered(command()))
    assert asked.value.seconds == 1.0


async def test_the_pause_is_the_providers_and_bounded(office: Office) -> None:
    """`retry_after` counts, but not for hours."""
    office.sender.answers = [SendReceipt(status=SendStatus.RETRY, retry_after=7.0)]
    with pytest.raises(TryLater) as asked:
        await office.consumer().handle(delivered(command()))
    office.sender.answers = [SendReceipt(status=SendStatus.RETRY, retry_after=99999.0)]
    with pytest.raises(TryLater) as bounded:
        await office.consumer().handle(delivered(command()))
    assert (asked.value.seconds, bounded.value.seconds) == (7.0, 3600.0)


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


async def test_a_busy_provider_after_a_lost_answer_is_asked_again(office: Office) -> None:
    """Only it can tell what came of the first call, so its wishes to wait use up no try."""
    office.sender.answers = [LOST, BUSY, BUSY, BUSY]
    await office.carry_out(delivered(command()))
    assert (office.phone.sent, [result.outcome for result in office.results]) == (1, ["sent"])


async def test_a_provider_that_stays_busy_after_a_lost_answer_is_not_asked_for_ever(office: Office) -> None:
    """It forgets the id some time; then nothing can be told any more."""
    office.sender.answers = [LOST, *[SendReceipt(status=SendStatus.RETRY, retry_after=3600.0)] * 30]
    for _ in range(2):
        with contextlib.suppress(AssertionError):
            await office.carry_out(delivered(command()))
    assert [(result.outcome, result.reason) for result in office.results] == [
        ("unknown", "interrupted_long_ago_skipped")
    ]


@pytest.mark.parametrize("waits", [1, 3, 7])
async def test_wishes_to_wait_use_up_no_try_of_a_lost_answer(office: Office, waits: int) -> None:
    """However often the command was told to wait before: the same bytes are sent again, and the provider knows them."""
    office.sender.answers = [*[BUSY] * waits, LOST]
    await office.carry_out(delivered(command(expires_at=NOW + timedelta(hours=1))))
    assert (office.phone.sent, [result.outcome for result in office.results]) == (1, ["sent"])


async def test_a_crash_after_wishes_to_wait_is_cleared_up(office: Office) -> None:
    """The claim that the crash left is the first one in doubt."""
    office.sender.answers = [BUSY] * 3
    event, consumer = delivered(command(expires_at=NOW + timedelta(hours=1))), office.consumer()
    for _ in range(3):
        with pytest.raises(TryLater):
            await consumer.handle(event)
    await office.ledger.claim(command(), b"x", office.bench.now, 0.0)
    await office.carry_out(event)
    assert (office.phone.sent, [result.outcome for result in office.results]) == (1, ["sent"])


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
    assert [(result.outcome, result.reason) for result in office.results] == [("unknown", "interrupted_skipped")]
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
    assert [(result.outcome, result.reason) for result in office.results] == [
        ("unknown", "interrupted_long_ago_skipped")
    ]
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
    bench.run(answering(rules, bench.log, bench.metrics, lambda: bench.now))
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
