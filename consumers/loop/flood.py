"""Too many failures: then the consumer is ill, not its records. Pure."""

from collections import deque

from consumers.loop.settings import FloodSettings
from consumers.loop.stops import ConsumerStopError


class FloodError(ConsumerStopError):
    """The consumer would give away so many records that it stops instead."""

    reason = "dead_letter_flood"
    advice = (
        "mend the handler or what it needs, then start the process again: the record that met the limit comes first."
        " What went before it is in the dead-letter and retry topics"
    )


class FloodGate:
    """Counts what failed and what went well, and lets no failure pass that is one too many.

    Once it has closed it lets none pass any more.
    """

    def __init__(self, settings: FloodSettings) -> None:
        self._settings = settings
        self._passed: deque[float] = deque(maxlen=settings.count or None)
        self._last: deque[bool] = deque(maxlen=settings.records)
        self._failed = 0
        self._run = 0
        self._closed: str | None = None

    def success(self) -> None:
        """Note a record that went well."""
        self._run = 0
        self._note(failed=False)

    def failure(self, now: float) -> None:
        """Let one failed record pass at `now`, in seconds of any clock. Raises FloodError where too many have."""
        self._closed = self._closed or self._too_many(now)
        if self._closed is not None:
            raise FloodError(self._closed)
        self._run += 1
        self._note(failed=True)
        if self._settings.count:
            self._passed.append(now)

    def _note(self, *, failed: bool) -> None:
        if len(self._last) == self._last.maxlen:
            self._failed -= self._last[0]
        self._last.append(failed)
        self._failed += failed

    def _too_many(self, now: float) -> str | None:
        limits = self._settings
        if limits.count and len(self._passed) == limits.count and now - self._passed[0] < limits.seconds:
            return f"more than {limits.count} records failed within {limits.seconds:g} s"
        if limits.run and self._run >= limits.run:
            return f"more than {limits.run} records failed in a row"
        full = len(self._last) == limits.records
        if full and self._failed + 1 - self._last[0] > limits.ratio * limits.records:
            return f"more than {limits.ratio:.0%} of the last {limits.records} records failed"
        return None
