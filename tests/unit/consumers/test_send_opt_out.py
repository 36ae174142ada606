"""Send: whether the person may be texted is asked at the last moment."""

import pytest

from consumers.consumer import TryLater
from schemas.vocabulary import SendPurpose
from tests.support.consumers import MAIN, PERSON, command, delivered
from tests.support.sending import FakeConsents, Office


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
    """The confirmation that the law wants, and what is like it."""
    consents.opted_out.add(PERSON)
    await office.carry_out(delivered(command(purpose=purpose)))
    assert [result.outcome for result in office.results] == ["sent"]


async def test_an_opt_out_after_the_text_does_not_change_its_result(office: Office, consents: FakeConsents) -> None:
    """A command that comes again has the result that it had."""
    await office.carry_out(delivered(command()))
    consents.opted_out.add(PERSON)
    await office.carry_out(delivered(command()))
    assert [result.outcome for result in office.results] == ["sent", "sent"]
