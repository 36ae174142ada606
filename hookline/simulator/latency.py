"""Latencies in bounded memory: a histogram whose buckets grow by two percent."""

import math
from collections import Counter
from dataclasses import dataclass

_FLOOR = 1e-5
_GROWTH = math.log(1.02)


@dataclass(frozen=True, slots=True)
class Latency:
    """Quantiles of what was measured, in seconds; all 0 where nothing was. Exact to 2 %, `slowest` to the last bit."""

    count: int = 0
    p50: float = 0.0
    p99: float = 0.0
    slowest: float = 0.0
    p999: float = 0.0


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
        p50, p99, p999 = (self._quantile(share) for share in (0.5, 0.99, 0.999))
        return Latency(self.buckets.total(), p50, p99, self.slowest, p999)

    def since(self, earlier: "Histogram") -> "Histogram":
        """Return what was counted after `earlier`, a copy of this one then. Its slowest is exact to 2 % as well."""
        later = Histogram()
        later.buckets = self.buckets - earlier.buckets
        later.slowest = min(self.slowest, _upper(max(later.buckets))) if later.buckets else 0.0
        return later

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
