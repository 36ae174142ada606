"""How long the cluster usually takes to confirm, and how long it may be silent before that says something. Pure.

Near and healthy it takes a few milliseconds; far away, or on slow disks, it may take 0.3 s by nature. One limit for
both would call the far one suspect for ever, so that every webhook went through the spool. So the limit is twice what
is usual, between two bounds. The upper one stays below the shortest time that a provider's policy leaves to the log
(0.8 s, Telnyx), so that a cluster that hangs is noticed in time whatever was learned.

What is usual is learned from each record or batch that is confirmed, also where nobody waits for it any more, but from
one at a time: one that was handed over after the last that taught something. However many wait through a hang, it
teaches once. And what takes longer than the upper bound teaches nothing: no limit would help.
"""

LEAST_SECONDS = 0.25
"""A cluster that confirms faster may be silent for so long: the machine that we run on has its own pauses."""

MOST_SECONDS = 0.6
"""No cluster may be silent for longer."""

TIMES = 2.0
"""The limit, in times of what is usual."""

MOST_TELLING_SECONDS = 0.75
"""An append that waited for so long and is not confirmed says something in any case."""

_TELLING_TIMES = 4.0
_WEIGHT = 1 / 8


class Usual:
    """Learns from records that were confirmed. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._learned_at = float("-inf")

    @property
    def limit(self) -> float:
        """The seconds after which silence is suspicious."""
        return min(MOST_SECONDS, max(LEAST_SECONDS, TIMES * self.seconds))

    @property
    def telling(self) -> float:
        """The seconds that an append needs before its failure says something.

        It may wait behind a request that is on its way, and then for its own: what is silence for all is not for one.
        """
        return min(MOST_TELLING_SECONDS, max(LEAST_SECONDS, _TELLING_TIMES * self.seconds))

    def learn(self, began: float, confirmed: float) -> None:
        """Take a record into account that was handed over and confirmed at these times."""
        took = confirmed - began
        if began < self._learned_at or took >= MOST_SECONDS:
            return
        self._learned_at = confirmed
        self.seconds += _WEIGHT * (took - self.seconds)
