"""What the ledger is told of a command after its call, and what it could not be told yet."""

import asyncio
from collections.abc import Mapping

import structlog
from prometheus_client import Counter

from consumers.commands import result_id
from consumers.metrics import CallOutcome
from consumers.send.answers import Answers, Over
from consumers.send.ending import Ending
from consumers.state.database import StateError, StateValueError
from consumers.state.ledger import Ledger
from schemas.events import SendCompleted, SendRequested
from schemas.times import Clock, from_clock

NOTE_PAUSE = 0.25
MOST_TOLD = 20

_log = structlog.get_logger()


class Notes:
    """Tells the ledger, and keeps what it could not be told. Its methods raise StateError and StateValueError."""

    def __init__(self, ledger: Ledger, counters: Mapping[CallOutcome, Counter], clock: Clock) -> None:
        self._ledger = ledger
        self._counters = counters
        self._clock = clock
        self._answers = Answers()

    def of(self, command: SendRequested) -> Ending | Over | None:
        """Return what the ledger does not know yet of a command."""
        return self._answers.of(command)

    def keep(self, command: SendRequested, answer: Ending | Over) -> None:
        """Keep what was learnt of a command until it is noted."""
        self._answers.keep(command, answer)

    def knows(self, command: SendRequested) -> bool:
        """Tell whether the command has ended, and only the ledger does not know: it needs no place then."""
        return isinstance(self._answers.of(command), Ending)

    @property
    def has_rest(self) -> bool:
        """Whether there is anything that the ledger was not told."""
        return bool(self._answers)

    async def note_soon(self) -> None:
        """Note what the ledger was not told, after a pause: a moment ago it could not be."""
        await asyncio.sleep(NOTE_PAUSE)
        await self.note_rest()

    async def note_rest(self) -> None:
        """Note what the ledger was not told, again and again until it is told."""
        while rest := self._answers.all():
            try:
                for command, answer in rest:
                    await self._note(command, answer)
            except StateError:
                await asyncio.sleep(NOTE_PAUSE)

    def tell_rest(self) -> None:
        """Tell the log what the ledger was never told."""
        if rest := self._answers.all():
            advice = "the state was away until the end: what came of these calls is in doubt, see docs/sending.md"
            ids = [command.id for command, _ in rest[:MOST_TOLD]]
            _log.error("answers_not_noted", commands=ids, count=len(rest), advice=advice)

    async def _note(self, command: SendRequested, answer: Ending | Over) -> None:
        if self._answers.of(command) is not answer:
            # Its handler came first, or has learnt more.
            return
        try:
            if isinstance(answer, Ending):
                await self.complete(command, answer)
            else:
                await self.over(command, answer)
        except StateValueError:
            # Whoever carries the command out meets it too, and it ends with the dead letters.
            self._answers.noted(command, answer)

    async def over(self, command: SendRequested, over: Over) -> None:
        """Note that a call is over and leaves its command open: see `Ledger.release`."""
        self._answers.keep(command, over)
        await self._ledger.release(command, over.claim, effectless=over.effectless, called=over.called)
        self._answers.noted(command, over)

    async def complete(self, command: SendRequested, ending: Ending) -> SendCompleted:
        """Note how a command ended; return the result that counts."""
        kept = self._answers.of(command) is ending
        result = await self._ledger.complete(command, self._completed(command, ending))
        if kept and not self._answers.noted(command, ending):
            # Noted by another task meanwhile, which told of it.
            return result
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
