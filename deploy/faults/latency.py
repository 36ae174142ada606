"""Answer times in buckets of a millisecond, so that p99.9 is exact enough and the memory is bounded."""

import math
from array import array

_MOST = 30_000


class Latencies:
    """Counts answers by whole milliseconds, up to 30 s."""

    def __init__(self) -> None:
        self.buckets = array("L", [0]) * (_MOST + 1)
        self.count = 0
        self.slowest = 0.0

    def add(self, seconds: float) -> None:
        """Count one answer."""
        self.buckets[min(_MOST, max(0, int(seconds * 1000)))] += 1
        self.count += 1
        self.slowest = max(self.slowest, seconds)

    def include(self, other: "Latencies") -> None:
        """Count also what another has counted."""
        for place, number in enumerate(other.buckets):
            if number:
                self.buckets[place] += number
        self.count += other.count
        self.slowest = max(self.slowest, other.slowest)

    def quantile(self, share: float) -> float:
        """Return the seconds within which this share of the answers came, rounded up to a millisecond."""
        wanted = math.ceil(self.count * share)
        passed = 0
        for place, number in enumerate(self.buckets):
            passed += number
            if number and passed >= wanted:
                return min((place + 1) / 1000, self.slowest)
        return 0.0
