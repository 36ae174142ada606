"""Send: commands in, calls to the provider, one result for each command.

The ledger claims a command before its call. A crash anywhere between leaves the claim behind: then the same bytes go
out again under the same id where the provider tells repeats apart. Where it does not, the outcome is unknown once
nobody's call can be under way any more. `expires_at` bounds when the first call may begin; a call in doubt is cleared
up after it too.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from broker.log import Log
from consumers.catalogue import SEND
from consumers.commands import result_id
from consumers.consumer import Consumer, TryLater
from consumers.loop.tempo import Tempo
from consumers.metrics import CallOutcome, ConsumerMetrics
from consumers.settings import SendSettings
from consumers.state.database import StateError
from consumers.state.ledger import Claim, ClaimState, Ledger
from providers.contract import Sender, SendReceipt, SendStatus
from schemas.envelope import Delivered, event_to_record
from schemas.events import ProviderError, SendCompleted, SendRequested
from schemas.times import Clock, from_clock
from schemas.vocabulary import FailureClass, SendOutcome

_log = structlog.get_logger()
APPEND_WAIT = 10.0
"""Seconds that a result may take to be stored."""

RESEND_WITHIN = 20 * 3600.0
"""Seconds for which a provider is trusted to know an id again; Telnyx keeps them for 24 hours."""

LONGEST_PAUSE = 60.0
LONGEST_WISH = 300.0
"""Seconds that a provider may ask us to wait, as far as we follow it."""

LONGEST_CALL = 90.0
LEDGER_PAUSE = 5.0
BUSY_PAUSE = 5.0
CALL_MARGIN = 10.0
"""Seconds that a claim and a note in the ledger may take beside the call: a claim older than all that is left over."""

_PAUSES = Tempo(first_pause=1.0, longest_pause=LONGEST_PAUSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a command ends."""

    outcome: SendOutcome
    reason: str | None = None
    message_id: str | None = None
    failure_class: str | None = None
    errors: tuple[ProviderError, ...] = ()


@dataclass(frozen=True, slots=True)
class _Parts:
    settings: SendSettings
    log: Log
    senders: Mapping[str, Sender]
    ledger: Ledger
    metrics: ConsumerMetrics
    clock: Clock


def send(  # noqa: PLR0913, PLR0917 - the wiring hands in each part by its name
    settings: SendSettings,
    log: Log,
    senders: Mapping[str, Sender],
    ledger: Ledger,
    metrics: ConsumerMetrics,
    clock: Clock,
) -> Consumer:
    """Return the consumer that carries commands out; `senders` is by account, `ledger` is open."""
    parts = _Parts(settings, log, senders, ledger, metrics, clock)
    return Consumer(SEND.name, SEND.topics, _Send(parts).handle, has_effects=True)


class _Send:
    def __init__(self, parts: _Parts) -> None:
        self._settings = parts.settings
        self._log = parts.log
        self._senders = parts.senders
        self._ledger = parts.ledger
        self._clock = parts.clock
        self._counters = parts.metrics.sends()

    async def handle(self, delivered: Delivered) -> None:
        """Carry out one command and store its result. Raises TryLater and LogError; the command is then not done."""
        command = delivered.event
        if not isinstance(command, SendRequested):
            return
        try:
            result = await self._result(command)
        except StateError as error:
            _log.error("ledger_failed", command_id=command.id, error=str(error))
            raise TryLater(LEDGER_PAUSE, "state_unavailable") from error
        envelope = delivered.envelope
        record = event_to_record(result, webhook_id=envelope.webhook_id, traceparent=envelope.traceparent)
        await self._log.append([record], APPEND_WAIT)

    async def _result(self, command: SendRequested) -> SendCompleted:
        """Return the command's result, calling the provider where that is still to be done."""
        sender = self._senders.get(command.account)
        refusal, body = self._plan(command, sender)
        # A provider that tells repeats apart may be asked beside a call that is under way; another may not.
        alone = 0.0 if sender is not None and sender.idempotent else self._call_time + CALL_MARGIN
        claim = await self._ledger.claim(command, body, self._clock(), alone)
        if claim.state is ClaimState.BUSY:
            # Another member's call, or one that a crash cut off: whoever waits learns which.
            self._counters[CallOutcome.POSTPONED].inc()
            raise TryLater(BUSY_PAUSE, "call_under_way")
        if claim.result is not None:
            self._counters[CallOutcome.REPEATED].inc()
            return claim.result
        ending = refusal if claim.state is ClaimState.NEW else self._doubt(claim, sender)
        if ending is None and sender is not None:
            receipt = await self._call(sender, command.id, claim.body)
            ending = self._ending(command, receipt, claim, sender)
            if ending is None:
                await self._postpone(command, receipt, claim)
        return await self._complete(command, ending or Ending(outcome=SendOutcome.UNKNOWN, reason="no_sender"))

    def _plan(self, command: SendRequested, sender: Sender | None) -> tuple[Ending | None, bytes]:
        """Return why no first call may be made, or the bytes for it."""
        if command.expires_at is not None and from_clock(self._clock) >= command.expires_at:
            return Ending(outcome=SendOutcome.EXPIRED, reason="expired"), b""
        if sender is None:
            return _failed(FailureClass.CONFIGURATION, "no_sender"), b""
        try:
            body = sender.prepare(command)
        except ValueError:
            return _failed(FailureClass.PERMANENT, "unsendable"), b""
        return (None, body) if body else (_failed(FailureClass.PERMANENT, "unsendable"), b"")

    def _doubt(self, claim: Claim, sender: Sender | None) -> Ending | None:
        """Return why a call that may have had its effect must not be repeated, None where it may."""
        reason = None
        if sender is None:
            reason = "no_sender"
        elif not sender.idempotent:
            reason = "interrupted"
        elif self._clock() - claim.claimed_at > RESEND_WITHIN:
            reason = "interrupted_too_long_ago"
        elif claim.calls > self._settings.attempts:
            reason = "attempts_exhausted"
        return None if reason is None else Ending(outcome=SendOutcome.UNKNOWN, reason=reason)

    @property
    def _call_time(self) -> float:
        return min(self._settings.timeout, LONGEST_CALL)

    async def _call(self, sender: Sender, command_id: str, body: bytes) -> SendReceipt:
        try:
            async with asyncio.timeout(self._call_time):
                return await sender.send(command_id, body)
        except TimeoutError:
            return SendReceipt(status=SendStatus.UNKNOWN, reason="timeout")
        except Exception as error:  # noqa: BLE001 - a sender that breaks its contract may have sent all the same
            _log.error("sender_failed", command_id=command_id, error=type(error).__name__)
            return SendReceipt(status=SendStatus.UNKNOWN, reason="sender_failed")

    def _ending(self, command: SendRequested, receipt: SendReceipt, claim: Claim, sender: Sender) -> Ending | None:
        """Return how the command ended, None where it is to be tried again."""
        again = claim.calls < self._settings.attempts
        # A provider that asks to wait has sent nothing: that goes on for as long as the command is worth sending.
        patient = again or command.expires_at is not None
        # After a call in doubt, 'nothing was sent' is true of the last call alone.
        doubtful = claim.state is ClaimState.CLAIMED
        match receipt.status:
            case SendStatus.ACCEPTED:
                outcome = SendOutcome.SENT
            case SendStatus.REFUSED:
                outcome = SendOutcome.FAILED
            case SendStatus.RETRY if patient and claim.state is ClaimState.NEW:
                return None
            case SendStatus.RETRY if again:
                return None
            case SendStatus.UNKNOWN if again and sender.idempotent:
                return None
            case SendStatus.RETRY if not doubtful:
                return _failed(FailureClass.TEMPORARY, receipt.reason or "attempts_exhausted", receipt.errors)
            case _:
                outcome = SendOutcome.UNKNOWN
        return Ending(
            outcome=outcome,
            reason=receipt.reason,
            message_id=receipt.message_id,
            failure_class=receipt.failure_class,
            errors=receipt.errors,
        )

    async def _postpone(self, command: SendRequested, receipt: SendReceipt, claim: Claim) -> None:
        """Raise TryLater; before that note that the call is over, and whether it certainly had no effect."""
        certain = receipt.status is SendStatus.RETRY and claim.state is ClaimState.NEW
        await self._ledger.release(command, doubtful=not certain)
        self._counters[CallOutcome.POSTPONED].inc()
        wish = receipt.retry_after
        pause = _PAUSES.pause(claim.calls) if wish is None else min(max(wish, 0.0), LONGEST_WISH)
        raise TryLater(pause, receipt.reason or "provider_asks_to_wait")

    async def _complete(self, command: SendRequested, ending: Ending) -> SendCompleted:
        result = await self._ledger.complete(command, self._completed(command, ending))
        self._counters[CallOutcome(ending.outcome)].inc()
        _log.info(
            "send_completed",
            command_id=command.id,
            account=command.account,
            outcome=ending.outcome,
            reason=ending.reason,
            message_id=ending.message_id,
        )
        return result

    def _completed(self, command: SendRequested, ending: Ending) -> SendCompleted:
        return SendCompleted(
            id=result_id(command),
            provider=command.provider,
            account=command.account,
            tenant=command.tenant,
            message_id=ending.message_id,
            received_at=from_clock(self._clock),
            command_id=command.id,
            outcome=ending.outcome,
            from_=command.from_,
            to=command.to,
            in_reply_to=command.in_reply_to,
            reason=ending.reason,
            failure_class=ending.failure_class,
            errors=ending.errors,
        )


def _failed(kind: FailureClass, reason: str, errors: tuple[ProviderError, ...] = ()) -> Ending:
    return Ending(outcome=SendOutcome.FAILED, reason=reason, failure_class=kind, errors=errors)
