"""Auto-reply: inbound messages in, commands to send out. It sends nothing itself.

A command's id is made of the inbound message's id, so that a message which comes twice is answered once. What is
decided about a message is noted before its command is given: see `memory.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from prometheus_client import Counter

from broker.log import Log
from consumers.auto_reply.deciding import Decision, ReplyOutcome, Ways, decide, expiry, moment_of
from consumers.auto_reply.guarding import Noted, judge
from consumers.auto_reply.memory import Memory
from consumers.auto_reply.rules import RuleBook, family_of
from consumers.auto_reply.settings import AutoReplySettings
from consumers.catalogue import AUTO_REPLY
from consumers.commands import reply_command_id
from consumers.consent.keywords import consent_said
from consumers.consent.permission import Consents, Permission
from consumers.consent.publishing import written
from consumers.consumer import Consumer, TryLater
from consumers.metrics import ConsumerMetrics
from consumers.state.database import StateError
from schemas.envelope import Delivered, event_to_record
from schemas.events import InboundMessage, SendRequested
from schemas.times import Clock, from_clock, to_millis
from schemas.vocabulary import Consent, SendPurpose

_log = structlog.get_logger()
APPEND_WAIT = 10.0
"""Seconds that a command may take to be stored."""

STATE_PAUSE = 5.0
_OF_A_RULE = (ReplyOutcome.REPLY, ReplyOutcome.SILENT_RULE)
"""The outcomes that are counted by rule; the others are the same for all."""

_CONFIRM = (SendPurpose.OPT_OUT_CONFIRMATION, SendPurpose.OPT_IN_CONFIRMATION)
_UNASKED = Permission(allowed=True, consent=Consent.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Names of accounts with something special.

    `choosing_number`: the provider sends also where our number is not named. `polled`: a poll brings every message.
    """

    choosing_number: frozenset[str] = frozenset()
    polled: frozenset[str] = frozenset()

    def ways(self, account: str) -> Ways:
        """Return what that account's provider does."""
        return Ways(needs_number=account not in self.choosing_number, polled=account in self.polled)


NOTHING_SPECIAL = Accounts()


def _no_scope(_event: InboundMessage) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyParts:
    """What auto-reply works with; `accounts` tells which are not like the others.

    `stop_words` opt out besides the usual words: those of the book of consent. `scope_of` tells in which scope of the
    provider our number is that a message came to, None where the message does not tell.
    """

    settings: AutoReplySettings
    log: Log
    metrics: ConsumerMetrics
    clock: Clock
    memory: Memory
    consents: Consents
    accounts: Accounts = NOTHING_SPECIAL
    stop_words: tuple[str, ...] = ()
    scope_of: Callable[[InboundMessage], str | None] = _no_scope


def auto_reply(parts: ReplyParts) -> Consumer:
    """Return the consumer that answers messages by the rules of the settings. Raises ValueError for unsound ones."""
    replier = _AutoReply(parts)
    return Consumer(AUTO_REPLY.name, AUTO_REPLY.topics, replier.handle, has_effects=True)


class _AutoReply:
    def __init__(self, parts: ReplyParts) -> None:
        self._parts = parts
        self._book = RuleBook.of(parts.settings, parts.stop_words)
        self._counters = _counters(self._book, parts.metrics)

    async def handle(self, delivered: Delivered) -> None:
        """Decide about one message and store the command.

        Raises LogError where it cannot be stored, TryLater where the state is away.
        """
        event = delivered.event
        if not isinstance(event, InboundMessage):
            return
        now = from_clock(self._parts.clock)
        try:
            decision = await self._settled(event, now)
        except StateError as error:
            _log.error("state_failed", consumer=AUTO_REPLY.name, event_id=event.id, error=str(error))
            raise TryLater(STATE_PAUSE, "state_unavailable") from error
        command = _command(self._parts.settings, event, decision, now)
        if command is not None:
            envelope = delivered.envelope
            record = event_to_record(command, webhook_id=envelope.webhook_id, traceparent=envelope.traceparent)
            await self._parts.log.append([record], APPEND_WAIT)
        else:
            fields = {"outcome": decision.outcome.value, "rule": decision.rule}
            _log.info("not_answered", event_id=event.id, account=event.account, **fields)
        self._count(decision)

    def _count(self, decision: Decision) -> None:
        rule = decision.rule if decision.outcome in _OF_A_RULE else None
        self._counters[decision.outcome, rule or ""].inc()

    def _decide(self, event: InboundMessage, now: datetime) -> Decision:
        return decide(self._book, event, now, self._parts.accounts.ways(event.account))

    async def _settled(self, event: InboundMessage, now: datetime) -> Decision:
        """Return the decision that counts, noted for good."""
        decision = self._decide(event, now)
        permission = _UNASKED
        if decision.outcome is ReplyOutcome.REPLY:
            permission = await self._parts.consents.may_text(event.account, event.from_ or "", event.to)
            decision = await self._agreeing(event, decision)
        note = _note(event, now, family_of(event.text or "", self._book.stop_words))
        passes = partial(judge, self._parts.settings, note, decision, permission)
        settled = await self._parts.memory.settle(note, decision, passes)
        if settled.outcome is ReplyOutcome.REPLY:
            # It was decided before, and perhaps not given: decided as of then, it comes out the same.
            return decision if settled.first else self._decide(event, settled.at)
        return Decision(settled.outcome, decision.rule)

    async def _agreeing(self, event: InboundMessage, decision: Decision) -> Decision:
        """Return the decision, or silence where it confirms what the book will not hold once the message is noted.

        A STOP that comes late is older than the START that counts, and a START may lift no opt-out of ours.
        """
        found = consent_said(event.text, frozenset(), self._book.stop_words) if decision.purpose in _CONFIRM else None
        if found is None or event.from_ is None:
            return decision
        said = written(event, event.from_, *found, self._parts.scope_of(event))
        after = await self._parts.consents.may_text(event.account, event.from_, event.to, said)
        stops = decision.purpose is SendPurpose.OPT_OUT_CONFIRMATION
        if after.allowed is not stops:
            return decision
        return Decision(ReplyOutcome.OVERTAKEN if stops else ReplyOutcome.OPTED_OUT, decision.rule)


def _note(event: InboundMessage, now: datetime, family: str | None) -> Noted:
    return Noted(
        account=event.account,
        command_id=reply_command_id(event),
        ours=event.to or "",
        theirs=event.from_ or "",
        family=family,
        now_ms=to_millis(now),
        written_ms=to_millis(moment_of(event, now)),
        text=event.text or "",
    )


def _command(
    settings: AutoReplySettings, event: InboundMessage, decision: Decision, now: datetime
) -> SendRequested | None:
    if decision.text is None or event.from_ is None:
        return None
    return SendRequested(
        id=reply_command_id(event),
        provider=event.provider,
        account=event.account,
        tenant=event.tenant,
        received_at=now,
        from_=event.to,
        to=event.from_,
        text=decision.text,
        sender_id=event.sender_id,
        in_reply_to=event.message_id,
        cause=event.id,
        cause_at=moment_of(event, now),
        rule=decision.rule,
        purpose=decision.purpose,
        expires_at=expiry(settings, event, decision, now),
    )


def _counters(book: RuleBook, metrics: ConsumerMetrics) -> Mapping[tuple[str, str], Counter]:
    silent = [(str(outcome), "") for outcome in ReplyOutcome]
    return metrics.replies([*silent, *((str(outcome), rule.name) for outcome in _OF_A_RULE for rule in book.rules)])
