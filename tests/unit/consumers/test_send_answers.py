"""Send: what the provider has answered survives a state that is away for a moment; doubts have times of their own."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
import structlog

from consumers.consumer import TryLater
from consumers.send.answers import MOST_KEPT, Answers
from consumers.send.ending import unknown
from consumers.state.database import StateError
from providers.contract import SendReceipt, SendStatus
from tests.support.consumers import FakeSender, command, delivered, until
from tests.support.sending import LOST, AskedSender, Office

BUSY = SendReceipt(status=SendStatus.RETRY, retry_after=0.0, reason="rate_limited")


def pause_between_notes(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let answers be noted again after so long."""
    monkeypatch.setattr("consumers.send.noting.NOTE_PAUSE", seconds)


def fail_once(office: Office, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the state be away the first time that the ledger's method is called."""
    real, calls = getattr(office.ledger, name), 0

    async def failing(*parts: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise StateError("the state took too long")
        return await real(*parts, **more)

    monkeypatch.setattr(office.ledger, name, failing)


@pytest.mark.parametrize("policy", ["skip", "resend"])
async def test_an_answer_whose_note_failed_is_noted_later(
    office: Office, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider knows no ids; the text is sent once, and the result names it."""
    office.settings = replace(office.settings, in_doubt=policy)
    office.phone.remembers, office.sender = False, FakeSender(office.phone, idempotent=False)
    fail_once(office, "complete", monkeypatch)
    await office.carry_out(delivered(command()))
    assert [(each.outcome, each.message_id) for each in office.results] == [("sent", "sent-command-0")]
    assert (office.phone.sent, len(office.phone.calls)) == (1, 1)


async def test_a_wish_to_wait_whose_note_failed_is_no_doubt(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent, and that is known."""
    office.sender = FakeSender(office.phone, BUSY, idempotent=False)
    fail_once(office, "release", monkeypatch)
    await office.carry_out(delivered(command()))
    assert [each.outcome for each in office.results] == ["sent"]
    assert office.phone.sent == 1


async def test_a_known_end_needs_no_place(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that has to wait keeps nobody from noting what is over."""
    fail_once(office, "complete", monkeypatch)
    pause_between_notes(60.0, monkeypatch)
    consumer = office.consumer()
    with pytest.raises(TryLater):
        await consumer.handle(delivered(command()))
    office.sender.answers = [SendReceipt(status=SendStatus.RETRY, retry_after=600.0)]
    with pytest.raises(TryLater):
        await consumer.handle(delivered(command(1)))
    await consumer.handle(delivered(command()))
    assert [each.outcome for each in office.results] == ["sent"]


class Away:
    """A ledger whose state is away for so many calls of `complete` and `release`."""

    def __init__(self, office: Office, calls: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls, self.refused = calls, 0
        for name in ("complete", "release"):
            monkeypatch.setattr(office.ledger, name, self._failing(getattr(office.ledger, name)))

    def _failing(self, real: Any) -> Any:
        async def failing(*parts: Any, **more: Any) -> Any:
            if self.refused < self.calls:
                self.refused += 1
                raise StateError("the state took too long")
            return await real(*parts, **more)

        return failing


async def test_an_answer_is_noted_though_another_member_has_the_command(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The member that was told it has lost the partition; the other finds the result and makes no call."""
    office.phone.remembers, office.sender = False, FakeSender(office.phone, idempotent=False)
    pause_between_notes(0.0, monkeypatch)
    away, first = Away(office, 3, monkeypatch), office.consumer()
    with pytest.raises(TryLater, match="state_unavailable"):
        await first.handle(delivered(command()))
    office.bench.now += 100
    await until(lambda: office.bench.count("sends_total", outcome="sent") == 1)
    await office.carry_out(delivered(command()))
    assert [(each.outcome, each.message_id) for each in office.results] == [("sent", "sent-command-0")]
    assert (away.refused, office.phone.sent) == (3, 1)


async def test_an_answer_is_noted_though_its_handler_was_cut_off(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rebalance takes the partition while the state hangs; whoever has the command next finds the result."""
    office.phone.remembers, office.sender = False, FakeSender(office.phone, idempotent=False)
    pause_between_notes(0.0, monkeypatch)
    complete, hanging = office.ledger.complete, asyncio.Event()

    async def hang(*_parts: Any) -> None:
        hanging.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(office.ledger, "complete", hang)
    handler = asyncio.ensure_future(office.consumer().handle(delivered(command())))
    await hanging.wait()
    monkeypatch.setattr(office.ledger, "complete", complete)
    handler.cancel()
    with pytest.raises(asyncio.CancelledError):
        await handler
    await until(lambda: office.bench.count("sends_total", outcome="sent") == 1)
    office.bench.now += 100
    await office.carry_out(delivered(command()))
    assert [(each.outcome, each.message_id) for each in office.results] == [("sent", "sent-command-0")]
    assert (office.phone.sent, len(office.phone.calls)) == (1, 1)


async def test_an_answer_that_its_handler_notes_first_is_counted_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the answers of others before it are noted, the command comes again and is done."""
    pause_between_notes(60.0, monkeypatch)
    away, consumer = Away(office, 2, monkeypatch), office.consumer()
    for number in range(2):
        with pytest.raises(TryLater):
            await consumer.handle(delivered(command(number)))
    complete, begun, go = office.ledger.complete, asyncio.Event(), asyncio.Event()

    async def slow(noted: Any, result: Any) -> Any:
        if noted.id == "command-0":
            begun.set()
            await go.wait()
        return await complete(noted, result)

    monkeypatch.setattr(office.ledger, "complete", slow)
    assert consumer.finish is not None
    finishing = asyncio.ensure_future(consumer.finish())
    await begun.wait()
    await consumer.handle(delivered(command(1)))
    go.set()
    await finishing
    assert (away.refused, office.bench.count("sends_total", outcome="sent")) == (2, 2)


async def test_a_process_that_ends_waits_for_its_state(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one answers with the result and makes no call, though the provider knows no ids."""
    office.phone.remembers, office.sender = False, FakeSender(office.phone, idempotent=False)
    away = Away(office, 5, monkeypatch)
    pause_between_notes(60.0, monkeypatch)
    office.bench.fill(command())
    office.bench.run(office.consumer())
    await until(lambda: away.refused == 1)
    pause_between_notes(0.0, monkeypatch)
    await office.bench.stop()
    assert (away.refused, office.results) == (5, [])
    office.bench.now += 100
    await office.carry_out(delivered(command()))
    assert [(each.outcome, each.message_id) for each in office.results] == [("sent", "sent-command-0")]
    assert (office.phone.sent, len(office.phone.calls)) == (1, 1)


async def test_what_could_not_be_noted_until_the_end_is_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log names the commands that are in doubt from now on."""
    pause_between_notes(0.0, monkeypatch)
    away, consumer = Away(office, float("inf"), monkeypatch), office.consumer()
    with pytest.raises(TryLater):
        await consumer.handle(delivered(command()))
    assert consumer.finish is not None
    with structlog.testing.capture_logs() as lines, pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await consumer.finish()
    (told,) = [line for line in lines if line["event"] == "answers_not_noted"]
    assert (told["log_level"], told["commands"], told["count"]) == ("error", ["command-0"], 1)
    assert away.refused > 2


def test_answers_are_not_kept_without_end() -> None:
    """The oldest goes first."""
    answers, known = Answers(), unknown("timeout")
    for number in range(MOST_KEPT + 1):
        answers.keep(command(number), known)
    assert answers.of(command(0)) is None
    assert answers.of(command(1)) == known
    answers.noted(command(1), known)
    assert answers.of(command(1)) is None
    assert len(answers.all()) == MOST_KEPT - 1


def test_what_was_learnt_meanwhile_is_not_forgotten() -> None:
    """One task notes an answer while another learns more of the same command."""
    answers, first, second = Answers(), unknown("timeout"), unknown("interrupted")
    answers.keep(command(), first)
    answers.keep(command(), second)
    assert not answers.noted(command(), first)
    assert answers.of(command()) is second


async def test_the_hour_of_looking_up_begins_with_the_call(office: Office) -> None:
    """Not when the command was seen first, which may have waited for its turn for hours."""
    office.sender = AskedSender(office.phone, LOST, silent=1)
    await office.ledger.claim(command(), b"", office.bench.now, 0.0)
    office.bench.now += 7200
    await office.carry_out(delivered(command()))
    assert [(each.outcome, each.reason) for each in office.results] == [("sent", "found_afterwards")]


async def test_look_ups_that_fail_use_up_no_try(office: Office) -> None:
    """They are no calls."""
    office.settings = replace(office.settings, in_doubt="resend")
    office.sender = AskedSender(office.phone, LOST, reaches=False, silent=8)
    await office.carry_out(delivered(command()))
    assert [(each.outcome, each.reason) for each in office.results] == [("sent", "resent")]


async def test_the_time_for_sending_again_begins_with_the_call(office: Office) -> None:
    """A command that waited for 21 hours, and whose first call a crash cut off, is sent with its id again."""
    await office.ledger.claim(command(), b"", office.bench.now, 0.0)
    office.bench.now += 21 * 3600
    await office.ledger.claim(command(), office.sender.prepare(command()), office.bench.now, 0.0)
    await office.carry_out(delivered(command()))
    assert (office.phone.sent, [each.outcome for each in office.results]) == (1, ["sent"])
