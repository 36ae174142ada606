"""Send: whether the person may be texted is asked at the last moment."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from consumers.consent.permission import Permission
from consumers.consumer import TryLater
from schemas.events import ConsentChanged
from schemas.vocabulary import SendPurpose
from tests.support.consumers import MAIN, NOW, PERSON, Bench, FakeSender, command, delivered
from tests.support.sending import FakeConsents, Office, SlowLedger


@pytest.fixture
def consents(office: Office) -> FakeConsents:
    """Return the office's book of consents."""
    made = FakeConsents()
    office.consents = made
    return made


async def test_nobody_who_opted_out_is_texted(office: Office, consents: FakeConsents) -> None:
    """The command fails with the class and the reason, and no call is made."""
    consents.opted_out.add(PERSON)
    await office.carry_out(delivered(command()))
    (result,) = office.results
    assert (result.outcome, result.failure_class, result.reason) == ("failed", "opt_out", "opted_out")
    assert office.phone.calls == []


async def test_the_question_names_account_person_and_number(office: Office, consents: FakeConsents) -> None:
    """Consent is by number of ours, at some providers."""
    await office.carry_out(delivered(command()))
    assert consents.asked == [("main", PERSON, MAIN)]
    assert office.phone.sent == 1


async def test_who_opts_out_while_the_command_waits_is_not_texted(office: Office, consents: FakeConsents) -> None:
    """Each try asks anew."""
    office.bench.log.away = False
    consents.broken = True
    consumer = office.consumer()
    with pytest.raises(TryLater):
        await consumer.handle(delivered(command()))
    consents.broken = False
    consents.opted_out.add(PERSON)
    await consumer.handle(delivered(command()))
    assert office.phone.calls == []


async def test_who_opts_out_while_the_claim_takes_its_time_is_not_texted(
    office: Office, consents: FakeConsents
) -> None:
    """A state that is slow for seconds: the book is asked once more."""
    office.ledger = SlowLedger(office, 4.0, lambda: consents.opted_out.add(PERSON))
    consumer = office.consumer()
    with pytest.raises(TryLater, match="opted_out"):
        await consumer.handle(delivered(command()))
    await consumer.handle(delivered(command()))
    assert [result.reason for result in office.results] == ["opted_out"]
    assert office.phone.calls == []


async def test_a_book_that_cannot_be_asked_again_leaves_no_doubt(office: Office, consents: FakeConsents) -> None:
    """No call was made: the command goes out once the state is back."""
    office.sender = FakeSender(office.phone, idempotent=False)
    office.ledger = SlowLedger(office, 4.0, lambda: setattr(consents, "broken", True), times=1)
    consumer = office.consumer()
    with pytest.raises(TryLater, match="state_unavailable"):
        await consumer.handle(delivered(command()))
    consents.broken = False
    await consumer.handle(delivered(command()))
    assert [result.outcome for result in office.results] == ["sent"]


@dataclass
class SlowBook(FakeConsents):
    """A book whose second answer takes long: `seconds` on the clock, and until `go` is set."""

    seconds: float = 0.0
    go: asyncio.Event = field(default_factory=asyncio.Event)
    asked_again: asyncio.Event = field(default_factory=asyncio.Event)
    bench: Bench | None = None

    async def may_text(
        self, account: str, number: str, sender: str | None, said: ConsentChanged | None = None
    ) -> Permission:
        """Answer, the second time late."""
        if len(self.asked) == 1:
            self.asked_again.set()
            await self.go.wait()
            assert self.bench is not None
            self.bench.now += self.seconds
        return await super().may_text(account, number, sender, said)


@pytest.fixture
def slow_book(office: Office) -> SlowBook:
    """Return a slow book of an office whose first claim is slow, so that it asks again."""
    office.sender = FakeSender(office.phone, idempotent=False)
    office.consents = made = SlowBook(bench=office.bench)
    office.ledger = SlowLedger(office, 4.0, times=1)
    return made


async def test_a_claim_that_the_second_question_made_old_is_made_anew(office: Office, slow_book: SlowBook) -> None:
    """Else another member would take the call for over while it is under way."""
    slow_book.seconds = 12.0
    slow_book.go.set()
    consumer = office.consumer()
    with pytest.raises(TryLater, match="claim_too_old"):
        await consumer.handle(delivered(command()))
    await consumer.handle(delivered(command()))
    assert [(result.outcome, result.reason) for result in office.results] == [("sent", None)]


async def test_who_is_cut_off_in_the_second_question_leaves_no_doubt(office: Office, slow_book: SlowBook) -> None:
    """By a rebalance: no call was made, and another member makes it."""
    consumer = office.consumer()
    cut_off = asyncio.ensure_future(consumer.handle(delivered(command())))
    await slow_book.asked_again.wait()
    cut_off.cancel()
    await asyncio.gather(cut_off, return_exceptions=True)
    assert consumer.finish is not None
    await consumer.finish()
    slow_book.go.set()
    await office.consumer().handle(delivered(command()))
    assert [result.outcome for result in office.results] == ["sent"]


async def test_who_opts_out_while_the_turn_is_looked_up_is_not_texted(office: Office, consents: FakeConsents) -> None:
    """With a rate the ledger is asked before a turn is given; a slow one makes the book's answer old."""
    office.settings = replace(office.settings, account_rate=10.0)
    office.ledger = SlowLedger(office, 14.0, lambda: consents.opted_out.add(PERSON))
    await office.consumer().handle(delivered(command()))
    assert [result.reason for result in office.results] == ["opted_out"]
    assert office.phone.calls == []


async def test_without_an_answer_nothing_is_sent(office: Office, consents: FakeConsents) -> None:
    """The state is away: the command waits, unclaimed."""
    consents.broken = True
    with pytest.raises(TryLater, match="state_unavailable"):
        await office.consumer().handle(delivered(command()))
    assert (office.phone.calls, office.results) == ([], [])


@pytest.mark.parametrize("purpose", SendPurpose)
async def test_what_is_owed_to_a_person_who_opted_out_is_sent(
    office: Office, consents: FakeConsents, purpose: SendPurpose
) -> None:
    """The confirmation that the law wants, and what is like it. The book may not have a START yet."""
    consents.opted_out.add(PERSON)
    consents.since = NOW - timedelta(seconds=1)
    await office.carry_out(delivered(command(purpose=purpose)))
    assert [result.outcome for result in office.results] == ["sent"]


@pytest.mark.parametrize("later", [0, 5])
@pytest.mark.parametrize("read_late", [0, 60])
async def test_an_opt_in_is_not_confirmed_to_who_has_opted_out_since(
    office: Office, consents: FakeConsents, later: int, read_late: int
) -> None:
    """START, and STOP before the confirmation's call: it would say that they are subscribed.

    Both may have been read late, so that the command is younger than either.
    """
    consents.opted_out.add(PERSON)
    started = NOW - timedelta(seconds=read_late)
    consents.since = started + timedelta(seconds=later)
    await office.carry_out(delivered(command(purpose=SendPurpose.OPT_IN_CONFIRMATION, cause_at=started)))
    (result,) = office.results
    assert (result.outcome, result.failure_class, result.reason) == ("failed", "opt_out", "opted_out")
    assert office.phone.calls == []


@pytest.mark.parametrize("purpose", [SendPurpose.OPT_OUT_CONFIRMATION, SendPurpose.HELP])
async def test_whoever_has_opted_out_since_has_that_confirmed_and_is_helped(
    office: Office, consents: FakeConsents, purpose: SendPurpose
) -> None:
    """Both are owed whatever was said before or after."""
    consents.opted_out.add(PERSON)
    consents.since = NOW + timedelta(seconds=5)
    await office.carry_out(delivered(command(purpose=purpose)))
    assert [result.outcome for result in office.results] == ["sent"]


@pytest.mark.parametrize("read_late", [0, 60])
async def test_an_opt_out_is_not_confirmed_to_who_has_opted_in_since(
    office: Office, consents: FakeConsents, read_late: int
) -> None:
    """STOP, and START before the confirmation's call: it would say that they get no more messages."""
    consents.opted_in.add(PERSON)
    stopped = NOW - timedelta(seconds=read_late)
    consents.since = stopped + timedelta(seconds=5)
    await office.carry_out(delivered(command(purpose=SendPurpose.OPT_OUT_CONFIRMATION, cause_at=stopped)))
    assert [(result.outcome, result.reason) for result in office.results] == [("expired", "overtaken")]
    assert office.phone.calls == []


async def test_an_opt_out_is_confirmed_that_the_book_does_not_have_yet(office: Office, consents: FakeConsents) -> None:
    """The opt-in that it has is older than the command."""
    consents.opted_in.add(PERSON)
    consents.since = NOW - timedelta(seconds=5)
    await office.carry_out(delivered(command(purpose=SendPurpose.OPT_OUT_CONFIRMATION)))
    assert [result.outcome for result in office.results] == ["sent"]


async def test_an_opt_out_after_the_text_does_not_change_its_result(office: Office, consents: FakeConsents) -> None:
    """A command that comes again has the result that it had."""
    await office.carry_out(delivered(command()))
    consents.opted_out.add(PERSON)
    await office.carry_out(delivered(command()))
    assert [result.outcome for result in office.results] == ["sent", "sent"]
