"""A limit on refused requests for each client address: who is refused all the time is not even listened to.

Only refusals count, so no number of genuine webhooks meets it. An address that sent a proved and new one lately is
always listened to: behind one address may be a provider and strangers, and the provider must not be shut out (P3). Both
tables are bounded; strangers fill only the one of refusals. Durations are monotonic.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_network
from time import monotonic

from ingest.forwarded import address_of

MOST_ADDRESSES = 10_000
PROVED_FOR = 600.0
"""Seconds for which a proved and new webhook opens the door to its address."""

_MINUTE = 60.0
_SIX_PREFIX = 64


@dataclass(slots=True)
class _Bucket:
    """What an address may still be refused, and when that was worked out."""

    left: float
    at: float


class RefusalLimit:
    """Counts refusals of each address. A limit of 0 refuses nobody."""

    def __init__(
        self, per_minute: int, *, now: Callable[[], float] = monotonic, most_addresses: int = MOST_ADDRESSES
    ) -> None:
        self._per_minute = per_minute
        self._now = now
        self._most = most_addresses
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._proved: OrderedDict[str, float] = OrderedDict()

    def wait(self, address: str | None) -> int | None:
        """Return in how many whole seconds an address may come again, None where it may come now."""
        key = _key(address)
        bucket = self._buckets.get(key) if key is not None else None
        if key is None or bucket is None or self._is_proved(key):
            return None
        self._refill(bucket)
        return None if bucket.left >= 1 else math.ceil((1 - bucket.left) * _MINUTE / self._per_minute)

    def refused(self, address: str | None) -> None:
        """Count a refusal."""
        key = _key(address)
        if key is None or not self._per_minute:
            return
        bucket = self._buckets.setdefault(key, _Bucket(self._per_minute, self._now()))
        self._refill(bucket)
        bucket.left = max(0.0, bucket.left - 1)
        self._bound(self._buckets, key)

    def proved(self, address: str | None) -> None:
        """Note that a proved webhook that was not known before came from an address."""
        key = _key(address)
        if key is None or not self._per_minute:
            return
        self._proved[key] = self._now()
        self._bound(self._proved, key)

    @property
    def size(self) -> int:
        """How many addresses are remembered, in the larger of the two tables."""
        return max(len(self._buckets), len(self._proved))

    def _is_proved(self, key: str) -> bool:
        at = self._proved.get(key)
        return at is not None and self._now() - at <= PROVED_FOR

    def _refill(self, bucket: _Bucket) -> None:
        now = self._now()
        bucket.left = min(self._per_minute, bucket.left + (now - bucket.at) * self._per_minute / _MINUTE)
        bucket.at = now

    def _bound(self, table: "OrderedDict[str, _Bucket] | OrderedDict[str, float]", key: str) -> None:
        table.move_to_end(key)
        if len(table) > self._most:
            table.popitem(last=False)


def _key(address: str | None) -> str | None:
    """Return what stands for an address: itself, or its /64, of which one host has all the addresses."""
    found = address_of(address)
    if not isinstance(found, IPv6Address):
        return None if found is None else str(found)
    return str(ip_network((int(found), _SIX_PREFIX), strict=False))
