"""Too many dead letters in a short time: then the consumer is ill, not its records. Pure."""

from collections import deque


class DeadLetterFloodError(Exception):
    """The consumer would give away so many records that it stops instead."""


class FloodGate:
    """Lets `count` pass within any `seconds`."""

    def __init__(self, count: int, seconds: float) -> None:
        self._seconds = seconds
        self._passed: deque[float] = deque(maxlen=count)

    def check(self, now: float) -> None:
        """Let one pass at `now`. Raises DeadLetterFloodError where too many have."""
        if len(self._passed) == self._passed.maxlen and now - self._passed[0] < self._seconds:
            raise DeadLetterFloodError
        self._passed.append(now)
