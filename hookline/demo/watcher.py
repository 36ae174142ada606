"""Reads the log as any other reader would, counts what is in it, and notices what is missing."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from broker.log import Log, LogUnavailableError
from hookline.demo.account_watch import AccountWatch
from hookline.demo.collect import TOPICS, account_of
from hookline.demo.feed import Line
from hookline.tailing import Start, Tail
from schemas.records import StoredRecord

_LOOK = 0.2
_FEED = 40


class Watcher:
    """Reads for all accounts; each has its own counts. What stands under no account of theirs is left to the check.

    `spooling` tells whether webhooks wait in the spool: then what is not in the log is not lost.
    """

    def __init__(
        self, log: Log, accounts: Mapping[str, AccountWatch], spooling: Callable[[], bool] = lambda: False
    ) -> None:
        self._log = log
        self._spooling = spooling
        self.accounts = accounts
        self.feed: deque[Line] = deque(maxlen=_FEED)

    async def run(self) -> None:
        """Read for ever."""
        tail = Tail(self._log, TOPICS)
        await tail.open(Start.earliest())
        while True:
            try:
                async for record in tail.records(follow=False):
                    self.take(record)
            except (LogUnavailableError, TimeoutError):
                pass  # the screen shows that the log is away; what it holds is read when it is back
            self.compare()
            await asyncio.sleep(_LOOK)

    def compare(self) -> None:
        """Take over what was acknowledged since."""
        spooling = self._spooling()
        for account in self.accounts.values():
            account.compare()
            if spooling:
                account.excuse()

    @property
    def settled(self) -> bool:
        """Whether nothing is missing in any account."""
        return all(account.settled for account in self.accounts.values())

    def latest(self, number: int) -> Sequence[Line]:
        """Return the newest events, the newest last."""
        return list(self.feed)[-number:] if number > 0 else []

    def take(self, record: StoredRecord) -> None:
        """Count a record of the log under its account."""
        account = self.accounts.get(account_of(record))
        line = account.take(record) if account is not None else None
        if line is not None:
            self.feed.append(line)
