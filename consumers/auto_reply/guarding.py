"""Whether an answer may be given in its conversation: consent, loops, and what was said there before. Pure.

Why identical answers are counted and not identical questions: a person who asks HOURS twice may have it twice, while
two machines that answer each other always come to say the same, whatever the other one writes. Silence ends that, as a
machine that answers has then nothing to answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

from consumers.auto_reply.deciding import Decision, ReplyOutcome
from consumers.auto_reply.rules import normalized
from consumers.auto_reply.settings import AutoReplySettings
from consumers.consent.permission import Permission
from schemas.times import to_millis
from schemas.vocabulary import Consent, SendPurpose

DAY = 86400.0
"""Seconds of the window of `daily`."""

_SECOND = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """One inbound message: its conversation, the one command that may answer it, and its family of opt-out words.

    `now_ms` is when it is decided about, `written_ms` when it was written.
    """

    account: str
    command_id: str
    ours: str
    theirs: str
    family: str | None
    now_ms: int
    written_ms: int
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was given before; `purpose` is a word of SendPurpose where it was owed."""

    rule: str | None
    digest: str
    at_ms: int
    purpose: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What was said before: the answers, the newest first, and when the person last said STOP or START (ms).

    `confirmed_ms` is when the STOP was written that was confirmed last.
    """

    answers: tuple[Answer, ...] = ()
    stopped_ms: int | None = None
    started_ms: int | None = None
    confirmed_ms: int | None = None


NOTHING_SAID = Conversation()
Judge = Callable[[Conversation], ReplyOutcome]
"""Tells what becomes of an answer, by what was said before."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What is noted for good about a message. Not `first`: it was decided before, at `at`."""

    outcome: ReplyOutcome
    at: datetime
    first: bool = True


def horizon_of(settings: AutoReplySettings) -> float:
    """Return for how many seconds the answers of a conversation matter."""
    day = DAY if settings.daily else 0.0
    return max(settings.rate_window, settings.same_text_window, settings.cooldown, day)


def digest_of(text: str) -> str:
    """Return what texts are compared by: they are the same if case, spaces and end alone differ."""
    return blake2b(normalized(text).encode("utf-8", "replace"), digest_size=16).hexdigest()


def judge(
    settings: AutoReplySettings, note: Noted, decision: Decision, permission: Permission, said: Conversation
) -> ReplyOutcome:
    """Return REPLY where the answer may be given, else why not."""
    if decision.purpose is SendPurpose.OPT_OUT_CONFIRMATION:
        return _judge_confirmation(settings, note, permission, said)
    checks = (
        (ReplyOutcome.OPTED_OUT, decision.purpose is None and _is_out(permission, said)),
        (ReplyOutcome.OPTED_OUT, decision.purpose is SendPurpose.OPT_IN_CONFIRMATION and _is_undone(note, said)),
        (ReplyOutcome.ECHO, _is_echo(note, said)),
        (ReplyOutcome.RATE_LIMITED, _too_many(settings, note, said.answers)),
        (ReplyOutcome.COOLDOWN, decision.cools and _is_cooling(settings, note, decision, said)),
        (ReplyOutcome.SAME_TEXT, _too_often(settings, note, decision, said)),
    )
    return next((outcome for outcome, holds in checks if holds), ReplyOutcome.REPLY)


def _judge_confirmation(
    settings: AutoReplySettings, note: Noted, permission: Permission, said: Conversation
) -> ReplyOutcome:
    """Return REPLY where an opt-out may be confirmed: once, and whatever else was answered, as the law wants it.

    Only confirmations bound it: a machine that says STOP and START in turns gets no more of them than of other answers.
    """
    confirmations = [answer for answer in said.answers if answer.purpose == SendPurpose.OPT_OUT_CONFIRMATION]
    confirmed = said.confirmed_ms is not None and said.confirmed_ms >= _opted_in_ms(permission, said)
    checks = (
        (ReplyOutcome.OVERTAKEN, said.started_ms is not None and said.started_ms > note.written_ms),
        (ReplyOutcome.ALREADY_CONFIRMED, confirmed),
        (ReplyOutcome.RATE_LIMITED, _too_many(settings, note, confirmations)),
    )
    return next((outcome for outcome, holds in checks if holds), ReplyOutcome.REPLY)


def _is_undone(note: Noted, said: Conversation) -> bool:
    """Tell whether a STOP of this conversation is not older than the START that the message is."""
    return said.stopped_ms is not None and said.stopped_ms >= note.written_ms


def _is_out(permission: Permission, said: Conversation) -> bool:
    """Tell whether the person wants no texts. A STOP of this conversation counts before the book has it."""
    if not permission.allowed:
        return True
    return said.stopped_ms is not None and said.stopped_ms >= _opted_in_ms(permission, said)


def _opted_in_ms(permission: Permission, said: Conversation) -> int:
    """Return when the person last opted in, as far as is known; -1 for never."""
    by_book = permission.since if permission.consent == Consent.OPTED_IN else None
    return max(-1 if said.started_ms is None else said.started_ms, -1 if by_book is None else to_millis(by_book))


def _is_echo(note: Noted, said: Conversation) -> bool:
    return bool(said.answers) and bool(note.text) and said.answers[0].digest == digest_of(note.text)


def _too_many(settings: AutoReplySettings, note: Noted, answers: Sequence[Answer]) -> bool:
    bounds = ((settings.rate, settings.rate_window), (settings.daily, DAY))
    return any(0 < most <= len(_within(answers, note, seconds)) for most, seconds in bounds)


def _too_often(settings: AutoReplySettings, note: Noted, decision: Decision, said: Conversation) -> bool:
    digest = digest_of(decision.text or "")
    same = [answer for answer in _within(said.answers, note, settings.same_text_window) if answer.digest == digest]
    return 0 < settings.same_text <= len(same)


def _is_cooling(settings: AutoReplySettings, note: Noted, decision: Decision, said: Conversation) -> bool:
    return any(answer.rule == decision.rule for answer in _within(said.answers, note, settings.cooldown))


def _within(answers: Sequence[Answer], note: Noted, seconds: float) -> list[Answer]:
    return [answer for answer in answers if note.now_ms - answer.at_ms < seconds * _SECOND]
