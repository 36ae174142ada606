"""Auto-reply: inbound messages in, commands to send out. It sends nothing itself.

A command's id is made of the inbound message's id, so that a message which comes twice is answered once. There is no
bound yet on the answers to one person: two machines that answer whatever comes can keep each other busy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import Counter

from broker.log import Log
from consumers.auto_reply.deciding import DEFAULT_RULE, Decision, ReplyOutcome, decide, expiry
from consumers.catalogue import AUTO_REPLY
from consumers.commands import reply_command_id
from consumers.consumer import Consumer
from consumers.metrics import ConsumerMetrics
from consumers.settings import AutoReplySettings
from schemas.envelope import Delivered, event_to_record
from schemas.events import InboundMessage, SendRequested
from schemas.times import Clock, from_clock

APPEND_WAIT = 10.0
"""Seconds that a command may take to be stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Names of accounts with something special.

    `choosing_number`: the provider sends also where our number is not named. `polled`: a poll brings every message.
    """

    choosing_number: frozenset[str] = frozenset()
    polled: frozenset[str] = frozenset()


NOTHING_SPECIAL = Accounts()


def auto_reply(
    settings: AutoReplySettings,
    log: Log,
    metrics: ConsumerMetrics,
    clock: Clock,
    accounts: Accounts = NOTHING_SPECIAL,
) -> Consumer:
    """Return the consumer that answers messages by the rules of `settings`.

    `accounts` tells which are not like the others.
    """
    replier = _AutoReply(settings, log, metrics, clock, accounts)
    return Consumer(AUTO_REPLY.name, AUTO_REPLY.topics, replier.handle, has_effects=True)


class _AutoReply:
    def __init__(
        self,
        settings: AutoReplySettings,
        log: Log,
        metrics: ConsumerMetrics,
        clock: Clock,
        accounts: Accounts,
    ) -> None:
        self._settings = settings
        self._accounts = accounts
        self._log = log
        self._clock = clock
        self._counters = _counters(settings, metrics)

    async def handle(self, delivered: Delivered) -> None:
        """Decide about one message and store the command. Raises LogError where it cannot be stored."""
        event = delivered.event
        if not isinstance(event, InboundMessage):
            return
        now = from_clock(self._clock)
        needs_number = event.account not in self._accounts.choosing_number
        polled = event.account in self._accounts.polled
        decision = decide(self._settings, event, now, needs_number=needs_number, polled=polled)
        command = _command(self._settings, event, decision, now)
        if command is not None:
            envelope = delivered.envelope
            record = event_to_record(command, webhook_id=envelope.webhook_id, traceparent=envelope.traceparent)
            await self._log.append([record], APPEND_WAIT)
        self._counters[decision.outcome, decision.rule or ""].inc()


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
        rule=decision.rule,
        expires_at=expiry(settings, event, now),
    )


def _counters(settings: AutoReplySettings, metrics: ConsumerMetrics) -> Mapping[tuple[str, str], Counter]:
    silent = [(str(outcome), "") for outcome in ReplyOutcome if outcome is not ReplyOutcome.REPLY]
    names = (*(rule.name for rule in settings.rules), DEFAULT_RULE)
    return metrics.replies([*silent, *((str(ReplyOutcome.REPLY), name) for name in names)])
