"""Latencies in bounded memory: a histogram whose buckets grow by two percent."""

import math
from collections import Counter
from dataclasses import dataclass

_FLOOR = 1e-5
_GROWTH = math.log(1.02)


@dataclass(frozen=True, slots=True)
class Latency:
    """Quantiles of what was measured, in seconds; all 0 where nothing was. `p50` and `p99` are exact to 2 %."""

    count: int = 0
    p50: float = 0.0
    p99: float = 0.0
    slowest: float = 0.0


class Histogram:
    """Counts durations. Its size depends on their range alone, not on how many there are."""

    def __init__(self) -> None:
        self.buckets: Counter[int] = Counter()
        self.slowest = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.buckets[_bucket(seconds)] += 1
        self.slowest = max(self.slowest, seconds)

    def include(self, other: "Histogram") -> None:
        """Count also what another histogram has counted so far."""
        self.buckets.update(other.buckets)
        self.slowest = max(self.slowest, other.slowest)

    def summary(self) -> Latency:
        """Return the quantiles so far."""
        return Latency(self.buckets.total(), self._quantile(0.5), self._quantile(0.99), self.slowest)

    def _quantile(self, share: float) -> float:
        wanted = math.ceil(self.buckets.total() * share)
        passed = 0
        for bucket in sorted(self.buckets):
            passed += self.buckets[bucket]
            if passed >= wanted:
                return min(_upper(bucket), self.slowest)
        return 0.0


def _bucket(seconds: float) -> int:
    return 0 if seconds <= _FLOOR else math.ceil(math.log(seconds / _FLOOR) / _GROWTH)


def _upper(bucket: int) -> float:
    return _FLOOR * math.exp(bucket * _GROWTH)
