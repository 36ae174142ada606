"""When a target is asked again: its own wish, and how long it has been unwell. Pure.

All times are of one monotonic clock, in seconds.
"""

from collections import OrderedDict, defaultdict
from dataclasses import dataclass

from consumers.loop.tempo import Tempo
from consumers.mirror.line import Line

REMEMBERED = 10_000
"""Webhooks of one target that failed and are to come again; older ones are counted from anew."""

SUSPECT_AFTER = 3
"""Failures in a row after which all of a target's webhooks wait, and not the failed one alone."""

_PAUSES = Tempo(first_pause=1.0, longest_pause=60.0)

SHORTEST_WISH = 1.0
"""Seconds: whoever asks to be asked again at once, or at a time that is over, is not asked without a pause."""

_LEAST_TIMES = 3
"""One wait of a webhook counts for this part of the time until it is given up at most: no single failure does that."""


@dataclass(slots=True)
class _Failing:
    """How a webhook has failed, `last` at that time.

    The seconds between two failures count as `stuck` where the second may be of this webhook, and as `blamed` where
    another one went well between them too; `shown` says that this was so the last time.
    """

    last: float
    times: int = 0
    shown: bool = False
    stuck: float = 0.0
    blamed: float = 0.0


class Pacing:
    """What one target's past says about its next call."""

    def __init__(self, give_up_after: float) -> None:
        """`give_up_after` is how many seconds a webhook may fail while others go well."""
        self.failures = 0
        self._give_up_after = give_up_after
        self._resume_at = 0.0
        self._went_well_at = float("-inf")
        self._failing: OrderedDict[str, _Failing] = OrderedDict()
        # Accounts come from the configuration, so they are few.
        self._lines: defaultdict[str, Line] = defaultdict(Line)

    def pause(self, now: float) -> float:
        """Return the seconds that all webhooks of the target wait, 0 where it can be asked."""
        return max(0.0, self._resume_at - now)

    def behind(self, account: str, webhook_id: str, rank: int, now: float) -> float:
        """Return after how many seconds a webhook asks again, as others of its account come first; 0 where none does.

        Those are the ones of a lower rank that are to come again.
        """
        return self._lines[account].behind(webhook_id, rank, now)

    def keep_place(self, account: str, webhook_id: str, rank: int, back_at: float) -> None:
        """Let those of a higher rank wait for this one, which is to come again at `back_at`."""
        self._lines[account].keep(webhook_id, rank, back_at)

    def went_well(self, account: str, webhook_id: str, now: float) -> None:
        """Note a webhook that was taken, or refused: the target works."""
        self.failures = 0
        self._went_well_at = now
        self.forget(account, webhook_id)
        self._lines[account].moved(now)

    def failed(self, webhook_id: str, wish: float | None, now: float, *, whole: bool, its_own: bool = True) -> float:
        """Note a failure and return the seconds until the webhook's next try.

        `whole`: of the target, not of one, by all appearance; `its_own`: it may be of this one all the same.
        """
        if now >= self._resume_at:
            # Those that were under way when a rest began tell nothing new.
            self.failures += 1
        for line in self._lines.values():
            line.stopped()
        failing = self._note(webhook_id, now, its_own=its_own)
        all_wait = whole or self.failures >= SUSPECT_AFTER
        pause = _PAUSES.pause(self.failures if all_wait else failing.times)
        if wish is not None:
            pause = max(wish, SHORTEST_WISH)
        if all_wait:
            self._resume_at = max(self._resume_at, now + pause)
        # The target works, and rests each time that it is asked for this one: so that is done less and less.
        return max(pause, _PAUSES.pause(failing.times)) if failing.shown else pause

    def _note(self, webhook_id: str, now: float, *, its_own: bool) -> _Failing:
        failing = self._failing.setdefault(webhook_id, _Failing(now))
        seconds = min(now - failing.last, self._give_up_after / _LEAST_TIMES)
        failing.shown = its_own and self._went_well_at > failing.last
        failing.stuck += seconds if its_own else 0.0
        failing.blamed += seconds if failing.shown else 0.0
        failing.times += 1
        failing.last = now
        while len(self._failing) > REMEMBERED:
            self._failing.popitem(last=False)
        return failing

    def is_hopeless(self, webhook_id: str) -> bool:
        """Tell of a webhook that failed just now whether it is to blame: it did for so long, while others went well."""
        failing = self._failing.get(webhook_id)
        return failing is not None and failing.shown and failing.blamed >= self._give_up_after

    def is_suspect(self, webhook_id: str) -> bool:
        """Tell whether a webhook has failed for so long, and may be to blame: others are to show it."""
        failing = self._failing.get(webhook_id)
        return failing is not None and failing.stuck >= self._give_up_after

    def is_proven(self, webhook_id: str) -> bool:
        """Tell of a suspect whether another one went well since it failed last: its next failure counts against it."""
        failing = self._failing.get(webhook_id)
        return self.is_suspect(webhook_id) and failing is not None and self._went_well_at > failing.last

    def forget(self, account: str, webhook_id: str) -> None:
        """Let nobody wait for a webhook any more."""
        self._failing.pop(webhook_id, None)
        self.give_place_up(account, webhook_id)

    def give_place_up(self, account: str, webhook_id: str) -> None:
        """Let nobody wait for a webhook, though it is to come again."""
        self._lines[account].leave(webhook_id)
