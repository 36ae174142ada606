"""The times and bounds of the consume loop, in one place, so that tests can be quick."""

from dataclasses import dataclass
from random import SystemRandom

_random = SystemRandom()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tempo:
    """How long things may take, in seconds, and how much may pile up.

    `handler_deadline` is generous: it is there for a handler that hangs, not for a slow one; `cancel_wait` is what a
    cancelled handler gets to end. A thread that outlives its try has `thread_wait`, and the deadline once more where
    that is longer, before it counts as one that hangs.

    `finish_wait` is what a drain or a revoked partition leaves to work in hand, `leave_wait` what the last commit and
    the leaving may take. `waiting` bounds what one retry partition has in hand, `window` what may lie done behind what
    is not. Every `look_every` seconds the log is asked how far it is ahead, and a client that gives nothing for
    `stalled_after` seconds though there is something is given up.
    """

    handler_deadline: float = 120.0
    cancel_wait: float = 0.5
    thread_wait: float = 30.0
    first_pause: float = 0.25
    longest_pause: float = 30.0
    longest_postponement: float = 300.0
    log_wait: float = 10.0
    finish_wait: float = 4.0
    leave_wait: float = 2.0
    idle_poll: float = 1.0
    busy_poll: float = 0.05
    commit_every: float = 0.2
    keep_alive: float = 2.0
    records_per_slot: int = 16
    window: int = 10_000
    waiting: int = 1_000
    look_every: float = 15.0
    look_wait: float = 30.0
    stalled_after: float = 60.0

    def pause(self, failures: int) -> float:
        """Return how long to wait after so many failures in a row: doubling, with jitter, bounded."""
        full = min(self.longest_pause, self.first_pause * 2.0 ** min(max(failures - 1, 0), 30))
        return _random.uniform(full / 2, full)
