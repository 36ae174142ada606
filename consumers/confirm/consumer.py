"""Confirm: what is stored here is marked as received at the provider, so that it need not keep it.

It reads events from the log, so nothing is confirmed that is not stored, and it does so for pushes and polls alike. A
record is done when its batch is confirmed (`batching.py`), so a crash confirms again, which does no harm.

One account must not stop the others. What cannot be confirmed now, because its provider is in trouble, asks us to wait,
is too slow, or does not take our credentials, waits in the group's retry topic and comes again from there until it is
confirmed, or has waited for `give_up_after`. The order of events does not matter here.
"""

from collections.abc import Mapping

from consumers.catalogue import CONFIRM
from consumers.confirm.batching import CALL_WAIT, CALLS_AT_ONCE, Batcher
from consumers.confirm.patience import PUTS_OFF_AFTER, Patience
from consumers.confirm.settings import ConfirmSettings
from consumers.consumer import Consumer
from consumers.loop.origin import since_of
from consumers.metrics import ConsumerMetrics
from providers.roles import Confirmer
from schemas.envelope import Delivered
from schemas.times import Clock

_MOST_AT_ONCE = 2048
_MARGIN = 10.0


def confirm(
    settings: ConfirmSettings, confirmers: Mapping[str, Confirmer], metrics: ConsumerMetrics, clock: Clock
) -> Consumer:
    """Return the consumer that confirms; `confirmers` is by account, an account without one wants nothing confirmed."""
    handler = _Confirm(settings, confirmers, metrics, clock)
    # Each account fills its batches of two kinds without a place of another.
    largest = max((each.batch_size for each in confirmers.values()), default=1)
    return Consumer(
        CONFIRM.name,
        CONFIRM.topics,
        handler.handle,
        has_effects=True,
        concurrency=min(2 * (CALLS_AT_ONCE + 1) * largest * max(1, len(confirmers)), _MOST_AT_ONCE),
        # A batch that is full waits for its turn while another call ends.
        deadline=handler.max_age + 2 * CALL_WAIT + _MARGIN,
        keeps_order=False,
        puts_off_after=PUTS_OFF_AFTER,
    )


class _Confirm:
    def __init__(
        self, settings: ConfirmSettings, confirmers: Mapping[str, Confirmer], metrics: ConsumerMetrics, clock: Clock
    ) -> None:
        self.max_age = settings.max_age
        self._give_up_after = settings.give_up_after
        self._confirmers = confirmers
        self._metrics = metrics
        self._clock = clock
        self._batchers: dict[tuple[str, str], Batcher] = {}

    async def handle(self, delivered: Delivered) -> None:
        """Confirm one event, together with others. Raises TryLater."""
        event = delivered.event
        confirmer = self._confirmers.get(event.account)
        item = None if confirmer is None else confirmer.confirmation(event)
        if confirmer is None or item is None:
            return
        since = since_of(delivered.record)
        waited = 0.0 if since is None else max(0.0, self._clock() - since / 1000)
        await self._batcher(event.account, item.kind, confirmer).add(item, waited)

    def _batcher(self, account: str, kind: str, confirmer: Confirmer) -> Batcher:
        found = self._batchers.get((account, kind))
        if found is None:
            # Accounts come from the configuration, kinds from the provider's folder: few.
            counters = self._metrics.confirmations(account)
            patience = Patience(account, kind, self._give_up_after, counters)
            found = Batcher(account, confirmer, self.max_age, patience, counters)
            self._batchers[account, kind] = found
        return found
