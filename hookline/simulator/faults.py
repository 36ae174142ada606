"""What the API of a cloud is told to do wrong: how often still, and which comes next."""

from collections import Counter

from providers.simulation import Misbehavior

OF_ANY_API = (
    Misbehavior.RATE_LIMIT,
    Misbehavior.SERVER_ERROR,
    Misbehavior.SLOW,
    Misbehavior.HALF_OPEN,
)
"""What the one who serves an API does, whatever the cloud; in the order in which calls meet them."""


class Faults:
    """Counts down. A call meets one fault at most."""

    def __init__(self) -> None:
        self._left: Counter[Misbehavior] = Counter()

    def add(self, kind: Misbehavior, times: int) -> bool:
        """Do it to `times` calls more; tell whether it is of this kind at all."""
        if kind not in OF_ANY_API:
            return False
        self._left[kind] += times
        return True

    def take(self) -> Misbehavior | None:
        """Return what the present call meets, None for nothing."""
        kind = next((kind for kind in OF_ANY_API if self._left[kind] > 0), None)
        if kind is not None:
            self._left[kind] -= 1
        return kind
