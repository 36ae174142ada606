"""Send: a call that may have had its effect is looked up where it can be, else skipped or sent again as configured."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.consumer import TryLater
from consumers.metrics import DoubtOutcome
from consumers.send.carrying import LOOK_UP_FOR
from consumers.send.ending import RESEND_WITHIN, Answered, Doubt, Ending, ending_of, failed, way_out
from consumers.send.settings import InDoubt, SendAccount, SendSettings
from providers.contract import SendReceipt, SendStatus
from schemas.vocabulary import FailureClass, SendOutcome
from tests.support.consumers import NOW, FakeSender, command, delivered
from tests.support.sending import CALL, LOST, AskedSender, FakeConsents, Office

RESEND = SendSettings(attempts=3, timeout=5.0, in_doubt="resend")
REFUSED = SendReceipt(status=SendStatus.REFUSED, reason="refused")
EXPIRED = Ending(outcome=SendOutcome.EXPIRED, reason="expired")
OPTED_OUT = failed(FailureClass.OPT_OUT, "opted_out")


def told(office: Office) -> list[tuple[str, str | None]]:
    """Return outcome and reason of each result."""
    return [(result.outcome, result.reason) for result in office.results]


def doubts(office: Office, choice: str) -> float:
    """Return how often that was done about a doubt."""
    return office.bench.count("sends_in_doubt_total", account="main", choice=choice)


async def interrupted(office: Office) -> None:
    """Leave a claim behind as a crash does, long enough ago that nobody's call can be under way."""
    await office.ledger.claim(command(), b"body", office.bench.now, CALL)
    office.bench.now += 100


async def test_a_lost_answer_is_skipped_by_default(office: Office) -> None:
    """No second call; the result and the figures say what was chosen."""
    office.sender = FakeSender(office.phone, LOST, idempotent=False)
    await office.carry_out(delivered(command()))
    assert (told(office), office.phone.sent) == ([("unknown", "timeout_skipped")], 1)
    assert doubts(office, "skipped") == 1


async def test_a_lost_answer_is_sent_again_where_the_config_wants_that(office: Office) -> None:
    """At the price of a second text, which the result tells."""
    office.settings, office.phone.remembers = RESEND, False
    office.sender = FakeSender(office.phone, LOST, idempotent=False)
    await office.carry_out(delivered(command()))
    assert (told(office), office.phone.sent) == ([("sent", "resent")], 2)
    assert doubts(office, "resent") == 1


async def test_an_interrupted_call_is_sent_again_where_the_config_wants_that(office: Office) -> None:
    """With the bytes of the first call."""
    office.settings = RESEND
    office.sender = FakeSender(office.phone, idempotent=False)
    await interrupted(office)
    await office.carry_out(delivered(command()))
    assert told(office) == [("sent", "resent")]
    assert office.phone.calls == [("command-0", b"body")]


async def test_sending_again_has_an_end(office: Office) -> None:
    """The setting's number of calls."""
    office.settings, office.phone.remembers = RESEND, False
    office.sender = FakeSender(office.phone, *[LOST] * 9, idempotent=False)
    await office.carry_out(delivered(command()))
    assert (told(office), len(office.phone.calls)) == ([("unknown", "timeout")], 3)


async def test_a_refusal_of_the_second_text_says_nothing_of_the_first(office: Office) -> None:
    """So that the command is not told as failed."""
    office.settings = RESEND
    office.sender = FakeSender(office.phone, LOST, REFUSED, idempotent=False)
    await office.carry_out(delivered(command()))
    assert told(office) == [("unknown", "resent_refused")]


async def test_a_refusal_after_a_lost_answer_says_nothing_of_it(office: Office) -> None:
    """A provider that knows ids refuses the repeat because its key was changed meanwhile: the text went out."""
    office.sender = FakeSender(office.phone, LOST, REFUSED)
    await office.carry_out(delivered(command()))
    assert (told(office), office.phone.sent) == ([("unknown", "repeated_refused")], 1)


@given(
    status=st.sampled_from(SendStatus),
    way=st.sampled_from([DoubtOutcome.REPEATED, DoubtOutcome.RESENT]),
    again=st.booleans(),
    waits=st.booleans(),
    repeatable=st.booleans(),
)
def test_whatever_is_answered_after_a_doubt_nothing_is_told_as_failed(
    status: SendStatus, way: DoubtOutcome, *, again: bool, waits: bool, repeatable: bool
) -> None:
    """The first call may have had its effect all the same."""
    receipt = SendReceipt(status=status)
    call = Answered(receipt=receipt, way=way, again=again, waits=waits, free=False, repeatable=repeatable)
    ending = ending_of(call)
    assert ending is None or ending.outcome is not SendOutcome.FAILED


async def test_an_account_has_a_policy_of_its_own(office: Office) -> None:
    """Beside that of all."""
    own = SendAccount(name="main", in_doubt="resend")
    office.settings = SendSettings(attempts=3, timeout=5.0, accounts=(own,))
    office.sender = FakeSender(office.phone, LOST, idempotent=False)
    await office.carry_out(delivered(command()))
    assert told(office) == [("sent", "resent")]


async def test_a_lost_answer_is_looked_up(office: Office) -> None:
    """What is there was sent, and no second call is made."""
    office.sender = AskedSender(office.phone, LOST)
    await office.carry_out(delivered(command()))
    (result,) = office.results
    assert (result.outcome, result.reason, result.message_id) == ("sent", "found_afterwards", "sent-command-0")
    assert (office.phone.sent, len(office.phone.calls), office.sender.asked) == (1, 1, 1)
    assert doubts(office, "found") == 1


async def test_nobody_is_asked_before_what_was_sent_can_be_found(office: Office) -> None:
    """The call's time and the sender's have gone by."""
    office.sender = AskedSender(office.phone, LOST)
    consumer = office.consumer()
    with pytest.raises(TryLater) as asked:
        await consumer.handle(delivered(command()))
    with pytest.raises(TryLater) as early:
        await consumer.handle(delivered(command()))
    assert (asked.value.reason, asked.value.seconds) == ("call_in_doubt", 65.0)
    assert (early.value.reason, office.sender.asked) == ("call_under_way", 0)


@pytest.mark.parametrize(
    ("policy", "end", "sent"), [("skip", ("unknown", "not_found_skipped"), 0), ("resend", ("sent", "resent"), 1)]
)
async def test_what_is_not_there_is_for_the_config_to_decide(
    office: Office, policy: str, end: tuple[str, str], sent: int
) -> None:
    """A list may be late, so that not to be found is no proof."""
    office.settings = SendSettings(attempts=3, timeout=5.0, in_doubt=policy)
    office.sender = AskedSender(office.phone, LOST, reaches=False)
    await office.carry_out(delivered(command()))
    assert (told(office), office.phone.sent, doubts(office, "not_found")) == ([end], sent, 1)


async def test_a_provider_that_cannot_be_asked_is_asked_again(office: Office) -> None:
    """Its silence is no answer."""
    office.sender = AskedSender(office.phone, LOST, silent=5)
    await office.carry_out(delivered(command()))
    assert (told(office), office.phone.sent) == ([("sent", "found_afterwards")], 1)


async def test_a_provider_that_is_silent_for_long_leaves_the_outcome_unknown(office: Office) -> None:
    """The reason says why."""
    office.sender = AskedSender(office.phone, silent=9)
    await interrupted(office)
    office.bench.now += LOOK_UP_FOR
    await office.carry_out(delivered(command()))
    assert (told(office), office.phone.calls) == ([("unknown", "look_up_failed")], [])


async def test_a_look_up_that_raises_is_asked_again(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours is no answer either."""

    async def fail(_command_id: str, _body: bytes) -> SendReceipt:
        raise ZeroDivisionError

    office.sender = AskedSender(office.phone)
    monkeypatch.setattr(office.sender, "look_up", fail)
    await interrupted(office)
    with pytest.raises(TryLater, match="look_up_failed"):
        await office.consumer().handle(delivered(command()))


async def test_a_doubtful_command_that_expired_is_not_sent_again(office: Office) -> None:
    """Where that may be a second text: it would come too late."""
    office.settings = RESEND
    office.sender = FakeSender(office.phone, idempotent=False)
    await interrupted(office)
    await office.carry_out(delivered(command(expires_at=NOW + timedelta(seconds=60))))
    assert (told(office), office.phone.calls) == ([("unknown", "interrupted_expired")], [])


async def test_a_doubtful_command_to_somebody_who_opted_out_is_not_sent_again(office: Office) -> None:
    """Not even where the provider knows the id: perhaps it never got it."""
    office.consents = FakeConsents(opted_out={command().to})
    await interrupted(office)
    await office.carry_out(delivered(command()))
    assert (told(office), office.phone.calls) == ([("unknown", "opted_out")], [])


DOUBTS = st.builds(
    Doubt,
    idempotent=st.booleans(),
    looked_up=st.booleans(),
    policy=st.sampled_from(InDoubt),
    calls=st.integers(1, 9),
    attempts=st.integers(1, 9),
    age=st.sampled_from([0.0, RESEND_WITHIN, RESEND_WITHIN + 1]),
    refusal=st.sampled_from([None, EXPIRED, OPTED_OUT]),
)


@given(doubt=DOUBTS)
def test_whatever_the_doubt_skip_never_sends_twice(doubt: Doubt) -> None:
    """A call is made again only where the provider knows the id, or the config says so; nothing ends unexplained."""
    way = way_out(doubt)
    knows = doubt.idempotent and doubt.age <= RESEND_WITHIN
    assert (way.choice is DoubtOutcome.SKIPPED) == bool(way.reason)
    if way.choice is not DoubtOutcome.SKIPPED:
        assert doubt.calls <= doubt.attempts
        assert doubt.refusal is not OPTED_OUT
        assert knows or doubt.policy is InDoubt.RESEND
        assert knows or doubt.refusal is None
        assert (way.choice is DoubtOutcome.REPEATED) == knows


class HeldLookUp(AskedSender):
    """A sender whose look-up takes until it is told to go."""

    def __init__(self, *parts: Any, **options: Any) -> None:
        super().__init__(*parts, **options)
        self.begun, self.go = asyncio.Event(), asyncio.Event()

    async def look_up(self, command_id: str, body: bytes) -> SendReceipt | None:
        """Wait, then answer."""
        self.begun.set()
        await self.go.wait()
        return await super().look_up(command_id, body)


async def test_a_look_up_that_is_cut_off_is_no_call(office: Office) -> None:
    """By rebalances and restarts: none of them uses up a try of the command."""
    office.settings = RESEND
    office.sender = sender = HeldLookUp(office.phone, LOST, reaches=False)
    with pytest.raises(TryLater):
        await office.consumer().handle(delivered(command()))
    for _ in range(RESEND.attempts + 1):
        office.bench.now += 100
        consumer = office.consumer()
        sender.begun.clear()
        cut_off = asyncio.ensure_future(consumer.handle(delivered(command())))
        await sender.begun.wait()
        cut_off.cancel()
        await asyncio.gather(cut_off, return_exceptions=True)
        assert consumer.finish is not None
        await consumer.finish()
    sender.go.set()
    await office.carry_out(delivered(command()))
    assert told(office) == [("sent", "resent")]
