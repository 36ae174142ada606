"""Confirmations of one account and kind, gathered so that one call makes many.

Events wait for each other: a call goes out when a batch is full or its first event has waited `max_age`. The event
that opened a batch makes its call; the others wait for it. While calls are under way the next batch fills, so that a
backlog goes in full batches, one call after the other; what is beyond that batch comes again in its turn.

What the provider will not take is found by halving the batch, where it does not say itself which it is; that one is
counted, logged and given up: to ask again would stop everything behind it.

While the provider is in trouble one call at a time asks whether that is over; all else waits without a call.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import structlog
from prometheus_client import Counter

from consumers.confirm.patience import LONGEST_PAUSE, PUTS_OFF_AFTER, Patience
from consumers.consumer import TryLater
from consumers.loop.tempo import Tempo
from consumers.metrics import ConfirmOutcome
from providers.rest.errors import ApiError, AuthenticationError, RefusedError
from providers.rest.halving import by_halves
from providers.roles import Confirmation, Confirmer, PartlyConfirmedError

PARK_AFTER = 3
PARKED = 300.0
"""Seconds for which an account whose credentials were refused so often in a row is not tried again."""

CALL_WAIT = 90.0
"""Seconds that the confirmation of one batch may take, halves and retries included."""

REMEMBERED = 10_000
"""Confirmations of one kind and account that are not made again, as when a push and a poll bring the same event."""

CALLS_AT_ONCE = 2
"""Calls of one account and kind under way at once; one more batch may fill meanwhile, and no other holds places."""

SLOW = 5.0
"""Seconds that a call may be under way before those who find no room go to the retry topic, for others' sake."""

LASTING = 3
"""Failures in a row after which trouble counts as one that lasts, and nobody waits for a call in place any more."""

_TURN, _LONGEST_TURN = 0.2, 10.0
_OF_THE_ITEM = frozenset({400, 422})
_PAUSES = Tempo(first_pause=1.0, longest_pause=60.0)

_log = structlog.get_logger(__name__)


class Batch:
    """Confirmations of one kind that one call will make. `done` tells whether it went well."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.items: dict[Confirmation, None] = {}
        self.full = asyncio.Event()
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

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

    def __init__(
        self,
        account: str,
        confirmer: Confirmer,
        max_age: float,
        patience: Patience,
        counters: Mapping[ConfirmOutcome, Counter],
    ) -> None:
        self._account = account
        self._confirmer = confirmer
        self._max_age = max_age
        self._patience = patience
        self._counters = counters
        self._open: Batch | None = None
        self._calls = asyncio.Semaphore(CALLS_AT_ONCE)
        self._turns = Turns(confirmer.batch_size * CALLS_AT_ONCE)
        # When each of the calls under way began.
        self._began: dict[Batch, float] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._failures = 0
        self._resume_at = 0.0
        # A provider that refuses all as such has one refusal for all: it is logged once.
        self._told: RefusedError | None = None

    async def add(self, item: Confirmation, waited: float) -> None:
        """Return when the item is confirmed, or given up; it has waited in the retry topic for `waited` seconds.

        Raises TryLater.
        """
        if item.id in self._seen:
            return
        pause = self._resume_at - _now()
        if pause > 0:
            self._patience.later(pause, waited, "provider_unwell")
            return
        batch = self._open
        # In trouble one call is enough to learn whether that is over.
        asked = batch is None and self._failures > 0 and bool(self._began)
        if asked or (batch is not None and batch.full.is_set()):
            self._no_room(waited)
        elif not await self._joined(batch, item):
            self._patience.later(max(0.0, self._resume_at - _now()), waited, "provider_unwell")

    def _no_room(self, waited: float) -> None:
        """Let one come again that finds no room: a slow provider must not hold the places of all accounts."""
        slow = any(_now() - began > SLOW for began in self._began.values())
        if not slow and self._failures < LASTING:
            raise TryLater(self._turns.next(), "call_under_way")
        self._patience.later(PUTS_OFF_AFTER, waited, "provider_slow" if slow else "provider_unwell")

    async def _joined(self, batch: Batch | None, item: Confirmation) -> bool:
        """Wait for the call of a batch, or open one and make its call; return whether it went well."""
        if batch is not None:
            batch.add(item)
            return await asyncio.shield(batch.done)
        batch = self._open = Batch(self._confirmer.batch_size)
        batch.add(item)
        return await self._lead(batch)

    async def _lead(self, batch: Batch) -> bool:
        """Wait until the batch is full or old enough, make its call, and tell the others how it went."""
        try:
            await self._gather(batch)
            await self._call(batch)
        except (ApiError, TimeoutError) as error:
            self._failed(error)
            batch.done.set_result(False)
            return False
        except BaseException:
            self._close(batch)
            # This one was cancelled, or broke: the others try again, under another leader.
            batch.done.set_exception(TryLater(0.0, "confirmation_interrupted"))
            # Nobody may have waited with the leader; asyncio would complain about an exception that nobody took.
            batch.done.exception()
            raise
        self._failures = 0
        batch.done.set_result(True)
        return True

    async def _call(self, batch: Batch) -> None:
        """Make the call when it is this batch's turn; until then it takes more, if it has room."""
        async with self._calls:
            self._close(batch)
            self._began[batch] = began = _now()
            try:
                async with asyncio.timeout(CALL_WAIT):
                    await self._confirm(tuple(batch.items))
            finally:
                del self._began[batch]
            self._turns.called(len(batch.items), _now() - began)

    def _close(self, batch: Batch) -> None:
        """Let whoever comes now open the next one."""
        batch.full.set()
        if self._open is batch:
            self._open = None

    async def _gather(self, batch: Batch) -> None:
        try:
            async with asyncio.timeout(self._max_age):
                await batch.full.wait()
        except TimeoutError:
            return

    async def _confirm(self, items: Sequence[Confirmation]) -> None:
        self._refused(await by_halves(items, self._confirm_once, _OF_THE_ITEM))

    async def _confirm_once(self, items: Sequence[Confirmation]) -> None:
        refused: Mapping[Confirmation, RefusedError] = {}
        try:
            await self._confirmer.confirm(items)
        except PartlyConfirmedError as error:
            refused = error.refused
        confirmed = [item for item in items if item not in refused]
        self._counters[ConfirmOutcome.CONFIRMED].inc(len(confirmed))
        self._remember(confirmed)
        self._refused(refused)

    def _refused(self, refused: Mapping[Confirmation, RefusedError]) -> None:
        for item, error in refused.items():
            self._counters[ConfirmOutcome.REFUSED].inc()
            if error is not self._told:
                _log.warning("confirmation_refused", account=self._account, kind=item.kind, status=error.status)
            self._told = error
            self._remember((item,))

    def _remember(self, items: Sequence[Confirmation]) -> None:
        for item in items:
            self._seen[item.id] = None
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    def _failed(self, error: Exception) -> None:
        """Note trouble at the provider, and until when it is left alone."""
        self._failures += 1
        self._counters[ConfirmOutcome.POSTPONED].inc()
        what = str(error) if isinstance(error, ApiError) else "took too long"
        _log.warning("confirmation_postponed", account=self._account, error=type(error).__name__, what=what)
        wish = error.retry_after if isinstance(error, RefusedError) else None
        pause = _PAUSES.pause(self._failures) if wish is None else min(wish, LONGEST_PAUSE)
        if isinstance(error, AuthenticationError) and self._failures >= PARK_AFTER:
            pause = max(pause, PARKED)
            _log.error("confirmations_parked", account=self._account, seconds=pause, what=what)
        self._resume_at = _now() + pause


def _now() -> float:
    return asyncio.get_running_loop().time()
