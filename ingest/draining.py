"""Brings what waits in the spool to the log, in the order in which it came, as soon as the log takes it.

Each batch goes out as one append of all its records, so that a partition gets them in order. A batch that fails is
appended whole again, under the same ids. Where the log refuses a record for good, its batch is gone through one by
one, so that the others do not suffer for it. Nothing is taken out of the spool before the log has it.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from broker.background import keep_going
from broker.log import Log, LogState
from ingest.gate import HOLD_WAIT, Gate
from ingest.metrics import IngestMetrics
from ingest.normalizing import events_of
from ingest.publisher import Prepared, Publisher, PublishOutcome, unrecognized
from ingest.spool.contract import Batch, Damaged, Spooled, SpoolError
from ingest.spool.spool import Spool
from providers.contract import Account, Provider

MOST_RECORDS = 512
MOST_BYTES = 4 * 1024 * 1024
WAIT = 10.0
"""Seconds that the log has for one batch. Nobody outside waits for it."""

SOLE_WAIT = 10.0
"""Seconds that it has for one webhook by itself."""

HOLD_AT = 256
"""Records in the spool at which newcomers are held until it is empty: few enough for one batch, and as many as may come
while a far log takes one."""

_SETTLE = 0.02

_SLICE = 8
_LEAST_BYTES = 64 * 1024
_MOST_MADE = 4_000
_MOST_MADE_BYTES = 16 * 1024 * 1024
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
# Longer rests would leave a busy worker with a spool that never runs dry, which costs it more than the drain does.
_LONGEST_REST = 0.02
_STOP_WAIT = 1.0

_log = structlog.get_logger(__name__)


class Known(Protocol):
    """As much of an endpoint as publishing needs."""

    @property
    def account(self) -> Account:
        """The account of the configuration."""
        ...

    @property
    def provider(self) -> Provider:
        """Its provider."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a drain works with. `busy` tells how many seconds the event loop lags behind its timers."""

    log: Log
    publisher: Publisher
    accounts: Mapping[str, Known]
    metrics: IngestMetrics
    busy: Callable[[], float] = lambda: 0.0


class Drain:
    """Owns the task that drains. `drained` counts webhooks."""

    def __init__(self, spool: Spool, gate: Gate, tools: Tools) -> None:
        self._spool, self._gate, self._tools = spool, gate, tools
        self._pause = _FIRST_PAUSE
        self._flowing = False
        self._most = MOST_RECORDS
        self._task: asyncio.Task[None] | None = None
        self.drained = 0

    def start(self) -> None:
        """Begin to drain."""
        self._task = asyncio.create_task(keep_going("spool drain", self.run), name="spool drain")

    async def stop(self) -> None:
        """End within a second; what was not published stays in the spool."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task], timeout=_STOP_WAIT)

    async def run(self) -> None:
        """Drain until cancelled."""
        try:
            while True:
                await self._await_records()
                await self.turn()
        finally:
            self._gate.release()

    async def _await_records(self) -> None:
        """Return when there may be something to publish. Nobody is held for what does not come."""
        if self._gate.holding:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HOLD_WAIT):
                    await self._spool.wait_for_records()
                return
            self._gate.release()
        await self._spool.wait_for_records()

    async def turn(self) -> bool:
        """Publish one batch if there is one and the log takes it; tell whether that was done."""
        if self._flowing and 0 < self._spool.own <= HOLD_AT and not self._spool.inherited:
            await self._hold()
        self._flowing = await self._turn()
        if not self._flowing or not self._spool.gating:
            self._gate.release()
        await asyncio.sleep(self._next_pause())
        return self._flowing

    async def _hold(self) -> None:
        """Hold newcomers. Those that are on their way into the spool belong to the batch that is read then."""
        self._gate.hold()
        await asyncio.sleep(_SETTLE)

    def _next_pause(self) -> float:
        if self._flowing:
            self._pause = _FIRST_PAUSE
            return min(self._tools.busy(), _LONGEST_REST)
        pause, self._pause = self._pause, min(2 * self._pause, _LONGEST_PAUSE)
        return pause

    async def _turn(self) -> bool:
        if self._tools.log.state is LogState.AWAY:
            return False
        try:
            batch = await self._spool.next_batch(self._most, max(_LEAST_BYTES, MOST_BYTES * self._most // MOST_RECORDS))
            if batch is None:
                # What was accepted is still being written.
                return self._flowing
            refused = await self._publish(batch)
            if refused is None:
                # Smaller ones may pass where a large one does not: a narrow line, a broker that has just come up.
                self._most = max(1, self._most // 2)
                return False
            self._most = min(MOST_RECORDS, 2 * self._most)
            await self._spool.done(batch, refused)
        except SpoolError as error:
            _log.error("spool_not_read", reason=str(error))
            return False
        self.drained += len(batch.records)
        self._tools.metrics.drained(len(batch.records))
        return True

    async def _publish(self, batch: Batch) -> Sequence[Damaged] | None:
        """Return what the log refuses of a batch for good, when it has all the rest; None where it has not."""
        refused: list[Damaged] = []
        at = 0
        while at < len(batch.records):
            prepared = await self._prepare(batch.records[at:])
            found = await self._append(prepared, batch.records[at : at + len(prepared)])
            if found is None:
                return None
            refused += found
            at += len(prepared)
        return refused

    async def _prepare(self, records: Sequence[Spooled]) -> Sequence[Prepared]:
        """Make the events of the first records, of as many as one append should have, of one at least."""
        prepared: list[Prepared] = []
        made = size = 0
        for each in records:
            prepared.append(self._prepared(each))
            number = 1 + len(prepared[-1].events)
            made += number
            # Each event carries the provider's own object along, which may be the whole body.
            size += number * each.length
            if made > _MOST_MADE or size > _MOST_MADE_BYTES:
                break
            if not len(prepared) % _SLICE:
                # Live traffic has its turn between the slices.
                await asyncio.sleep(0)
        return prepared

    async def _append(self, prepared: Sequence[Prepared], records: Sequence[Spooled]) -> Sequence[Damaged] | None:
        outcome = await self._tools.publisher.publish_all(prepared, WAIT)
        if outcome is PublishOutcome.REFUSED:
            return await self._one_by_one(prepared, records)
        return () if outcome.durable else None

    async def _one_by_one(self, prepared: Sequence[Prepared], records: Sequence[Spooled]) -> Sequence[Damaged] | None:
        refused: list[Damaged] = []
        for each, spooled in zip(prepared, records, strict=True):
            outcome = await self._tools.publisher.publish(
                each.webhook, each.events, SOLE_WAIT, webhook_id=each.webhook_id
            )
            if outcome is PublishOutcome.REFUSED:
                refused.append(Damaged(spooled.place, spooled.length, spooled.webhook_id, "refused by the log"))
            elif not outcome.durable:
                return None
        return refused

    def _prepared(self, spooled: Spooled) -> Prepared:
        webhook, name = spooled.webhook, spooled.webhook_id
        known = self._tools.accounts.get(webhook.account)
        if known is None or known.account.provider != webhook.provider:
            return Prepared(webhook, name, (unrecognized(webhook, name, "account_not_configured"),))
        return Prepared(webhook, name, events_of(known.provider, known.account, webhook, name, self._tools.metrics))
