"""Send: commands in, calls to the provider, one result for each command.

The ledger claims a command before its call. A crash anywhere between leaves the claim behind: then the same bytes go
out again under the same id where the provider tells repeats apart. Where it does not, it is asked what it has under
the command's id, if it can be, and what is still in doubt is skipped or sent again, as the settings say; none of that
begins before nobody's call can be under way any more. `expires_at` bounds when the first call may begin; a call in
doubt is cleared up after it too. `docs/sending.md` tells what a crash at each point leads to.
"""

import asyncio
import time
from collections.abc import Mapping

import structlog

from broker.log import Log
from consumers.catalogue import SEND
from consumers.consent.permission import Consents
from consumers.consumer import Consumer, TryLater
from consumers.metrics import ConsumerMetrics
from consumers.send.carrying import Carrier, Office, SendParts
from consumers.send.gate import PLACE_WAIT, TURN_WAIT, Gate, places_of
from consumers.send.settings import SendSettings
from consumers.state.database import CALL_WAIT as STATE_WAIT
from consumers.state.database import StateError
from consumers.state.ledger import Ledger
from providers.contract import Sender
from schemas.envelope import Delivered, event_to_record
from schemas.events import SendCompleted, SendRequested
from schemas.times import Clock

APPEND_WAIT = 10.0
"""Seconds that a result may take to be stored."""

LEDGER_PAUSE = 5.0
PUT_OFF_AFTER = 10.0
"""Seconds from which on a command waits in the retry topic."""

_log = structlog.get_logger()


def send(  # noqa: PLR0913, PLR0917 - the wiring hands in each part by its name
    settings: SendSettings,
    log: Log,
    senders: Mapping[str, Sender],
    ledger: Ledger,
    metrics: ConsumerMetrics,
    clock: Clock,
    *,
    consents: Consents | None = None,
    moment: Clock = time.monotonic,
) -> Consumer:
    """Return the consumer that carries commands out; `senders` is by account, `ledger` is open.

    Without `consents` everybody may be texted. `moment` gives seconds that only go forward, for rates and pauses.
    """
    places = places_of(settings.calls_at_once, len(senders))
    offices = {
        account: Office(
            sender=sender,
            gate=Gate(account, settings.of(account), places, metrics, (moment, clock), others=len(senders) > 1),
            in_doubt=settings.of(account).in_doubt,
            doubts=metrics.doubts(account),
        )
        for account, sender in senders.items()
    }
    parts = SendParts(settings=settings, ledger=ledger, metrics=metrics, clock=clock, consents=consents)
    handler = _Send(log, offices, Carrier(parts))
    return Consumer(
        SEND.name,
        SEND.topics,
        handler.handle,
        has_effects=True,
        # Every account can fill its places and its room to wait without one of another's.
        concurrency=max(1, 2 * places * len(senders)),
        # An account that has to wait for long must not keep the commands of another from being read.
        puts_off_after=PUT_OFF_AFTER,
        finish=handler.finish,
        deadline=PLACE_WAIT + TURN_WAIT + 7 * STATE_WAIT + 2 * parts.call_time + APPEND_WAIT,
    )


class _Send:
    def __init__(self, log: Log, offices: Mapping[str, Office], carrier: Carrier) -> None:
        self._log = log
        self._offices = offices
        self._carrier = carrier
        self._noting: asyncio.Task[None] | None = None

    async def handle(self, delivered: Delivered) -> None:
        """Carry out one command and store its result. Raises TryLater and LogError; the command is then not done."""
        command = delivered.event
        if not isinstance(command, SendRequested):
            return
        try:
            result = await self._result(command)
        except StateError as error:
            _log.error("ledger_failed", command_id=command.id, error=str(error))
            self._note_soon()
            raise TryLater(LEDGER_PAUSE, "state_unavailable") from error
        except asyncio.CancelledError:
            # Cut off, by a rebalance for one, maybe while the state was to be told what came of the call.
            self._note_soon()
            raise
        envelope = delivered.envelope
        record = event_to_record(result, webhook_id=envelope.webhook_id, traceparent=envelope.traceparent)
        await self._log.append([record], APPEND_WAIT)

    async def finish(self) -> None:
        """Note what was learnt while the state was away: with the process it would be lost."""
        if self._noting is not None:
            self._noting.cancel()
        try:
            await self._carrier.notes.note_rest()
        finally:
            self._carrier.notes.tell_rest()

    def _note_soon(self) -> None:
        """Note what was learnt as soon as the state takes it: the command may come to another member of the group."""
        if self._carrier.notes.has_rest and (self._noting is None or self._noting.done()):
            self._noting = asyncio.create_task(self._carrier.notes.note_soon(), name="answers for the ledger")

    async def _result(self, command: SendRequested) -> SendCompleted:
        """Return the command's result, in one of its account's places where the account sends at all."""
        office = self._offices.get(command.account)
        if office is None or self._carrier.notes.knows(command):
            return await self._carrier.carry_out(command, None)
        async with office.gate.place():
            return await self._carrier.carry_out(command, office)
