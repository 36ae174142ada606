"""Whether the ledger closes: a pure comparison of what was acknowledged with what Kafka holds."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from deploy.faults.ledger import MIXED, Entry, Ledger
from deploy.faults.stored import Stored

NamedEvents = Mapping[str, float]
"""For each topic that was deleted the monotonic time until which its events went with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a fault had to lose, and whose name is known.

    `topics`: deleted ones, and until when what was acknowledged went with them. `webhooks`: ids (16 bytes) of raw
    records that the receiver reported as damaged.
    """

    topics: NamedEvents = field(default_factory=dict[str, float])
    webhooks: frozenset[bytes] = frozenset()


@dataclass(slots=True)
class Account:
    """The closed account of one scenario; the lists hold ids in hexadecimal."""

    webhooks: int = 0
    events: int = 0
    lost_webhooks: list[str] = field(default_factory=list[str])
    lost_events: list[str] = field(default_factory=list[str])
    named: list[str] = field(default_factory=list[str])
    duplicated: int = 0
    out_of_order: list[str] = field(default_factory=list[str])

    @property
    def lost(self) -> int:
        """Events that were lost and not named; of a webhook that is not there its maker says how many."""
        return len(self.lost_events)


@dataclass(slots=True)
class _Times:
    """When an event was first issued and first acknowledged, by whom, in which scenario."""

    began: float
    acked: float
    worker: int
    scenario: int


def judge(ledger: Ledger, stored: Stored, named: Named) -> Mapping[int, Account]:
    """Return the account of every scenario by its number."""
    accounts: dict[int, Account] = defaultdict(Account)
    times: dict[bytes, _Times] = {}
    for entry in ledger.entries():
        account = accounts[entry.scenario]
        account.webhooks += 1
        # One of its attempts, byte for byte: which of them is stored is the receiver's choice.
        events = stored.expected(*(sent.digest for sent in entry.contents))
        if events is None:
            _missing(account, entry, is_named=any(sent.webhook in named.webhooks for sent in entry.contents))
            continue
        for event in events:
            _note(times, event, entry)
    _count_events(accounts, times, stored, named.topics)
    _check_order(accounts, times, stored, named.topics)
    return accounts


def _missing(account: Account, entry: Entry, *, is_named: bool) -> None:
    account.events += entry.hint
    lines = [f"{entry.webhook.hex()}/{number}" for number in range(entry.hint)]
    if is_named:
        account.named += lines
    else:
        account.lost_webhooks.append(entry.webhook.hex())
        account.lost_events += lines


def _note(times: dict[bytes, _Times], event: bytes, entry: Entry) -> None:
    known = times.get(event)
    if known is None:
        times[event] = _Times(entry.began, entry.acked, entry.worker, entry.scenario)
        return
    known.began, known.acked = min(known.began, entry.began), min(known.acked, entry.acked)
    if known.worker != entry.worker:
        known.worker = MIXED


def _count_events(
    accounts: Mapping[int, Account], times: Mapping[bytes, _Times], stored: Stored, deleted: NamedEvents
) -> None:
    for event, time in times.items():
        account = accounts[time.scenario]
        account.events += 1
        found = stored.find(event)
        if _went_with_its_topic(event, time, stored, deleted):
            account.named.append(event.hex())
        elif found is None:
            account.lost_events.append(event.hex())
        else:
            account.duplicated += found.copies - 1


def _went_with_its_topic(event: bytes, time: _Times, stored: Stored, deleted: NamedEvents) -> bool:
    if time.acked > deleted.get(stored.topic_of(event), 0.0):
        return False
    found = stored.find(event)
    # What was in the spool meanwhile stands in the new topic.
    return found is None or stored.is_gone(found)


def _check_order(
    accounts: Mapping[int, Account], times: Mapping[bytes, _Times], stored: Stored, deleted: NamedEvents
) -> None:
    """Find events that were acknowledged before another of their key began, and stand behind it."""
    lines: dict[tuple[int, int, int, int], list[tuple[int, bytes, _Times]]] = defaultdict(list)
    for event, time in times.items():
        found = stored.find(event)
        if found is None or time.worker == MIXED or _went_with_its_topic(event, time, stored, deleted):
            continue
        line = (found.topic, found.partition, found.key, time.worker)
        lines[line].append((found.place, event, time))
    for standing in lines.values():
        for event, time in _behind_later_ones(standing):
            accounts[time.scenario].out_of_order.append(event.hex())


def _behind_later_ones(line: Iterable[tuple[int, bytes, _Times]]) -> Iterable[tuple[bytes, _Times]]:
    latest = 0.0
    for _place, event, time in sorted(line, key=lambda one: one[0]):
        if time.acked < latest:
            yield event, time
        latest = max(latest, time.began)


def total(accounts: Iterable[Account]) -> Account:
    """Return one account of all."""
    whole = Account()
    for one in accounts:
        whole.webhooks += one.webhooks
        whole.events += one.events
        whole.lost_webhooks += one.lost_webhooks
        whole.lost_events += one.lost_events
        whole.named += one.named
        whole.duplicated += one.duplicated
        whole.out_of_order += one.out_of_order
    return whole
