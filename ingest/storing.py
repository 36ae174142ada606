"""Makes one webhook durable before its time is over: in the log, in the spool, or not at all.

The log comes first, while it is healthy and the spool is empty. What it does not confirm until `broker_by`, or until
it is healthy no longer, goes to the spool, under the same ids, so that a late confirmation does no harm. A webhook is
answered with success only after one of the two has it (P1), and by `durable_by` it is answered in any case (P2).
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

import structlog

from broker.log import Log, LogState
from ingest.duplicates import Content, Duplicates
from ingest.gate import Gate
from ingest.metrics import AppendFailure, IngestMetrics
from ingest.publisher import GRACE, Publisher, PublishOutcome
from ingest.spool.contract import SpoolError, SpoolFullError
from ingest.spool.spool import Spool
from schemas.events import Event
from schemas.webhook import Webhook

LEAST_WAIT = 0.6
"""Seconds that the log has at least, or half of what is left: others may have used up its own time, and a far log needs
as much when many come at once, as they do after a hold."""

SHUT_FOR = 0.1
"""Seconds for which no webhook is looked at any more after one that neither the log nor the spool could take.

A disk stays full for longer than that, and senders that are told to come again do: the time that their signatures and
vain writes take is what others need to be answered in time. Each such while lets a few through, who find out.
"""

_MAY_TAKE = (LogState.HEALTHY, LogState.SUSPECT)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A webhook whose sender is proved. `began`, `broker_by` and `durable_by` are monotonic times.

    `content` tells repeats. `events` makes its events, which only the log needs: what is spooled is normalized when it
    is published.
    """

    webhook: Webhook = field(repr=False)
    id: str
    content: Content
    events: Callable[[], Sequence[Event]] = field(repr=False)
    began: float
    broker_by: float
    durable_by: float


class Storing:
    """Stores webhooks. `spool` None: what the log does not take is not stored."""

    def __init__(
        self, log: Log, publisher: Publisher, spool: Spool | None, metrics: IngestMetrics, *, window: int
    ) -> None:
        self._target = log
        self._publisher = publisher
        self._spool = spool
        self._metrics = metrics
        self.gate = Gate(log, spool)
        self.duplicates = Duplicates(window)
        self._shut_until = 0.0

    @property
    def shut(self) -> bool:
        """Whether neither the log nor the spool would take a webhook, as one found out a moment ago."""
        if self._spool is None or monotonic() >= self._shut_until:
            return False
        return self._spool.holds_gating or self._target.state not in _MAY_TAKE

    async def store(self, incoming: Incoming) -> PublishOutcome:
        """Store it, or find that it is stored already; say what is durable then. Never raises.

        A repeat of a copy that is on its way waits for that one, and takes its place where that one fails.
        """
        while (first := self.duplicates.on_way(incoming.content)) is not None:
            await asyncio.wait([first], timeout=incoming.durable_by - monotonic())
            if not first.done():
                return PublishOutcome.UNAVAILABLE
        if self.duplicates.stored_at(incoming.content) is not None:
            return PublishOutcome.DUPLICATE
        return await self._first(incoming)

    async def _first(self, incoming: Incoming) -> PublishOutcome:
        self.duplicates.begin(incoming.content)
        came_at = spooled = None
        try:
            outcome = await self._store(incoming)
            if outcome.durable:
                came_at = incoming.webhook.received_at.timestamp()
            if outcome is PublishOutcome.SPOOLED:
                spooled = incoming.id
            return outcome
        finally:
            self.duplicates.end(incoming.content, came_at, spooled)

    async def _store(self, incoming: Incoming) -> PublishOutcome:
        if await self.gate.direct():
            outcome = await self._append(incoming)
            if self._spool is None or outcome is not PublishOutcome.UNAVAILABLE:
                return outcome
        return PublishOutcome.UNAVAILABLE if self._spool is None else await self._keep(self._spool, incoming)

    async def _append(self, incoming: Incoming) -> PublishOutcome:
        try:
            async with self.gate.while_healthy():
                return await self._publish(incoming)
        except TimeoutError:
            self._metrics.append_failed(AppendFailure.LEFT)
            return PublishOutcome.UNAVAILABLE

    async def _publish(self, incoming: Incoming) -> PublishOutcome:
        now = monotonic()
        left = incoming.durable_by - now - GRACE
        wait = min(max(incoming.broker_by - now, min(LEAST_WAIT, left / 2)), left)
        return await self._publisher.publish(incoming.webhook, incoming.events(), wait, webhook_id=incoming.id)

    async def _keep(self, spool: Spool, incoming: Incoming) -> PublishOutcome:
        try:
            async with asyncio.timeout(max(0.0, incoming.durable_by - monotonic())):
                await spool.add(incoming.id, incoming.webhook, incoming.durable_by - monotonic())
        except TimeoutError:
            self._metrics.append_failed(AppendFailure.SPOOL_TIMEOUT)
        except SpoolError as error:
            full = isinstance(error, SpoolFullError)
            self._metrics.append_failed(AppendFailure.SPOOL_FULL if full else AppendFailure.SPOOL_FAILED)
            return await self._without_spool(spool, incoming, error)
        except Exception as error:  # noqa: BLE001 - a spool that breaks its contract holds nothing
            _log.error("spool_broken", account=incoming.webhook.account, error=type(error).__name__)
            self._metrics.append_failed(AppendFailure.ERROR)
        else:
            return PublishOutcome.SPOOLED
        return PublishOutcome.UNAVAILABLE

    async def _without_spool(self, spool: Spool, incoming: Incoming, error: SpoolError) -> PublishOutcome:
        """Append directly where the spool is broken or full but nothing waits in it; what waits is not overtaken (P4).

        It is full of nothing where segments are published and cannot be removed.

        A log that is suspected is proved by an append alone, and with a broken spool nobody else makes one.
        """
        left = incoming.durable_by - monotonic()
        # Into a spool that is only full others may be on their way; a broken one takes nobody.
        waits = spool.gating if isinstance(error, SpoolFullError) else spool.holds_gating
        if waits or self._target.state not in _MAY_TAKE or left <= GRACE:
            self._shut_until = monotonic() + SHUT_FOR
            _log.error("spool_failed", account=incoming.webhook.account, webhook_id=incoming.id, reason=str(error))
            return PublishOutcome.UNAVAILABLE
        _log.warning("spool_passed_by", account=incoming.webhook.account, webhook_id=incoming.id, reason=str(error))
        return await self._publish(incoming)
