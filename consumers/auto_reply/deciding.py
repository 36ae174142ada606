"""Whether and how an inbound message is answered, as far as the message and the rules tell. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from consumers.auto_reply.rules import Facts, ReadyRule, RuleBook
from consumers.auto_reply.settings import AutoReplySettings
from consumers.consent.numbers import canonical
from schemas.events import InboundMessage
from schemas.vocabulary import Autoresponse, Channel, Direction, SendPurpose

CONFIRM_WITHIN = timedelta(minutes=5)
"""A confirmation of an opt-out that is sent within five minutes counts as a part of the consent that it ends.

A later one has to be justified (47 CFR 64.1200(a)(12)), so none is sent.
"""

# A number that a text can be sent to: E.164 with its plus (7 to 15 digits), or at least as long as no short code is.
_NUMBER = re.compile(r"\+[0-9]{7,15}|[0-9]{9,15}", re.ASCII)
_NOT_A_MESSAGE = frozenset({"edit", "revoke", "reaction"})
_LONGEST = timedelta(days=3650)
_PURPOSES = {
    Autoresponse.STOP: SendPurpose.OPT_OUT_CONFIRMATION,
    Autoresponse.START: SendPurpose.OPT_IN_CONFIRMATION,
    Autoresponse.HELP: SendPurpose.HELP,
}


class ReplyOutcome(StrEnum):
    """What auto-reply decides about one message. Everything but REPLY is silence, with its reason.

    Those from OPTED_OUT on come of what is known of the person and of the conversation.
    """

    REPLY = "reply"
    NO_RULE = "no_rule"
    SILENT_RULE = "silent_rule"
    TOO_OLD = "too_old"
    OPT_OUT_WORD = "opt_out_word"
    PROVIDER_ANSWERS = "provider_answers"
    NOT_A_PERSON = "not_a_person"
    NOT_A_MESSAGE = "not_a_message"
    NO_NUMBER = "no_number"
    LEFT_TO_POLL = "left_to_poll"
    OUTBOUND = "outbound"
    OWN_NUMBER = "own_number"
    OPTED_OUT = "opted_out"
    OVERTAKEN = "overtaken"
    ALREADY_CONFIRMED = "already_confirmed"
    ECHO = "echo"
    RATE_LIMITED = "rate_limited"
    SAME_TEXT = "same_text"
    COOLDOWN = "cooldown"


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome, the rule that fired, and for REPLY the text.

    `purpose` says that the answer is owed also to a person who opted out; `cools` that the rule answers whatever is
    written, and so not every time.
    """

    outcome: ReplyOutcome
    rule: str | None = None
    text: str | None = field(default=None, repr=False)
    purpose: SendPurpose | None = None
    cools: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What an account's provider does. `needs_number`: it sends nothing unless our number is named.

    `polled`: a poll brings every message with the provider's id. One without an id then comes again, and is answered
    then, so that nobody gets two answers to one message.
    """

    needs_number: bool = True
    polled: bool = False


USUAL = Ways()


def decide(book: RuleBook, event: InboundMessage, now: datetime, ways: Ways = USUAL) -> Decision:
    """Return whether and how to answer. Never raises. The first rule that fits decides."""
    silence = next(silences(book.settings, event, now, ways), None)
    if silence is not None:
        return Decision(silence)
    facts = book.facts(event, moment_of(event, now))
    return _by_rule(book, facts, book.first(facts), now)


def silences(settings: AutoReplySettings, event: InboundMessage, now: datetime, ways: Ways) -> Iterator[ReplyOutcome]:
    """Yield why the message gets no answer whatever the rules say; nothing where it may get one."""
    checks = (
        (ReplyOutcome.OUTBOUND, event.direction not in {None, "", Direction.INBOUND}),
        (ReplyOutcome.NOT_A_MESSAGE, event.content_type in _NOT_A_MESSAGE),
        (ReplyOutcome.NO_NUMBER, ways.needs_number and not event.to),
        (ReplyOutcome.NOT_A_PERSON, not _can_receive(event)),
        (ReplyOutcome.OWN_NUMBER, canonical(event.from_ or "") == canonical(event.to or "")),
        (ReplyOutcome.PROVIDER_ANSWERS, event.autoresponse is not None),
        (ReplyOutcome.LEFT_TO_POLL, ways.polled and not event.message_id),
        (ReplyOutcome.TOO_OLD, now - moment_of(event, now) > _max_age(settings)),
    )
    return (outcome for outcome, holds in checks if holds)


def moment_of(event: InboundMessage, now: datetime) -> datetime:
    """Return when the message was written, as far as is known; never later than it came, or than `now`.

    A provider's clock that is ahead makes no old message a new one.
    """
    return min(event.occurred_at or event.received_at, event.received_at, now)


def expiry(settings: AutoReplySettings, event: InboundMessage, decision: Decision, now: datetime) -> datetime:
    """Return when an answer to the message comes too late."""
    age = _max_age(settings)
    return moment_of(event, now) + (min(age, CONFIRM_WITHIN) if _confirms(decision.purpose) else age)


def _by_rule(book: RuleBook, facts: Facts, rule: ReadyRule | None, now: datetime) -> Decision:
    if rule is None:
        stops = facts.family == Autoresponse.STOP
        return Decision(ReplyOutcome.OPT_OUT_WORD if stops else ReplyOutcome.NO_RULE)
    text = "" if rule.template is None else rule.template.fill(facts.event, book.zone)
    if not text.strip():
        return Decision(ReplyOutcome.SILENT_RULE, rule.name)
    purpose = _PURPOSES.get(Autoresponse(facts.family)) if facts.family and rule.names(facts) else None
    if _confirms(purpose) and now - facts.written > CONFIRM_WITHIN:
        return Decision(ReplyOutcome.TOO_OLD, rule.name)
    return Decision(ReplyOutcome.REPLY, rule.name, text, purpose, cools=rule.any_text)


def _confirms(purpose: SendPurpose | None) -> bool:
    return purpose is SendPurpose.OPT_OUT_CONFIRMATION


def _can_receive(event: InboundMessage) -> bool:
    # WhatsApp names a person who hides the number by an id, which takes answers like a number.
    if event.channel == Channel.WHATSAPP:
        return bool(event.from_)
    return _NUMBER.fullmatch(event.from_ or "") is not None


def _max_age(settings: AutoReplySettings) -> timedelta:
    seconds = settings.max_age
    return timedelta(seconds=max(seconds, 0.0)) if seconds < _LONGEST.total_seconds() else _LONGEST
