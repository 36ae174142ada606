"""When a worker that ended is replaced, and when it is of no use to try. Pure."""

import signal
from dataclasses import dataclass

from hookline.errors import FAILED, USAGE

STEADY = 30.0
"""Seconds of life after which a worker's end counts as the first one again."""

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How a worker's process ended: `status` as `subprocess` tells it, negative for a signal.

    `up` tells whether it had been up, `seconds` how long it lived.
    """

    status: int
    up: bool
    seconds: float

    @property
    def how(self) -> str:
        """The words for the log: `signal SIGKILL` or `status 1`."""
        if self.status >= 0:
            return f"status {self.status}"
        try:
            return f"signal {signal.Signals(-self.status).name}"
        except ValueError:
            return f"signal {-self.status}"


@dataclass(frozen=True, slots=True)
class Streak:
    """How many times in a row a worker ended soon after it was started."""

    ends: int = 0

    def after(self, seconds: float) -> "Streak":
        """Return the streak after a life of so many seconds."""
        return Streak(1 if seconds >= STEADY else self.ends + 1)

    @property
    def pause(self) -> float:
        """Seconds to wait before the next start: none after one end, then doubling up to LONGEST_PAUSE."""
        if self.ends <= 1:
            return 0.0
        # The exponent is bounded too: a worker may end soon for weeks.
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self.ends - 2, 16))


def hopeless(ending: Ending, *, others_up: bool, ever_up: bool) -> bool:
    """Tell whether starting again would be a crash loop: the worker told an error itself instead of coming up.

    While others serve, nothing that befalls one is a reason to end them. A wrong configuration stays wrong; any other
    error counts only where no worker has ever been up.
    """
    if ending.up or others_up:
        return False
    return ending.status == USAGE or (ending.status == FAILED and not ever_up)
