"""What the cloud remembers: messages, reports and replies until they are confirmed, and who opted out."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from providers.messagemedia.simulation.bodies import Fields, Reply, Report, Sent

CONFIRMED_AFTER = 0.2
"""Seconds after which a confirmation takes effect: the provider promises that items "will be marked"."""
_KEPT = 45 * 86_400.0
_LIMIT = 100_000
_AT_ONCE = 100
_MESSAGES = 10_000


class Queue:
    """What waits for its confirmation, in order. Beyond 100,000 items and 45 days the oldest are dropped.

    `confirmed` counts the items that were confirmed, `strays` the ids of confirmations that were never here.
    """

    def __init__(self) -> None:
        self._items: dict[str, tuple[float, Fields]] = {}
        self._leaving: dict[str, float] = {}
        self._past: dict[str, None] = {}
        self.confirmed = 0
        self.strays = 0

    @property
    def waiting(self) -> int:
        """How many items nobody has confirmed."""
        return len(self._items) - len(self._leaving)

    def add(self, item_id: str, item: Fields, at: float) -> None:
        """Show the item from `at` on."""
        self._items.setdefault(item_id, (at, item))
        if len(self._items) > _LIMIT:
            self._drop(next(iter(self._items)))

    def oldest(self, now: float) -> Sequence[Fields]:
        """Return the oldest 100 that are not confirmed; the same ones again until they are."""
        self._settle(now)
        return [item for at, item in self._items.values() if at <= now][:_AT_ONCE]

    def confirm(self, ids: Sequence[str], now: float) -> None:
        """Mark items a moment later. What is not there is passed over."""
        for item_id in dict.fromkeys(ids):
            if item_id in self._items:
                self.confirmed += item_id not in self._leaving
                self._leaving.setdefault(item_id, now + CONFIRMED_AFTER)
            else:
                self.strays += item_id not in self._past

    def _settle(self, now: float) -> None:
        expired = [item_id for item_id, (at, _) in self._items.items() if at + _KEPT < now]
        for item_id in [*expired, *(one for one, due in self._leaving.items() if due <= now)]:
            self._drop(item_id)

    def _drop(self, item_id: str) -> None:
        self._items.pop(item_id, None)
        self._leaving.pop(item_id, None)
        self._past[item_id] = None
        if len(self._past) > _LIMIT:
            del self._past[next(iter(self._past))]


@dataclass(slots=True)
class Kept:
    """A message: as the API shows it, and its statuses with their times."""

    fields: Fields
    statuses: list[tuple[float, str]]

    def status(self, now: float) -> str:
        """Return the latest status."""
        return [word for at, word in self.statuses if at <= now][-1]


@dataclass(frozen=True, slots=True)
class Books:
    """The latest 10,000 messages, the two queues, and the blacklist in the order in which numbers came on it."""

    messages: OrderedDict[str, Kept] = field(default_factory=OrderedDict[str, Kept])

    reports: Queue = field(default_factory=Queue)
    replies: Queue = field(default_factory=Queue)
    blacklist: dict[str, None] = field(default_factory=dict[str, None])

    @property
    def queues(self) -> tuple[Queue, Queue]:
        """Both queues."""
        return self.reports, self.replies

    def keep(self, message_id: str, kept: Kept) -> None:
        """Remember a message, and forget the oldest where there are too many."""
        self.messages[message_id] = kept
        if len(self.messages) > _MESSAGES:
            self.messages.popitem(last=False)

    def note(self, report: Report, now: float) -> None:
        """Remember what a report says of its message, which is queued from now on where it is new."""
        if report.sent.id not in self.messages:
            self.keep(report.sent.id, Kept(_shown(report.sent), [(now, "queued")]))
        self.messages[report.sent.id].statuses.append((report.at, report.status))

    def report(self, report: Report) -> None:
        """Queue a report."""
        self.reports.add(report.id, report.polled(), report.at)

    def reply(self, reply: Reply) -> None:
        """Queue a reply."""
        self.replies.add(reply.id, reply.polled(), reply.at)


def _shown(sent: Sent) -> Fields:
    return {
        "format": sent.format,
        "message_id": sent.id,
        "destination_number": sent.to,
        "content": sent.text,
        "source_number": sent.source,
        "metadata": dict(sent.metadata),
        "callback_url": sent.callback_url,
    }
