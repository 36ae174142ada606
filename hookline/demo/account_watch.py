"""What the log shows of one account, against what its cloud was told is there."""

import asyncio
from collections import Counter
from datetime import datetime
from typing import TypeVar

from hookline.demo.collect import cause_of, digest_of, event_of, events_of
from hookline.demo.feed import Line, line_of
from hookline.simulator.deliveries import Acknowledged, Deliveries
from providers.contract import Account
from schemas.events import Event, SendCompleted, SendRequested
from schemas.records import StoredRecord
from schemas.times import from_millis
from schemas.topics import WEBHOOKS
from schemas.vocabulary import EventType, Ingress

K = TypeVar("K")
V = TypeVar("V")
_EARLY = 10_000
GRACE = 5.0
"""Seconds after its acknowledgement in which a webhook must show up in the log, to not be shown as lost."""

# Ids do not depend on the time, and nothing else of these events is looked at.
_ANY_TIME: datetime = from_millis(0)


class AccountWatch:
    """Counts what is in the log under one account, and what should be."""

    def __init__(self, account: Account, deliveries: Deliveries) -> None:
        self._account, self._deliveries = account, deliveries
        self._place = 0
        self._awaited: dict[bytes, float] = {}
        self._attempts: dict[bytes, bytes] = {}
        self._excused_at = float("-inf")
        self._early: dict[bytes, None] = {}
        self._seen: dict[str, None] = {}
        self._causes: dict[str, frozenset[str]] = {}
        self._results: dict[str, None] = {}
        self._expected: dict[str, None] = {}
        self._unanswered = set[str]()
        self._answered_early: dict[str, None] = {}
        self.by_type: Counter[EventType] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.webhooks = 0
        self.polled = 0
        self.confirmed = 0
        self.commands = 0
        self.replies_expected = 0
        self.replies_done = 0

    @property
    def lost(self) -> int:
        """Webhooks that were acknowledged some seconds ago and are not in the log."""
        now = asyncio.get_running_loop().time()
        return sum(1 for since in self._awaited.values() if now - max(since, self._excused_at) > GRACE)

    def excuse(self) -> None:
        """Give all that is not in the log its time anew: it may wait in the spool."""
        self._excused_at = asyncio.get_running_loop().time()

    @property
    def settled(self) -> bool:
        """Whether all that was acknowledged is in the log, and every reply that is due has a result."""
        return not self._awaited and not self._unanswered and self._place == self._deliveries.size

    def take(self, record: StoredRecord) -> Line | None:
        """Count a record of the log; return its line for the screen, None where it is not for the screen."""
        if record.topic == WEBHOOKS.name:
            self.webhooks += 1
            self.polled += record.text_header("ce_ingress") == Ingress.POLL
            self._confirm(digest_of(record))
            return None
        event = event_of(record)
        return None if event is None else self._count(event)

    def compare(self) -> None:
        """Take over what was acknowledged since; the log may have shown it before the cloud had its answer."""
        now = asyncio.get_running_loop().time()
        for digest, entry in self._deliveries.since(self._place):
            self._place += 1
            found = next((one for one in (digest, *entry.others) if one in self._early), None)
            if found is not None:
                del self._early[found]
                self.confirmed += 1
            else:
                self._awaited[digest] = now
                self._attempts.update(dict.fromkeys(entry.others, digest))
            if entry.expects_reply:
                self._expect(entry)

    def _count(self, event: Event) -> Line | None:
        if isinstance(event, SendRequested):
            self._commanded(event)
        # Commands and results have ids that let a reader drop repeats, so this reader does.
        if isinstance(event, SendRequested | SendCompleted):
            if event.id in self._seen:
                return None
            _remember(self._seen, event.id, None)
        match event:
            case SendRequested():
                self.commands += 1
            case SendCompleted():
                self.outcomes[event.outcome] += 1
                self._completed(event)
            case _:
                self.by_type[event.TYPE] += 1
        return line_of(event)

    def _confirm(self, digest: bytes) -> None:
        if self._awaited.pop(self._attempts.pop(digest, digest), None) is not None:
            self.confirmed += 1
        else:
            _remember(self._early, digest, None)

    def _commanded(self, command: SendRequested) -> None:
        """Take note of what the command answers: two events about one message have one command, each its own record."""
        if command.id in self._results:
            self._answered(command.cause or "")
        else:
            causes = self._causes.get(command.id, frozenset())
            _remember(self._causes, command.id, causes | {command.cause or ""})

    def _completed(self, result: SendCompleted) -> None:
        # Topics are read one after another: a result may be seen before its command.
        _remember(self._results, result.command_id, None)
        for cause in self._causes.pop(result.command_id, ()):
            self._answered(cause)

    def _answered(self, cause: str) -> None:
        if cause in self._unanswered:
            self._unanswered.remove(cause)
            self.replies_done += 1
        else:
            _remember(self._answered_early, cause, None)

    def _expect(self, entry: Acknowledged) -> None:
        cause = cause_of(entry, events_of(entry, self._account, _ANY_TIME))
        if cause is None or cause in self._expected:
            return
        _remember(self._expected, cause, None)
        self.replies_expected += 1
        if cause in self._answered_early:
            self.replies_done += 1
        else:
            self._unanswered.add(cause)


def _remember(early: dict[K, V], key: K, value: V) -> None:
    early[key] = value
    if len(early) > _EARLY:
        del early[next(iter(early))]
