"""How long a confirmation waits that cannot be made now, and when it is given up."""

import asyncio
from collections.abc import Mapping

import structlog
from prometheus_client import Counter

from consumers.consumer import TryLater
from consumers.metrics import ConfirmOutcome

PUTS_OFF_AFTER = 15.0
"""Seconds from which on an event waits in the retry topic, where it keeps nobody's place."""

LONGEST_PAUSE = 3600.0
"""Seconds after which an event comes again at the latest.

It waits for as long again as it has waited so far, up to this: each time it comes it is written once more, and a
million of them must not fill the disk. So a backlog is confirmed within so long after its provider is well again.
"""

TELL_AFTER = 10.0
"""Seconds for which those that are given up are counted before one line of the log tells how many."""

_log = structlog.get_logger(__name__)


class Patience:
    """Of one account and kind."""

    def __init__(
        self, account: str, kind: str, give_up_after: float, counters: Mapping[ConfirmOutcome, Counter]
    ) -> None:
        self._names = {"account": account, "kind": kind}
        self._give_up_after = give_up_after
        self._given_up = counters[ConfirmOutcome.GIVEN_UP]
        self._untold = 0

    def later(self, pause: float, waited: float, reason: str) -> None:
        """Let an event that has waited for so many seconds come again after `pause` or later, or give it up.

        Raises TryLater where it is not given up.
        """
        if waited < self._give_up_after:
            raise TryLater(min(max(pause, waited), LONGEST_PAUSE), reason)
        self._given_up.inc()
        self._untold += 1
        if self._untold == 1:
            asyncio.get_running_loop().call_later(TELL_AFTER, self._tell)

    def _tell(self) -> None:
        advice = "the provider keeps what is not confirmed, and its polls show it again"
        _log.error("confirmations_given_up", **self._names, count=self._untold, advice=advice)
        self._untold = 0
