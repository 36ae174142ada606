"""Who waits for whom among the webhooks of one account that are to come again. Pure.

All times are of one monotonic clock, in seconds.
"""

from bisect import bisect_left, insort

LONGEST_BEHIND = 5.0
"""Seconds after which a webhook that waits for others, the first of which is due, asks again at the latest."""

MISSED_AFTER = 10.0
"""Seconds by which a webhook may be late until nobody waits for it: it has gone to another member of the group."""

_QUICKEST, _SLOWEST = 0.001, 0.2
"""Bounds of the seconds that a webhook which waits allows for each one before it."""


class Line:
    """Those that are to come again, the lowest rank first."""

    def __init__(self) -> None:
        self._order: list[tuple[int, str]] = []
        # The rank of each, and when it comes.
        self._places: dict[str, tuple[int, float]] = {}
        self._step = 0.002
        self._went_at: float | None = None

    def behind(self, webhook_id: str, rank: int, now: float) -> float:
        """Return after how many seconds a webhook asks again, as others come first; 0 where none does.

        It asks about when its turn comes: if many asked in one rhythm, each would find one before it that has not asked
        yet, and few would go at each beat; and if all asked at once, the next one would be the last to be heard.
        """
        while self._order and self._back_at(self._order[0][1]) + MISSED_AFTER <= now:
            self.leave(self._order[0][1])
        before = bisect_left(self._order, (rank, webhook_id))
        if not before:
            return 0.0
        first_due = max(0.0, self._back_at(self._order[0][1]) - now)
        return first_due + min(before * self._step, LONGEST_BEHIND)

    def keep(self, webhook_id: str, rank: int, back_at: float) -> None:
        """Let those of a higher rank wait for this one, which is to come again at `back_at`."""
        self.leave(webhook_id)
        insort(self._order, (rank, webhook_id))
        self._places[webhook_id] = (rank, back_at)

    def leave(self, webhook_id: str) -> None:
        """Let nobody wait for a webhook."""
        place = self._places.pop(webhook_id, None)
        if place is not None:
            del self._order[bisect_left(self._order, (place[0], webhook_id))]

    def moved(self, now: float) -> None:
        """Note that one of the account went: how quickly they follow one another, while some wait, is the step."""
        if self._went_at is not None and self._order:
            # Half of it: rather too soon than too late, as who asks too soon asks once more. One hitch is no rhythm.
            self._step = min(max((now - self._went_at) / 2, _QUICKEST), _SLOWEST, self._step * 2)
        self._went_at = now

    def stopped(self) -> None:
        """Note a failure: the time until the next one goes says nothing about how quickly they follow."""
        self._went_at = None

    def _back_at(self, webhook_id: str) -> float:
        return self._places[webhook_id][1]
