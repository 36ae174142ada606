"""One command from its claim to its result: what is asked before the call, the call, and what is noted after it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from prometheus_client import Counter

from consumers.consent.permission import Consents
from consumers.consumer import TryLater
from consumers.loop.handling import is_certain
from consumers.loop.tempo import Tempo
from consumers.metrics import CallOutcome, ConsumerMetrics, DoubtOutcome
from consumers.send.answers import Over
from consumers.send.consenting import refusal_of
from consumers.send.ending import (
    Answered,
    Doubt,
    Ending,
    ending_of,
    failed,
    is_free,
    unknown,
    way_out,
    wish_of,
)
from consumers.send.gate import Gate, bounded
from consumers.send.noting import Notes
from consumers.send.settings import InDoubt, SendSettings
from consumers.state.database import StateError
from consumers.state.ledger import Claim, ClaimState, Ledger
from providers.contract import LooksUp, Sender, SendReceipt, SendStatus
from schemas.events import SendCompleted, SendRequested
from schemas.times import Clock, from_clock
from schemas.vocabulary import FailureClass, SendOutcome

LOOK_UP_FOR = 3600.0
"""Seconds for which a provider that cannot be asked is asked again what it has of a command."""

LONGEST_PAUSE = 60.0
BUSY_PAUSE = 5.0
LEAST_PAUSE = 1.0
FRESH = 1.0
"""Seconds for which an answer of the book is taken for that of the last moment."""

CALL_MARGIN = 10.0
"""Seconds within which a call begins after its claim; with a longer way it is claimed anew. See `Carrier._alone`."""

_FOUND = {SendOutcome.SENT: DoubtOutcome.FOUND, SendOutcome.UNKNOWN: DoubtOutcome.SKIPPED}
_ANSWERS = frozenset({SendStatus.ACCEPTED, SendStatus.REFUSED})
_PAUSES = Tempo(first_pause=1.0, longest_pause=LONGEST_PAUSE)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What sends for one account."""

    sender: Sender
    gate: Gate
    in_doubt: InDoubt
    doubts: Mapping[DoubtOutcome, Counter]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendParts:
    """What carrying out needs beside the account's own."""

    settings: SendSettings
    ledger: Ledger
    metrics: ConsumerMetrics
    clock: Clock
    consents: Consents | None

    @property
    def call_time(self) -> float:
        """Seconds that one call may take."""
        return self.settings.timeout


class Carrier:
    """Carries commands out. Its methods raise StateError and TryLater; the command is then not done."""

    def __init__(self, parts: SendParts) -> None:
        self._parts = parts
        self._ledger = parts.ledger
        self._clock = parts.clock
        self._counters = parts.metrics.sends()
        self.notes = Notes(parts.ledger, self._counters, parts.clock)

    async def carry_out(self, command: SendRequested, office: Office | None) -> SendCompleted:
        """Return the command's result, calling the provider where that is still to be done."""
        answer = self.notes.of(command)
        if isinstance(answer, Ending):
            return await self.notes.complete(command, answer)
        if answer is not None:
            await self.notes.over(command, answer)
        refusal, body = self._written(command, office)
        if office is not None and refusal is None:
            asked_at = self._clock()
            refusal = await refusal_of(command, self._parts.consents)
            if refusal is None and office.gate.must_ask(command):
                # Without a body nothing new is claimed: what was carried out before takes nobody's turn.
                known = await self._claim(command, b"", office)
                if known.state is not ClaimState.NEW:
                    return await self._claimed(command, known, office, None)
            if refusal is None:
                office.gate.await_turn(command)
                if self._clock() - asked_at > FRESH:
                    refusal = await refusal_of(command, self._parts.consents)
        try:
            claim = await self._claim(command, b"" if refusal else body, office)
            return await self._claimed(command, claim, office, refusal)
        finally:
            if office is not None:
                office.gate.give_up(command)

    async def _claimed(
        self, command: SendRequested, claim: Claim, office: Office | None, refusal: Ending | None
    ) -> SendCompleted:
        if claim.state is ClaimState.BUSY:
            # Another member's call, or one that a crash cut off: whoever waits learns which.
            raise self._postponed(BUSY_PAUSE, "call_under_way")
        if claim.result is not None:
            self._counters[CallOutcome.REPEATED].inc()
            return claim.result
        return await self.notes.complete(command, await self._ending(command, claim, office, refusal))

    async def _ending(
        self, command: SendRequested, claim: Claim, office: Office | None, refusal: Ending | None
    ) -> Ending:
        fresh = claim.state is ClaimState.NEW
        if fresh and refusal is not None:
            return refusal
        if office is None:
            return unknown("no_sender")
        if fresh:
            return await self._called(command, claim, office, None)
        return await self._cleared_up(command, claim, office, refusal)

    def _written(self, command: SendRequested, office: Office | None) -> tuple[Ending | None, bytes]:
        """Return why no first call may be made, or the bytes for it."""
        if self._has_expired(command):
            return Ending(outcome=SendOutcome.EXPIRED, reason="expired"), b""
        if office is None:
            return failed(FailureClass.CONFIGURATION, "no_sender"), b""
        try:
            body = office.sender.prepare(command)
        except ValueError:
            return failed(FailureClass.PERMANENT, "unsendable"), b""
        return (None, body) if body else (failed(FailureClass.PERMANENT, "unsendable"), b"")

    def _has_expired(self, command: SendRequested) -> bool:
        return command.expires_at is not None and from_clock(self._clock) >= command.expires_at

    async def _claim(self, command: SendRequested, body: bytes, office: Office | None) -> Claim:
        return await self._ledger.claim(command, body, self._clock(), self._alone(office))

    def _alone(self, office: Office | None) -> float:
        """Return for how many seconds a claim says that a call may be under way, and a look-up may be too early.

        A provider that tells repeats apart may be asked beside a call that is under way; another may not.
        """
        least = self._parts.call_time + CALL_MARGIN
        if office is None:
            return least
        if office.sender.idempotent:
            return 0.0
        settles = office.sender.settles if isinstance(office.sender, LooksUp) else 0.0
        return max(least, self._parts.call_time + settles)

    async def _cleared_up(self, command: SendRequested, claim: Claim, office: Office, refusal: Ending | None) -> Ending:
        """Return how a command ends whose call may have had its effect."""
        looked_up = isinstance(office.sender, LooksUp)
        if isinstance(office.sender, LooksUp):
            found = await self._looked_up(command, claim, office, office.sender)
            office.doubts[_FOUND[found.outcome] if found else DoubtOutcome.NOT_FOUND].inc()
            if found is not None:
                self.notes.keep(command, found)
                return found
        doubt = Doubt(
            idempotent=office.sender.idempotent,
            looked_up=looked_up,
            policy=office.in_doubt,
            calls=claim.doubts,
            attempts=self._parts.settings.attempts,
            age=self._clock() - claim.doubtful_at,
            refusal=refusal,
        )
        way = way_out(doubt)
        office.doubts[way.choice].inc()
        if way.choice is DoubtOutcome.SKIPPED:
            return unknown(way.reason)
        return await self._called(command, claim, office, way.choice)

    async def _looked_up(self, command: SendRequested, claim: Claim, office: Office, sender: LooksUp) -> Ending | None:
        """Return how the command ended by what the provider has, None where it has nothing."""
        try:
            receipt = await self._ask(sender, command.id, claim.body)
        except asyncio.CancelledError:
            self.notes.keep(command, Over.not_made(claim))
            raise
        if receipt is None:
            return None
        if receipt.status is SendStatus.ACCEPTED:
            return Ending(
                outcome=SendOutcome.SENT, reason=receipt.reason or "found_afterwards", message_id=receipt.message_id
            )
        if (wish := wish_of(receipt)) is not None:
            office.gate.pause(wish)
        if self._clock() - claim.doubtful_at > LOOK_UP_FOR:
            return unknown("look_up_failed")
        await self.notes.over(command, Over.not_made(claim))
        raise self._postponed(self._alone(office), "look_up_failed")

    async def _ask(self, sender: LooksUp, command_id: str, body: bytes) -> SendReceipt | None:
        failure = SendReceipt(status=SendStatus.RETRY, reason="look_up_failed")
        try:
            async with asyncio.timeout(self._parts.call_time):
                return await sender.look_up(command_id, body)
        except TimeoutError:
            return failure
        except Exception as error:  # noqa: BLE001 - a sender that breaks its contract has told nothing
            _log.error("look_up_failed", command_id=command_id, error=type(error).__name__)
            return failure

    async def _called(self, command: SendRequested, claim: Claim, office: Office, way: DoubtOutcome | None) -> Ending:
        """Call the provider and return how the command ended. Raises TryLater where it is to be tried again."""
        await self._begin(command, claim, office, way)
        receipt = await self._call(office.sender, command.id, claim.body)
        wish = wish_of(receipt)
        if wish is not None or receipt.http_status is not None or receipt.status in _ANSWERS:
            office.gate.answered(wish)
        if receipt.status is SendStatus.UNKNOWN and isinstance(office.sender, LooksUp):
            # The claim stands until the provider can be asked what it has: that tells, not this.
            raise self._postponed(self._alone(office), "call_in_doubt")
        answered = self._answered(command, claim, office, receipt, way)
        ending = ending_of(answered)
        if ending is None:
            raise await self._released(command, claim, answered)
        self.notes.keep(command, ending)
        if ending.outcome is SendOutcome.UNKNOWN and not answered.repeatable:
            office.doubts[DoubtOutcome.SKIPPED].inc()
        return ending

    async def _begin(self, command: SendRequested, claim: Claim, office: Office, way: DoubtOutcome | None) -> None:
        """Return when the call may begin.

        Raises TryLater where the claim has become too old, the rate too full, the command one that must not be carried
        out any more, or the group may have lost this member.
        """
        try:
            if way is None:
                await office.gate.begin(command)
                await self._check_again(command, claim)
            else:
                office.gate.pass_by(command)
            age, most = self._clock() - claim.called_at, self._alone(office) - self._parts.call_time
            if age > most and not office.sender.idempotent:
                # Another member would take the call for over while it is under way.
                raise self._postponed(1.0, "claim_too_old")
            if not is_certain():
                # The process slept while the command waited for its place: another may be at it.
                raise self._postponed(1.0, "place_in_doubt")
        except (TryLater, StateError):
            await self.notes.over(command, Over.not_made(claim))
            raise
        except asyncio.CancelledError:
            # Whoever cut it off lets it be noted: no call was made, and a claim that stands would say that one was.
            self.notes.keep(command, Over.not_made(claim))
            raise

    async def _check_again(self, command: SendRequested, claim: Claim) -> None:
        """Raise TryLater, for now, where the claim took its time and the first call must not be made any more."""
        if self._has_expired(command):
            raise self._postponed(0.0, "expired")
        if self._clock() - claim.called_at > FRESH:
            refusal = await refusal_of(command, self._parts.consents)
            if refusal is not None:
                raise self._postponed(0.0, refusal.reason or refusal.outcome)

    def _answered(
        self, command: SendRequested, claim: Claim, office: Office, receipt: SendReceipt, way: DoubtOutcome | None
    ) -> Answered:
        attempts = self._parts.settings.attempts
        free = is_free(receipt, self._clock() - command.received_at.timestamp())
        # What has sent nothing goes on for as long as the command is of use, and while only the provider can tell what
        # came of an earlier call.
        patient = command.expires_at is not None or way is DoubtOutcome.REPEATED
        return Answered(
            receipt=receipt,
            way=way,
            again=claim.doubts < attempts,
            waits=claim.waits < attempts or patient or free,
            free=free,
            repeatable=office.sender.idempotent or office.in_doubt is InDoubt.RESEND,
        )

    async def _call(self, sender: Sender, command_id: str, body: bytes) -> SendReceipt:
        try:
            async with asyncio.timeout(self._parts.call_time):
                return await sender.send(command_id, body)
        except TimeoutError:
            return SendReceipt(status=SendStatus.UNKNOWN, reason="timeout")
        except Exception as error:  # noqa: BLE001 - a sender that breaks its contract may have sent all the same
            _log.error("sender_failed", command_id=command_id, error=type(error).__name__)
            return SendReceipt(status=SendStatus.UNKNOWN, reason="sender_failed")

    async def _released(self, command: SendRequested, claim: Claim, call: Answered) -> TryLater:
        """Note that the call is over, and whether it certainly had no effect; return when the next one may be made."""
        effectless = call.receipt.status is SendStatus.RETRY
        await self.notes.over(command, Over(claim, effectless=effectless, called=not call.free))
        wish = wish_of(call.receipt)
        least = LEAST_PAUSE if call.free else 0.0
        pause = _PAUSES.pause(claim.calls) if wish is None else max(bounded(wish), least)
        return self._postponed(pause, call.receipt.reason or "provider_asks_to_wait")

    def _postponed(self, seconds: float, reason: str) -> TryLater:
        self._counters[CallOutcome.POSTPONED].inc()
        return TryLater(seconds, reason)
