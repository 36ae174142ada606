"""Confirm: what is stored here is marked as received at the provider, so that it need not keep it.

It reads events from the log, so nothing is confirmed that is not stored, and it does so for pushes and polls alike.
Events wait for each other: a call goes out when a batch is full or its first event has waited `max_age`. The event
that opened a batch makes its call; the others wait for it. While calls are under way the next batch fills, so that a
backlog goes in full batches, one call after the other; what is beyond that batch comes again in its turn. A record is
done when its batch is confirmed, so a crash confirms again, which does no harm.

What the provider will not take is found by halving the batch; the one that is left is counted, logged and given up:
to ask again would stop everything behind it.

One account must not stop the others. While a provider is in trouble its events wait without a call, for a while and
up to a number; what is beyond is let go, as is everything of an account whose credentials are refused. Nothing is lost
by that: what is not confirmed stays at the provider, and a poll shows it again.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import structlog

from consumers.catalogue import CONFIRM
from consumers.consumer import Consumer, TryLater
from consumers.loop.tempo import Tempo
from consumers.metrics import ConfirmOutcome, ConsumerMetrics
from consumers.settings import ConfirmSettings
from providers.rest.errors import ApiError, AuthenticationError, RefusedError
from providers.rest.halving import by_halves
from providers.roles import Confirmation, Confirmer
from schemas.envelope import Delivered

LONGEST_AGE = 60.0
"""Seconds that an event waits for others at most, whatever the configuration asks."""

GIVE_UP_AFTER = 60.0
"""Seconds of trouble at a provider after which its events are let go, until a call goes well again.

An event that waits keeps all behind it from being committed, those of other accounts among them. What is let go stays
at the provider, for its polls to show again.
"""

MOST_WAITING = 500
"""Events of one account and kind that wait for a provider in trouble; those beyond are let go, for others' sake."""

PARK_AFTER = 3
PARKED = 300.0
"""Seconds for which an account whose credentials were refused so often in a row is not tried again.

Its events are let go meanwhile.
"""

CALL_WAIT = 90.0
"""Seconds that the confirmation of one batch may take, halves and retries included."""

REMEMBERED = 10_000
"""Confirmations of one kind and account that are not made again, as when a push and a poll bring the same event."""

CALLS_AT_ONCE = 2
"""Calls of one account and kind under way at once; one more batch may fill meanwhile, and no other holds places."""

_TURN, _LONGEST_TURN = 0.2, 10.0
_OF_THE_ITEM = frozenset({400, 422})
_PAUSES = Tempo(first_pause=1.0, longest_pause=60.0)

_log = structlog.get_logger(__name__)


def confirm(settings: ConfirmSettings, confirmers: Mapping[str, Confirmer], metrics: ConsumerMetrics) -> Consumer:
    """Return the consumer that confirms; `confirmers` is by account, an account without one wants nothing confirmed."""
    handler = _Confirm(settings, confirmers, metrics)
    # Each account fills its batches of two kinds without a place of another.
    largest = max((each.batch_size for each in confirmers.values()), default=1)
    concurrency = min(2 * (CALLS_AT_ONCE + 1) * largest * max(1, len(confirmers)), 2048)
    return Consumer(CONFIRM.name, CONFIRM.topics, handler.handle, has_effects=True, concurrency=concurrency)


class Batch:
    """Confirmations of one kind that one call will make."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.items: dict[Confirmation, None] = {}
        self.full = asyncio.Event()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def add(self, item: Confirmation) -> None:
        """Take one more, once."""
        self.items[item] = None
        if len(self.items) >= self._size:
            self.full.set()


class Turns:
    """When those come again who find no room: in their order, as fast as calls take them. `taken` is how many at once.

    Whoever came again at once would find no room again, thousands of times a second in a backlog.
    """

    def __init__(self, taken: int) -> None:
        self._taken = taken
        self._behind = 0
        self._seconds = _TURN

    def next(self) -> float:
        """Return the seconds to wait."""
        self._behind += 1
        return min(_LONGEST_TURN, max(_TURN, self._seconds * self._behind / self._taken))

    def called(self, items: int, seconds: float) -> None:
        """Note that a call has taken so many, and how long it took."""
        self._behind = max(0, self._behind - items)
        self._seconds = seconds


class Batcher:
    """Gathers the confirmations of one account and kind."""

    def __init__(self, account: str, confirmer: Confirmer, max_age: float, metrics: ConsumerMetrics) -> None:
        self._account = account
        self._confirmer = confirmer
        self._max_age = min(max_age, LONGEST_AGE)
        self._counters = metrics.confirmations(account)
        self._open: Batch | None = None
        self._calls = asyncio.Semaphore(CALLS_AT_ONCE)
        self._turns = Turns(confirmer.batch_size * CALLS_AT_ONCE)
        self._seen: OrderedDict[str, None] = OrderedDict()
        # The items that wait for a provider in trouble, and since when it is.
        self._waiting: set[str] = set()
        self._trouble_since: float | None = None
        self._failures = 0
        self._resume_at = 0.0
        self._parked = False

    async def add(self, item: Confirmation) -> None:
        """Return when the item is confirmed, or given up. Raises TryLater."""
        if item.id in self._seen:
            return
        pause = self._resume_at - _now()
        if pause > 0:
            self._wait(item, pause)
            return
        batch = self._open
        if batch is not None and batch.full.is_set():
            # So many calls at a time: a slow provider must not hold the places of all accounts.
            raise TryLater(self._turns.next(), "call_under_way")
        if batch is not None:
            batch.add(item)
            await asyncio.shield(batch.done)
            return
        batch = self._open = Batch(self._confirmer.batch_size)
        batch.add(item)
        await self._lead(batch)

    async def _lead(self, batch: Batch) -> None:
        """Wait until the batch is full or old enough, make its call, and tell the others how it went."""
        try:
            await self._gather(batch)
            await self._call(batch)
        except (ApiError, TimeoutError) as error:
            later = self._later(error)
            self._waiting |= {item.id for item in batch.items}
            self._end(batch, later)
            raise later from error
        except BaseException:
            self._close(batch)
            # This one was cancelled, or broke: the others try again, under another leader.
            self._end(batch, TryLater(0.0, "confirmation_interrupted"))
            raise
        self._failures = 0
        self._parked = False
        self._trouble_since = None
        self._end(batch, None)

    async def _call(self, batch: Batch) -> None:
        """Make the call when it is this batch's turn; until then it takes more, if it has room."""
        async with self._calls:
            self._close(batch)
            began = _now()
            async with asyncio.timeout(CALL_WAIT):
                await self._confirm(tuple(batch.items))
            self._turns.called(len(batch.items), _now() - began)

    def _close(self, batch: Batch) -> None:
        """Let whoever comes now open the next one."""
        batch.full.set()
        if self._open is batch:
            self._open = None

    def _wait(self, item: Confirmation, pause: float) -> None:
        """Let an item wait for a provider in trouble, or let it go. Raises TryLater."""
        full = item.id not in self._waiting and len(self._waiting) >= MOST_WAITING
        lasting = self._trouble_since is not None and _now() - self._trouble_since > GIVE_UP_AFTER
        if self._parked or full or lasting:
            self._counters[ConfirmOutcome.GIVEN_UP].inc()
            self._remember((item,))
            return
        self._waiting.add(item.id)
        raise TryLater(pause, "provider_unwell")

    async def _gather(self, batch: Batch) -> None:
        try:
            async with asyncio.timeout(self._max_age):
                await batch.full.wait()
        except TimeoutError:
            return

    async def _confirm(self, items: Sequence[Confirmation]) -> None:
        for item, error in (await by_halves(items, self._confirm_once, _OF_THE_ITEM)).items():
            self._counters[ConfirmOutcome.REFUSED].inc()
            _log.warning("confirmation_refused", account=self._account, kind=item.kind, status=error.status)
            self._remember((item,))

    async def _confirm_once(self, items: Sequence[Confirmation]) -> None:
        await self._confirmer.confirm(items)
        self._counters[ConfirmOutcome.CONFIRMED].inc(len(items))
        self._remember(items)

    def _remember(self, items: Sequence[Confirmation]) -> None:
        for item in items:
            self._seen[item.id] = None
            self._waiting.discard(item.id)
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    def _later(self, error: Exception) -> TryLater:
        self._failures += 1
        if self._trouble_since is None:
            self._trouble_since = _now()
        self._counters[ConfirmOutcome.POSTPONED].inc()
        what = str(error) if isinstance(error, ApiError) else "took too long"
        _log.warning("confirmation_postponed", account=self._account, error=type(error).__name__, what=what)
        wish = error.retry_after if isinstance(error, RefusedError) else None
        pause = _PAUSES.pause(self._failures) if wish is None else wish
        self._parked = isinstance(error, AuthenticationError) and self._failures >= PARK_AFTER
        if self._parked:
            _log.error("confirmations_parked", account=self._account, seconds=PARKED, what=what)
        self._resume_at = _now() + (PARKED if self._parked else pause)
        # What is parked is let go when it comes again, so at once.
        return TryLater(0.0 if self._parked else pause, "provider_unwell")

    @staticmethod
    def _end(batch: Batch, later: TryLater | None) -> None:
        if batch.done.done():
            return
        if later is None:
            batch.done.set_result(None)
            return
        batch.done.set_exception(later)
        # Nobody may have waited with the leader; asyncio would complain about an exception that nobody took.
        batch.done.exception()


def _now() -> float:
    return asyncio.get_running_loop().time()


class _Confirm:
    def __init__(
        self, settings: ConfirmSettings, confirmers: Mapping[str, Confirmer], metrics: ConsumerMetrics
    ) -> None:
        self._settings = settings
        self._confirmers = confirmers
        self._metrics = metrics
        self._batchers: dict[tuple[str, str], Batcher] = {}

    async def handle(self, delivered: Delivered) -> None:
        """Confirm one event, together with others. Raises TryLater."""
        event = delivered.event
        confirmer = self._confirmers.get(event.account)
        item = None if confirmer is None else confirmer.confirmation(event)
        if confirmer is not None and item is not None:
            await self._batcher(event.account, item.kind, confirmer).add(item)

    def _batcher(self, account: str, kind: str, confirmer: Confirmer) -> Batcher:
        found = self._batchers.get((account, kind))
        if found is None:
            # Accounts come from the configuration, kinds from the provider's folder: few.
            found = Batcher(account, confirmer, self._settings.max_age, self._metrics)
            self._batchers[account, kind] = found
        return found
