"""Reads the log as any other reader would, counts what is in it, and notices what is missing."""

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from typing import TypeVar

from broker.log import Log, LogUnavailableError
from hookline.demo.collect import TOPICS, event_of
from hookline.demo.feed import Line, line_of
from hookline.simulator.deliveries import Deliveries, body_digest
from hookline.tailing import Start, Tail
from schemas.events import Event, SendCompleted, SendRequested
from schemas.records import StoredRecord
from schemas.topics import WEBHOOKS
from schemas.vocabulary import EventType

K = TypeVar("K")
_LOOK = 0.2
_FEED = 40
_EARLY = 10_000
GRACE = 5.0
"""Seconds after its acknowledgement in which a webhook must show up in the log, to not be shown as lost."""


class Watcher:
    """Counts what is in the log and what should be."""

    def __init__(self, log: Log, deliveries: Deliveries) -> None:
        self._log, self._deliveries = log, deliveries
        self._place = 0
        self._awaited: dict[bytes, float] = {}
        self._early: dict[bytes, None] = {}
        self._seen: dict[str, None] = {}
        self._unanswered = set[str]()
        self._answered_early: dict[str, None] = {}
        self.feed: deque[Line] = deque(maxlen=_FEED)
        self.by_type: Counter[EventType] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.webhooks = 0
        self.confirmed = 0
        self.commands = 0
        self.replies_expected = 0
        self.replies_done = 0

    async def run(self) -> None:
        """Read for ever."""
        tail = Tail(self._log, TOPICS)
        await tail.open(Start.earliest())
        while True:
            try:
                async for record in tail.records(follow=False):
                    self._take(record)
            except (LogUnavailableError, TimeoutError):
                pass  # the screen shows that the log is away; what it holds is read when it is back
            self._compare()
            await asyncio.sleep(_LOOK)

    @property
    def lost(self) -> int:
        """Webhooks that were acknowledged some seconds ago and are not in the log."""
        now = asyncio.get_running_loop().time()
        return sum(1 for since in self._awaited.values() if now - since > GRACE)

    @property
    def settled(self) -> bool:
        """Whether all that was acknowledged is in the log, and every reply that is due has a result."""
        return not self._awaited and not self._unanswered and self._place == self._deliveries.size

    def latest(self, number: int) -> Sequence[Line]:
        """Return the newest events, the newest last."""
        return list(self.feed)[-number:] if number > 0 else []

    def _take(self, record: StoredRecord) -> None:
        if record.topic == WEBHOOKS.name:
            self.webhooks += 1
            self._confirm(body_digest(record.value or b""))
            return
        event = event_of(record)
        if event is not None:
            self._count(event)

    def _count(self, event: Event) -> None:
        # Commands and results have ids that let a reader drop repeats, so this reader does.
        if isinstance(event, SendRequested | SendCompleted) and event.id in self._seen:
            return
        self.feed.append(line_of(event))
        if isinstance(event, SendRequested | SendCompleted):
            _remember(self._seen, event.id)
        if isinstance(event, SendRequested):
            self.commands += 1
        elif isinstance(event, SendCompleted):
            self.outcomes[event.outcome] += 1
            self._answered(event.in_reply_to or "")
        else:
            self.by_type[event.TYPE] += 1

    def _confirm(self, digest: bytes) -> None:
        if self._awaited.pop(digest, None) is not None:
            self.confirmed += 1
        else:
            _remember(self._early, digest)

    def _answered(self, message_id: str) -> None:
        if message_id in self._unanswered:
            self._unanswered.remove(message_id)
            self.replies_done += 1
        else:
            _remember(self._answered_early, message_id)

    def _compare(self) -> None:
        """Take over what was acknowledged since; the log may have shown it before the cloud had its answer."""
        now = asyncio.get_running_loop().time()
        for digest, entry in self._deliveries.since(self._place):
            self._place += 1
            if digest in self._early:
                del self._early[digest]
                self.confirmed += 1
            else:
                self._awaited[digest] = now
            if entry.expects_reply and entry.message_id:
                self._expect(entry.message_id)

    def _expect(self, message_id: str) -> None:
        if message_id in self._unanswered:
            return
        self.replies_expected += 1
        if message_id in self._answered_early:
            self.replies_done += 1
        else:
            self._unanswered.add(message_id)


def _remember(early: dict[K, None], key: K) -> None:
    early[key] = None
    if len(early) > _EARLY:
        del early[next(iter(early))]
