"""Polls: what pushes may have left out, asked for, stored, and only then confirmed at the provider.

Each poll is a task of its own: check, store every item as a raw record with its events, tell the poll, and again at
once while more waits. An item has the event id of its push (P8), so a poll beside a push, and a poll on each of two
hosts, do no harm. Whatever fails leaves the batch unconfirmed: it comes again. While webhooks go through the spool
nothing is asked for: it would overtake them (P4), and waits well where it is.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import SystemRandom

import structlog

from ingest.metrics import IngestMetrics, PollOutcome
from ingest.normalizing import events_of
from ingest.publisher import Publisher
from providers.contract import Account, Provider
from providers.polling import stays_refused
from providers.rest.errors import ApiError, RefusedError
from providers.roles import Poll, PollBatch, Polled
from schemas.times import Clock, from_clock
from schemas.vocabulary import Ingress
from schemas.webhook import Webhook

STORE_WAIT = 10.0
"""Seconds that the log has for one item. No provider waits for a poll."""

CALL_WAIT = 120.0
"""Seconds for one check or one confirmation, all retries of the call included."""

AT_ONCE = 16
"""Items of a batch that are stored side by side."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0
_STOP_WAIT = 2.0
_CLOSE_WAIT = 3.0

LEAST_PAUSE = 1.0
"""Seconds from one check to the next, whatever the configuration asks, unless more is known to wait."""

MOST_AT_ONCE = 1000
"""Checks without a pause, one behind the other: a list that never ends must not keep a provider and us busy."""

_HEADERS = (("content-type", "application/json"),)

_log = structlog.get_logger(__name__)
_random = SystemRandom()


@dataclass(frozen=True, slots=True)
class PolledAccount:
    """One poll of one account."""

    account: Account
    provider: Provider
    poll: Poll


def webhook_of(account: Account, item: Polled, received_at: datetime) -> Webhook:
    """Return the raw record of what we asked a provider for."""
    return Webhook(
        provider=account.provider,
        account=account.name,
        tenant=account.tenant,
        method="GET",
        target=item.target,
        headers=_HEADERS,
        body=item.body,
        received_at=received_at,
        ingress=Ingress.POLL,
    )


class Poller:
    """Runs one poll. `trouble` says in a word why its last check did not go well."""

    def __init__(
        self,
        polled: PolledAccount,
        publisher: Publisher,
        metrics: IngestMetrics,
        clock: Clock,
        may_store: Callable[[], bool] = lambda: True,
    ) -> None:
        self._may_store = may_store
        self._account, self._provider, self._poll = polled.account, polled.provider, polled.poll
        self._publisher = publisher
        self._metrics = metrics
        self._clock = clock
        self._failures = 0
        self._at_once = 0
        self.trouble: str | None = None

    @property
    def name(self) -> str:
        """The account and the poll, as `main/replies`."""
        return f"{self._account.name}/{self._poll.name}"

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            pause = await self.turn()
            await asyncio.sleep(pause)

    async def turn(self) -> float:
        """Check once, store what was found and confirm it; return the seconds until the next check. Never raises."""
        try:
            outcome, pause = await self._turn()
        except Exception as error:  # noqa: BLE001 - a poll that breaks its contract must not end
            _log.error("poll_fault", poll=self.name, error=type(error).__name__)
            outcome, pause = PollOutcome.FAULT, None
        self._metrics.polled(self._account.name, self._poll.name, outcome, self._clock())
        if outcome is PollOutcome.OK:
            self._failures = 0
            self.trouble = None
            return self._next(pause)
        self._failures += 1
        self.trouble = outcome.value
        return self._backoff(pause)

    def _next(self, asked: float | None) -> float:
        """Return the pause after a check that went well."""
        usual = max(self._poll.every, LEAST_PAUSE)
        self._at_once = self._at_once + 1 if asked is not None and asked < LEAST_PAUSE else 0
        if self._at_once > MOST_AT_ONCE:
            _log.warning("poll_never_ends", poll=self.name, checks=self._at_once)
            self._at_once = 0
            return usual
        return usual if asked is None else asked

    async def close(self) -> None:
        """Close the poll's connections."""
        await self._poll.close()

    async def _turn(self) -> tuple[PollOutcome, float | None]:
        if not self._may_store():
            return PollOutcome.NOT_STORED, None
        try:
            async with asyncio.timeout(CALL_WAIT):
                batch = await self._poll.check()
        except (ApiError, TimeoutError) as error:
            return self._failed(PollOutcome.PROVIDER_FAILED, error)
        if not await self._store(batch.items):
            _log.warning("poll_not_stored", poll=self.name, items=len(batch.items))
            return PollOutcome.NOT_STORED, None
        return await self._confirm(batch)

    async def _confirm(self, batch: PollBatch) -> tuple[PollOutcome, float | None]:
        try:
            async with asyncio.timeout(CALL_WAIT):
                await self._poll.stored(batch)
        except (ApiError, TimeoutError) as error:
            return self._failed(PollOutcome.NOT_CONFIRMED, error)
        if batch.items:
            self._metrics.polled_items(self._account.name, self._poll.name, len(batch.items))
            _log.info("polled", poll=self.name, items=len(batch.items))
        return PollOutcome.OK, batch.again_after

    async def _store(self, items: Sequence[Polled]) -> bool:
        """Store all items, some side by side; tell whether every one is durable."""
        for at in range(0, len(items), AT_ONCE):
            if not self._may_store():
                return False
            stored = await asyncio.gather(*(self._store_one(item) for item in items[at : at + AT_ONCE]))
            if not all(stored):
                return False
        return True

    async def _store_one(self, item: Polled) -> bool:
        webhook = webhook_of(self._account, item, from_clock(self._clock))
        webhook_id = webhook.id
        events = events_of(self._provider, self._account, webhook, webhook_id, self._metrics)
        outcome = await self._publisher.publish(webhook, events, STORE_WAIT, webhook_id=webhook_id)
        return outcome.durable

    def _failed(self, outcome: PollOutcome, error: Exception) -> tuple[PollOutcome, float | None]:
        # ApiErrors name the operation and the provider's own words, never a number, a text or a secret.
        what = str(error) if isinstance(error, ApiError) else "took too long"
        _log.warning("poll_failed", poll=self.name, outcome=outcome.value, error=type(error).__name__, what=what)
        return outcome, self._wish(error) if isinstance(error, RefusedError) else None

    def _wish(self, error: RefusedError) -> float | None:
        """Return the pause that a refusal asks for; what stays refused is not asked again before the usual time."""
        return self._poll.every if error.retry_after is None and stays_refused(error) else error.retry_after

    def _backoff(self, asked: float | None) -> float:
        growing: float = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._failures - 1, 10))
        longest = max(growing, asked or 0.0)
        return _random.uniform(longest / 2, longest) if asked is None else longest


class Polls:
    """Owns the tasks of all polls."""

    def __init__(
        self,
        polled: Sequence[PolledAccount],
        publisher: Publisher,
        metrics: IngestMetrics,
        clock: Clock,
        may_store: Callable[[], bool] = lambda: True,
    ) -> None:
        self._pollers = tuple(Poller(each, publisher, metrics, clock, may_store) for each in polled)
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    def start(self) -> None:
        """Begin to poll."""
        self._tasks = tuple(asyncio.create_task(each.run(), name=f"poll {each.name}") for each in self._pollers)

    async def stop(self) -> None:
        """End within two seconds; what was checked and not yet confirmed comes again with the next start."""
        tasks, self._tasks = self._tasks, ()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_WAIT)

    async def close(self) -> None:
        """Close the connections to the providers, within a few seconds whatever they do."""
        closing = [asyncio.create_task(each.close()) for each in self._pollers]
        if closing:
            _, late = await asyncio.wait(closing, timeout=_CLOSE_WAIT)
            for task in late:
                task.cancel()
            await asyncio.gather(*closing, return_exceptions=True)

    @property
    def troubles(self) -> Mapping[str, str]:
        """The polls whose last check did not go well, and why in a word."""
        return {each.name: each.trouble for each in self._pollers if each.trouble is not None}
