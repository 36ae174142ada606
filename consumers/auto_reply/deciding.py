"""Whether and how an inbound message is answered. Pure."""

import re
import string
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from consumers.settings import AutoReplySettings, Rule
from providers.keywords import STOP_WORDS
from schemas.events import InboundMessage
from schemas.vocabulary import Channel, Direction

DEFAULT_RULE = "default"
"""The name under which the default reply goes."""

_PUNCTUATION = string.punctuation + "…。！？、¡¿‼⁇⁈⁉ "  # noqa: RUF001 - people write these too
# A number that a text can be sent to: E.164 with its plus (7 to 15 digits), or at least as long as no short code is.
_NUMBER = re.compile(r"\+[0-9]{7,15}|[0-9]{9,15}", re.ASCII)
_NOT_A_MESSAGE = frozenset({"edit", "revoke", "reaction"})
_LONGEST = timedelta(days=3650)


class ReplyOutcome(StrEnum):
    """What auto-reply decides about one message. Everything but REPLY is silence, with its reason."""

    REPLY = "reply"
    NO_RULE = "no_rule"
    TOO_OLD = "too_old"
    OPT_OUT_WORD = "opt_out_word"
    NOT_A_PERSON = "not_a_person"
    NOT_A_MESSAGE = "not_a_message"
    NO_NUMBER = "no_number"
    LEFT_TO_POLL = "left_to_poll"
    OUTBOUND = "outbound"
    OWN_NUMBER = "own_number"


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome, and for REPLY the rule's name and the text."""

    outcome: ReplyOutcome
    rule: str | None = None
    text: str | None = None


def decide(
    settings: AutoReplySettings,
    event: InboundMessage,
    now: datetime,
    *,
    needs_number: bool = True,
    polled: bool = False,
) -> Decision:
    """Return whether and how to answer. Never raises.

    The first rule whose keyword is the whole text answers, else the default reply, if there is one. That one never
    answers who wants no more messages, also where the provider does not. `needs_number` says that the provider sends
    nothing unless our number is named. `polled` says that a poll brings every message with the provider's id: one
    without an id then comes again, and is answered then, so that nobody gets two answers to one message.
    """
    silence = _silence(settings, event, now, needs_number=needs_number, polled=polled)
    if silence is not None:
        return Decision(silence)
    words = normalized(event.text or "")
    for rule in settings.rules:
        if words and _applies(rule, event.account) and words in {normalized(word) for word in rule.keywords}:
            return _reply(rule.name, rule.reply)
    if words.strip(_PUNCTUATION) in OPT_OUT_WORDS:
        return Decision(ReplyOutcome.OPT_OUT_WORD)
    return _reply(DEFAULT_RULE, settings.default_reply)


OPT_OUT_WORDS = STOP_WORDS
"""Texts that the default reply never answers, whoever their provider is."""

LONGEST_KEYWORD = 256
"""Characters beyond which a text is no keyword."""


def moment_of(event: InboundMessage, now: datetime) -> datetime:
    """Return when the message was written, as far as is known; never later than `now`."""
    return min(event.occurred_at or event.received_at, now)


def expiry(settings: AutoReplySettings, event: InboundMessage, now: datetime) -> datetime:
    """Return when an answer to the message comes too late."""
    return moment_of(event, now) + _max_age(settings)


def normalized(text: str) -> str:
    """Return the text as keywords are compared: case, inner white space and punctuation at the end do not count.

    A text longer than any keyword stays as it is: to compose a long run of combining characters takes quadratic time.
    """
    if len(text) > LONGEST_KEYWORD:
        return text
    words = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    # A text of punctuation alone ('?') is a keyword like any other.
    return words.rstrip(_PUNCTUATION) or words


def _silence(
    settings: AutoReplySettings, event: InboundMessage, now: datetime, *, needs_number: bool, polled: bool
) -> ReplyOutcome | None:
    """Return why the message gets no answer whatever it says, None where it may get one."""
    checks = (
        (ReplyOutcome.OUTBOUND, event.direction not in {None, "", Direction.INBOUND}),
        (ReplyOutcome.NOT_A_MESSAGE, event.content_type in _NOT_A_MESSAGE),
        (ReplyOutcome.NO_NUMBER, needs_number and not event.to),
        (ReplyOutcome.NOT_A_PERSON, not _can_receive(event)),
        (ReplyOutcome.OWN_NUMBER, event.from_ == event.to),
        (ReplyOutcome.OPT_OUT_WORD, event.autoresponse is not None),
        (ReplyOutcome.LEFT_TO_POLL, polled and not event.message_id),
        (ReplyOutcome.TOO_OLD, now - moment_of(event, now) > _max_age(settings)),
    )
    return next((outcome for outcome, holds in checks if holds), None)


def _can_receive(event: InboundMessage) -> bool:
    # WhatsApp names a person who hides the number by an id, which takes answers like a number.
    if event.channel == Channel.WHATSAPP:
        return bool(event.from_)
    return _NUMBER.fullmatch(event.from_ or "") is not None


def _applies(rule: Rule, account: str) -> bool:
    return not rule.accounts or account in rule.accounts


def _reply(name: str, text: str | None) -> Decision:
    return Decision(ReplyOutcome.REPLY, name, text) if text else Decision(ReplyOutcome.NO_RULE)


def _max_age(settings: AutoReplySettings) -> timedelta:
    seconds = settings.max_age
    return timedelta(seconds=max(seconds, 0.0)) if seconds < _LONGEST.total_seconds() else _LONGEST
