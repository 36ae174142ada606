"""Brings what waits in the spool to the log, in the order in which it came, as soon as the log takes it.

Each batch goes out as one append of all its records, and the next one when that is confirmed, so that a partition gets
them in order. While the log has one, the next is read and made ready: that is where the time goes. A batch that fails
is appended whole again, under the same ids. Where the log refuses a record for good, its batch is gone through one by
one from its beginning, so that the others do not suffer for it. Nothing is taken out of the spool before the log has
it.

What an append that failed leaves behind is the beginning of its records in each partition. So however often it is
repeated, and whether whole or one by one, the first copies of a key's records stand in their order.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

import structlog

from broker.background import keep_going
from broker.log import Log, LogState
from ingest.duplicates import Duplicates
from ingest.gate import HOLD_WAIT, Gate
from ingest.metrics import IngestMetrics
from ingest.normalizing import events_of
from ingest.publisher import Prepared, Publisher, PublishOutcome, unrecognized
from ingest.spool.contract import Batch, Damaged, Spooled, SpoolError
from ingest.spool.spool import Spool
from providers.contract import Account, Provider
from schemas.events import Event

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

_SLICE_SECONDS = 0.002
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
    """What a drain works with. `busy` tells how many seconds the event loop lags behind its timers.

    `duplicates` is told what left the spool, and what was found damaged in it.
    """

    log: Log
    publisher: Publisher
    accounts: Mapping[str, Known]
    metrics: IngestMetrics
    busy: Callable[[], float] = lambda: 0.0
    duplicates: Duplicates = field(default_factory=lambda: Duplicates(0))


def events_of_spooled(spooled: Spooled, tools: Tools) -> Sequence[Event]:
    """Return the events of a webhook of the spool; one `unrecognized` where its account is not configured."""
    webhook, name = spooled.webhook, spooled.webhook_id
    known = tools.accounts.get(webhook.account)
    if known is None or known.account.provider != webhook.provider:
        return (unrecognized(webhook, name, "account_not_configured"),)
    return events_of(known.provider, known.account, webhook, name, tools.metrics)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A batch, and as many of its first records as one append should have, prepared."""

    batch: Batch
    first: Sequence[Prepared]


class Drain:
    """Owns the task that drains, and the one that reads ahead. `drained` counts webhooks."""

    def __init__(self, spool: Spool, gate: Gate, tools: Tools) -> None:
        self._spool, self._gate, self._tools = spool, gate, tools
        self._pause = _FIRST_PAUSE
        self._flowing = False
        self._most = MOST_RECORDS
        self._task: asyncio.Task[None] | None = None
        self._ahead: asyncio.Task[_Ready | None] | None = None
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
        await self._forget_ahead()

    async def run(self) -> None:
        """Drain until cancelled."""
        # Where a fault of ours ended the last run, the batch before it is not done.
        await self._forget_ahead()
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
            ready = await self._next()
            if ready is None:
                # What was accepted is still being written.
                return self._flowing
            batch = ready.batch
            # At once, and not when the batch is done: a repeat that comes meanwhile may be the last one.
            self._forget_damaged(batch)
            self._look_ahead(batch)
            refused = await self._publish(ready)
            if refused is None:
                # Smaller ones may pass where a large one does not: a narrow line, a broker that has just come up.
                self._most = max(1, self._most // 2)
                await self._forget_ahead()
                return False
            self._most = min(MOST_RECORDS, 2 * self._most)
            await self._spool.done(batch, refused)
            # Refused ones too: a repeat would be refused again.
            self._tools.duplicates.drained(record.webhook_id for record in batch.records)
        except SpoolError as error:
            _log.error("spool_not_read", reason=str(error))
            return False
        self.drained += len(batch.records)
        self._tools.metrics.drained(len(batch.records))
        return True

    def _forget_damaged(self, batch: Batch) -> None:
        for damaged in batch.damaged:
            self._tools.duplicates.damaged(damaged.webhook_id)

    # --- reading and preparing

    async def _next(self) -> _Ready | None:
        ahead, self._ahead = self._ahead, None
        # What went wrong while reading ahead shows again where it is read for good.
        with contextlib.suppress(SpoolError):
            if ahead is not None and (ready := await ahead) is not None:
                return ready
        batch = await self._spool.next_batch(self._most, self._most_bytes)
        return None if batch is None else _Ready(batch, await self._prepare(batch.records))

    def _look_ahead(self, batch: Batch) -> None:
        """Begin with the batch behind this one, where there are enough records for one."""
        if self._spool.own + self._spool.inherited - len(batch.records) > HOLD_AT:
            self._ahead = asyncio.create_task(self._next_behind(batch), name="spool drain, one batch ahead")

    async def _next_behind(self, batch: Batch) -> _Ready | None:
        behind = await self._spool.next_behind(batch, self._most, self._most_bytes)
        return None if behind is None else _Ready(behind, await self._prepare(behind.records))

    async def _forget_ahead(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.cancel()
            await asyncio.wait([ahead])
            # What it ended of is nothing to anybody, but it has to be looked at.
            _ = ahead.cancelled() or ahead.exception()

    @property
    def _most_bytes(self) -> int:
        return max(_LEAST_BYTES, MOST_BYTES * self._most // MOST_RECORDS)

    async def _prepare(self, records: Sequence[Spooled]) -> Sequence[Prepared]:
        """Make the events of the first records, of as many as one append should have, of one at least."""
        prepared: list[Prepared] = []
        made = size = 0
        rested = monotonic()
        for each in records:
            prepared.append(self._prepared(each))
            made += 1 + len(prepared[-1].events)
            size += prepared[-1].size
            if made > _MOST_MADE or size > _MOST_MADE_BYTES:
                break
            if monotonic() - rested > _SLICE_SECONDS:
                # Live traffic has its turn between the slices.
                await asyncio.sleep(0)
                rested = monotonic()
        return prepared

    def _prepared(self, spooled: Spooled) -> Prepared:
        events = events_of_spooled(spooled, self._tools)
        return self._tools.publisher.prepare(spooled.webhook, events, spooled.webhook_id)

    # --- publishing

    async def _publish(self, ready: _Ready) -> Sequence[Damaged] | None:
        """Return what the log refuses of a batch for good, when it has all the rest; None where it has not."""
        refused: list[Damaged] = []
        records, prepared = ready.batch.records, ready.first
        while records:
            found = await self._append(prepared, records[: len(prepared)])
            if found is None:
                return None
            refused += found
            records = records[len(prepared) :]
            prepared = await self._prepare(records)
        return refused

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
