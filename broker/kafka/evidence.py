"""What the cluster has shown, and the state that follows from it. No I/O and no clock of its own.

AWAY: no producer that works. STARTING: not asked yet, or the cluster says that a partition in use lacks its leader or
copies in sync. SUSPECT: an append failed and none was confirmed since; or the log was away and has confirmed nothing
yet; or appends wait now and nothing was confirmed for a moment, so that a cluster that hangs is suspected before the
first deadline has passed. How long that moment is follows from the cluster's usual time (`broker.kafka.usual`).
HEALTHY: none of these.

Only a confirmation ends a suspicion: a cluster answers questions also where it stores nothing (a topic whose own
`min.insync.replicas` cannot be met, a right that was taken away).
"""

from collections.abc import Callable
from dataclasses import dataclass

from broker.kafka.usual import Usual
from broker.log import LogState

STRIKES = 3
"""So many appends in a row may fail before the producer is thrown away."""

_NEVER = float("inf")

UNPROVEN = "Kafka is back but has confirmed nothing yet"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state and why, in words; no words where it is healthy."""

    state: LogState
    reason: str = ""


class Evidence:
    """Follows what appends and questions have shown. All times are seconds of one monotonic clock.

    `told` gets each verdict whose state is another than that of the one before, once.
    """

    def __init__(self, told: Callable[[Verdict], None]) -> None:
        self.proven = True
        self.confirmed_at = -_NEVER
        self._usual = Usual()
        self._told = told
        self._last = LogState.STARTING
        self._away = ""
        self._lacking = "not asked yet"
        self._struck = ""
        self._strikes = 0
        self._flights: dict[int, float] = {}
        # By itself, so that the thread of a scrape may ask for the state while appends come and go.
        self._oldest = _NEVER
        self._flown = 0

    def verdict(self, now: float) -> Verdict:
        """Return what the log can do now."""
        if self._away:
            return Verdict(LogState.AWAY, self._away)
        if self._lacking:
            return Verdict(LogState.STARTING, self._lacking)
        if doubt := self._struck or ("" if self.proven else UNPROVEN) or self._silence(now):
            return Verdict(LogState.SUSPECT, doubt)
        return Verdict(LogState.HEALTHY)

    def _silence(self, now: float) -> str:
        return f"appends wait and nothing was confirmed for {self.patience:.2g} s" if self.is_stuck(now) else ""

    def tell(self, now: float) -> None:
        """Pass the verdict on, if its state is a new one."""
        verdict = self.verdict(now)
        if verdict.state is not self._last:
            self._last = verdict.state
            self._told(verdict)

    # --- appends

    @property
    def flying(self) -> bool:
        """Whether an append waits for its confirmation."""
        return bool(self._flights)

    @property
    def patience(self) -> float:
        """So many seconds appends may wait without any confirmation before the cluster is suspected."""
        return self._usual.limit

    @property
    def telling(self) -> float:
        """An append that had less time than this and did not make it says nothing about the cluster."""
        return self._usual.telling

    def stuck_at(self) -> float:
        """Return when the appends that wait will have waited too long, if nothing is confirmed before."""
        return max(self._oldest, self.confirmed_at) + self.patience

    def is_stuck(self, now: float) -> bool:
        """Tell whether appends wait and nothing was confirmed for a moment."""
        return now >= self.stuck_at()

    def began(self, now: float) -> int:
        """Note an append; the number is for its `ended`."""
        self._flown += 1
        self._flights[self._flown] = now
        self._find_oldest()
        return self._flown

    def ended(self, flight: int) -> None:
        """Note that an append waits no more, whatever came of it."""
        self._flights.pop(flight, None)
        self._find_oldest()

    def _find_oldest(self) -> None:
        self._oldest = next(iter(self._flights.values()), _NEVER)

    def stored(self, now: float, handed_over: float | None = None) -> None:
        """Note that the cluster confirmed a record, perhaps too late for who had waited.

        When it was handed over, where that is known, teaches what is usual.
        """
        self.confirmed_at = now
        if handed_over is not None:
            self._usual.learn(handed_over, now)

    def confirmed(self, now: float) -> None:
        """Note that an append was confirmed as a whole and in time: every suspicion ends."""
        self.proven = True
        self._struck, self._strikes = "", 0
        self._lacking = ""
        self.stored(now)
        self.tell(now)

    def strike(self, what: str, now: float) -> bool:
        """Note that an append failed. Return whether so many have that the producer is to blame."""
        self._struck = what
        self._strikes += 1
        self.tell(now)
        return self._strikes >= STRIKES

    # --- the cluster's word

    def asked(self, lacking: str, now: float) -> None:
        """Note what a producer's cluster says: what its partitions lack, in words, or nothing."""
        self._away, self._lacking = "", lacking
        self.tell(now)

    def away(self, reason: str, now: float) -> None:
        """Note that no producer works. What its appends left behind says nothing about the next one."""
        self.proven = False
        self._away = reason
        self._struck, self._strikes = "", 0
        self._flights.clear()
        self._find_oldest()
        self.tell(now)

    def closed(self, now: float) -> None:
        """Note that the log was stopped, which is no news to anybody."""
        self._last = LogState.AWAY
        self.away("the log was stopped", now)
