"""Whether our own clock is wrong, judged by those who are refused for their age, and by the monotonic clock.

A request that is refused for its age and would be proved at the time that it tells is genuine, or an old one that
somebody sends again. Many different ones in a row, all off in one direction and none in time between them, say that it
is our clock that is off. Nothing of this is kept over a restart: a new process judges anew.
"""

from collections import deque
from collections.abc import Callable
from hashlib import sha256
from statistics import median
from time import monotonic

import structlog

from providers.contract import Request, Verdict, Verification, Verifier
from schemas.times import Clock

ENOUGH = 10
"""Different requests in a row that raise the alarm."""

LEAP = 5.0
"""Seconds by which the wall clock has to move against the monotonic one to be called a leap."""

# A clock that is slewed moves this much a second at most (adjtimex: 500 ppm); twice that is no leap.
_SLEW = 0.001

_log = structlog.get_logger(__name__)


class ClockWatch:
    """Told of every verdict. `suspected` is the alarm, `skew` what the clock seems to be off by."""

    def __init__(self, clock: Clock, *, now: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._now = now
        self._row: deque[tuple[bytes, float]] = deque(maxlen=ENOUGH)
        self._seen: tuple[float, float] = (clock(), now())
        self.suspected = False

    @property
    def skew(self) -> float:
        """Seconds by which senders are ahead of us while the alarm is raised (median), else 0."""
        return median(skew for _, skew in self._row) if self.suspected else 0.0

    def judged(self, verifier: Verifier, request: Request, at: float, proof: Verification) -> None:
        """Take in a verdict that was given at `at` Unix seconds. Costs a second one for what is refused for its age."""
        self.look()
        if proof.skew is None:
            return
        if proof.verdict is Verdict.VERIFIED:
            self._proved(proof.skew)
        elif proof.verdict is Verdict.TIMESTAMP_OUT_OF_TOLERANCE:
            then = verifier.verify(request, at + proof.skew)
            if then.verdict is Verdict.VERIFIED:
                self._off(sha256(request.body + request.target.encode("utf-8", "surrogateescape")).digest(), proof.skew)

    def look(self) -> None:
        """Compare the wall clock with the monotonic one since the last look, and write a line where it leapt."""
        before, now = self._seen, (self._clock(), self._now())
        passed = now[1] - before[1]
        leapt = now[0] - before[0] - passed
        if abs(leapt) > LEAP + passed * _SLEW:
            _log.warning("clock_leapt", seconds=round(leapt, 3), direction="forward" if leapt > 0 else "back")
        self._seen = now

    def _proved(self, skew: float) -> None:
        # A provider with a wide window may prove with the very difference that another is refused for.
        if self._row and abs(skew) > abs(self._row[-1][1]) / 2:
            return
        self._row.clear()
        if self.suspected:
            self.suspected = False
            _log.info("own_clock_trusted_again")

    def _off(self, content: bytes, skew: float) -> None:
        if self._row and (self._row[-1][1] > 0) != (skew > 0):
            self._row.clear()
            self.suspected = False
        if any(content == known for known, _ in self._row):
            return
        self._row.append((content, skew))
        if len(self._row) == ENOUGH and not self.suspected:
            self.suspected = True
            direction = "our clock is behind" if skew > 0 else "our clock is ahead"
            _log.error("own_clock_suspected", seconds=round(self.skew, 3), direction=direction, requests=ENOUGH)
