"""How a command ends, and what is done about a call that may have had its effect. Pure."""

from dataclasses import dataclass

from consumers.metrics import DoubtOutcome
from consumers.send.settings import InDoubt
from providers.contract import SendReceipt, SendStatus
from schemas.events import ProviderError
from schemas.vocabulary import FailureClass, SendOutcome

RESEND_WITHIN = 20 * 3600.0
"""Seconds for which a provider is trusted to know an id again; Telnyx keeps them for 24 hours."""

ASKED_FOR = 3 * 86_400.0
"""Seconds of a command's age in which a provider's wish to wait uses up no try; its topic keeps it for 7 days."""

UNTOLD_PAUSE = 5.0
"""Seconds after which a provider is asked again that had too many calls and does not say when to come again."""

OPTED_OUT = "opted_out"
_TOO_MANY = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a command ends."""

    outcome: SendOutcome
    reason: str | None = None
    message_id: str | None = None
    failure_class: str | None = None
    errors: tuple[ProviderError, ...] = ()


def failed(kind: FailureClass, reason: str, errors: tuple[ProviderError, ...] = ()) -> Ending:
    """Return the end of a command of which nothing was sent."""
    return Ending(outcome=SendOutcome.FAILED, reason=reason, failure_class=kind, errors=errors)


def unknown(reason: str | None) -> Ending:
    """Return the end of a command that may have been sent."""
    return Ending(outcome=SendOutcome.UNKNOWN, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A call that may have had its effect, `age` seconds ago. `calls` counts all such calls and the one to be made now.

    `looked_up` says that the provider has nothing under the id. `refusal` is why a first call would not be made now.
    """

    idempotent: bool
    looked_up: bool
    policy: InDoubt
    calls: int
    attempts: int
    age: float
    refusal: Ending | None


@dataclass(frozen=True, slots=True)
class Way:
    """What is done about a doubt; `reason` is why nothing is, for SKIPPED alone."""

    choice: DoubtOutcome
    reason: str | None = None


def way_out(doubt: Doubt) -> Way:
    """Return what to do.

    A provider that knows the id again is asked with the same bytes, also when the command has expired: that is how it
    is learnt what came of it. Everywhere else another call may be another text, so that it has to be allowed, and in
    time. Nobody who wants no more messages gets one for the sake of knowing.
    """
    if doubt.refusal is not None and doubt.refusal.reason == OPTED_OUT:
        return Way(DoubtOutcome.SKIPPED, OPTED_OUT)
    knows = doubt.idempotent and doubt.age <= RESEND_WITHIN
    why = _why(doubt)
    if not knows and doubt.policy is InDoubt.SKIP:
        return Way(DoubtOutcome.SKIPPED, f"{why}_skipped")
    if not knows and doubt.refusal is not None:
        return Way(DoubtOutcome.SKIPPED, f"{why}_{doubt.refusal.reason}")
    if doubt.calls > doubt.attempts:
        return Way(DoubtOutcome.SKIPPED, "attempts_exhausted")
    return Way(DoubtOutcome.REPEATED if knows else DoubtOutcome.RESENT)


def _why(doubt: Doubt) -> str:
    if doubt.looked_up:
        return "not_found"
    return "interrupted_long_ago" if doubt.idempotent else "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A call that was answered, or not. `way` is what led to it, None for one that no other can have had its effect.

    `again` says that another call in doubt is not too many, `waits` that the command goes on where it is asked to wait,
    `free` that this uses up no try. `repeatable` says that a lost answer may be followed by another call.
    """

    receipt: SendReceipt
    way: DoubtOutcome | None
    again: bool
    waits: bool
    free: bool
    repeatable: bool


def is_free(receipt: SendReceipt, age: float) -> bool:
    """Tell whether an answer uses up no try of a command that was wanted `age` seconds ago.

    So it is where the provider was reached and asks to wait: it has sent nothing, and will send when we are slower.
    """
    return receipt.status is SendStatus.RETRY and wish_of(receipt) is not None and age < ASKED_FOR


def wish_of(receipt: SendReceipt) -> float | None:
    """Return for how many seconds the provider wants no call of the account, None where it asks for no pause."""
    if receipt.retry_after is None and receipt.status is SendStatus.RETRY and receipt.http_status == _TOO_MANY:
        return UNTOLD_PAUSE
    return receipt.retry_after


def ending_of(call: Answered) -> Ending | None:
    """Return how the command ended with this answer, None where it is to be tried again."""
    receipt, resent = call.receipt, call.way is DoubtOutcome.RESENT
    match receipt.status:
        case SendStatus.ACCEPTED:
            return _told(SendOutcome.SENT, receipt, receipt.reason or ("resent" if resent else None))
        case SendStatus.REFUSED:
            # That a text was refused the second time says nothing of the first: a provider that knows ids keeps the
            # answers that went well alone, and looks at the credentials before the id.
            outcome = SendOutcome.FAILED if call.way is None else SendOutcome.UNKNOWN
            reason = receipt.reason if call.way is None else f"{call.way}_{receipt.reason or 'refused'}"
            return _told(outcome, receipt, reason)
        case SendStatus.RETRY if call.waits:
            return None
        case SendStatus.RETRY if call.way is None:
            return failed(FailureClass.TEMPORARY, receipt.reason or "attempts_exhausted", receipt.errors)
        case SendStatus.UNKNOWN if call.again and call.repeatable:
            return None
        case _:
            skipped = "" if call.repeatable else "_skipped"
            return _told(SendOutcome.UNKNOWN, receipt, f"{receipt.reason or 'no_answer'}{skipped}")


def _told(outcome: SendOutcome, receipt: SendReceipt, reason: str | None) -> Ending:
    return Ending(
        outcome=outcome,
        reason=reason,
        message_id=receipt.message_id,
        failure_class=receipt.failure_class,
        errors=receipt.errors,
    )
