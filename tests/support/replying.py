"""Auto-reply with a memory in a dictionary, and a book of consents that the test writes."""

from dataclasses import dataclass, field
from datetime import datetime

from broker.log import Log
from consumers.auto_reply.consumer import NOTHING_SPECIAL, Accounts, ReplyParts, auto_reply
from consumers.auto_reply.deciding import Decision, ReplyOutcome
from consumers.auto_reply.guarding import Answer, Conversation, Judge, Noted, Settled, digest_of
from consumers.auto_reply.settings import AutoReplySettings
from consumers.consent.permission import Permission
from consumers.consumer import Consumer
from consumers.metrics import ConsumerMetrics
from consumers.state.database import StateError
from schemas.events import ConsentChanged
from schemas.times import Clock, from_millis
from schemas.vocabulary import Consent


@dataclass
class WrittenConsents:
    """Nobody said anything, save those whom the test names."""

    said: dict[str, Permission] = field(default_factory=dict[str, Permission])
    asked: list[tuple[str, str, str | None]] = field(default_factory=list[tuple[str, str, str | None]])
    away: bool = False

    async def may_text(
        self, account: str, number: str, sender: str | None, said: ConsentChanged | None = None
    ) -> Permission:
        """Tell what the test wrote, or what is said after that."""
        if self.away:
            raise StateError("away")
        self.asked.append((account, number, sender))
        found = self.said.get(number, Permission(allowed=True, consent=Consent.UNKNOWN))
        if said is None or (found.since is not None and found.since > (said.occurred_at or said.received_at)):
            return found
        return Permission(allowed=said.consent != Consent.OPTED_OUT, consent=said.consent)

    def opt_out(self, number: str, since: datetime) -> None:
        """Note that a person wants no more texts."""
        self.said[number] = Permission(allowed=False, consent=Consent.OPTED_OUT, since=since)

    def opt_in(self, number: str, since: datetime) -> None:
        """Note that a person wants texts."""
        self.said[number] = Permission(allowed=True, consent=Consent.OPTED_IN, since=since)


@dataclass
class DictMemory:
    """A memory that says of the answers alone what was said before."""

    noted: dict[str, Settled] = field(default_factory=dict[str, Settled])
    answers: list[tuple[str, Answer]] = field(default_factory=list[tuple[str, Answer]])

    async def settle(self, note: Noted, decision: Decision, judge: Judge) -> Settled:
        """Note a decision."""
        if (before := self.noted.get(note.command_id)) is not None:
            return Settled(before.outcome, before.at, first=False)
        outcome = decision.outcome
        if outcome is ReplyOutcome.REPLY:
            found = [answer for theirs, answer in reversed(self.answers) if theirs == note.theirs]
            outcome = judge(Conversation(answers=tuple(found)))
        if outcome is ReplyOutcome.REPLY:
            answer = Answer(decision.rule, digest_of(decision.text or ""), note.now_ms)
            self.answers.append((note.theirs, answer))
        self.noted[note.command_id] = Settled(outcome, from_millis(note.now_ms))
        return self.noted[note.command_id]


def answering(
    settings: AutoReplySettings, log: Log, metrics: ConsumerMetrics, clock: Clock, accounts: Accounts = NOTHING_SPECIAL
) -> Consumer:
    """Return the consumer that answers, with a memory of its own and nobody opted out."""
    parts = ReplyParts(
        settings=settings,
        log=log,
        metrics=metrics,
        clock=clock,
        memory=DictMemory(),
        consents=WrittenConsents(),
        accounts=accounts,
    )
    return auto_reply(parts)
