"""Gathers what the final check compares: the books of a cloud, and the log read from its beginning."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from broker.log import Log
from hookline.demo.books import Expected, Stored, StoredCommand, StoredResult
from hookline.simulator.deliveries import Acknowledged, Deliveries, content_digest
from hookline.tailing import Start, Tail
from providers.contract import Account
from providers.registry import provider
from providers.simulation import Cloud, Confirming
from schemas.codec import CodecError
from schemas.envelope import read_event
from schemas.events import DeliveryUpdated, Event, InboundMessage, RequestUpdated, SendCompleted, SendRequested
from schemas.records import StoredRecord
from schemas.topics import CATALOGUE, TOPIC_OF, WEBHOOKS, partition_key
from schemas.webhook import Webhook

TOPICS = tuple(topic.name for topic in CATALOGUE)


def expected_of(
    cloud: Cloud, deliveries: Deliveries, effects: Sequence[str], account: Account, now: datetime
) -> Expected:
    """Return what the log must hold of what the receiver acknowledged. Normalizes every body: use a thread."""
    entries = [(entry, events_of(entry, account, now)) for entry in deliveries.acknowledged]
    asking = frozenset(cause for entry, events in entries if (cause := cause_of(entry, events)))
    inbound = frozenset(event.id for _, events in entries for event in events if isinstance(event, InboundMessage))
    confirming = cloud if isinstance(cloud, Confirming) else None
    return Expected(
        provider=account.provider,
        webhooks={content_digest(entry.body, entry.query): entry.label for entry, _ in entries},
        others={content_digest(entry.body, entry.query): entry.others for entry, _ in entries if entry.others},
        events={event.id: entry.label for entry, events in entries for event in events},
        keys={event.id: partition_key(event) for _, events in entries for event in events if _compacted(event)},
        replies=asking,
        silent=inbound - asking,
        forged=deliveries.forged,
        effects=effects,
        messages=frozenset(_told(entries)),
        unconfirmed=confirming.unconfirmed() if confirming else 0,
        strays=confirming.strays() if confirming else 0,
    )


async def stored_of(log: Log) -> Mapping[str, Stored]:
    """Return what the log holds now, by the account that each record stands under."""
    found: dict[str, _Found] = defaultdict(_Found)
    tail = Tail(log, TOPICS)
    await tail.open(Start.earliest())
    async for record in tail.records(follow=False):
        found[account_of(record)].take(record)
    return {account: one.stored() for account, one in found.items()}


def account_of(record: StoredRecord) -> str:
    """Return the account that a record stands under, empty where it names none."""
    return record.text_header("ce_account") or ""


def digest_of(record: StoredRecord) -> bytes:
    """Return the digest of what a raw record holds: of its body, or of its query where it has no body."""
    target = (record.header("http_target") or b"").decode("utf-8", "surrogateescape")
    return content_digest(record.value or b"", target.partition("?")[2])


def event_of(record: StoredRecord) -> Event | None:
    """Return the event that a record holds, None where it holds none that is known."""
    try:
        return read_event(record).event
    except CodecError:
        return None


def events_of(entry: Acknowledged, account: Account, now: datetime) -> Sequence[Event]:
    """Return the events that what was acknowledged must have given."""
    path = f"/webhooks/{account.name}"
    webhook = Webhook(
        provider=account.provider,
        account=account.name,
        tenant=account.tenant,
        method=entry.method,
        target=f"{path}?{entry.query}" if entry.query else path,
        headers=(("content-type", entry.content_type),) if entry.body else (),
        body=entry.body,
        received_at=now,
    )
    return provider(account.provider).normalize(webhook, account.settings)


def cause_of(entry: Acknowledged, events: Sequence[Event]) -> str | None:
    """Return the id of the event that must be answered, None where none must."""
    inbound = (event.id for event in events if isinstance(event, InboundMessage))
    return next(inbound, None) if entry.expects_reply else None


def messages_of(event: Event) -> Iterable[str]:
    """Yield the ids of all messages and requests that an event names."""
    names = [event.message_id]
    match event:
        case InboundMessage():
            names.append(event.related_message_id)
        case DeliveryUpdated() | RequestUpdated():
            names.append(event.request_id)
        case SendRequested() | SendCompleted():
            names.append(event.in_reply_to)
        case _:
            pass
    return (name for name in names if name)


def _compacted(event: Event) -> bool:
    return TOPIC_OF[event.TYPE].compacted


def _told(entries: Iterable[tuple[Acknowledged, Sequence[Event]]]) -> Iterable[str]:
    """Yield the ids of the messages that a cloud told of."""
    for entry, events in entries:
        if entry.message_id:
            yield entry.message_id
        for event in events:
            yield from messages_of(event)


@dataclass(slots=True)
class _Found:
    """What was read so far of one account."""

    webhooks: set[bytes] = field(default_factory=set[bytes])
    events: set[str] = field(default_factory=set[str])
    commands: set[StoredCommand] = field(default_factory=set[StoredCommand])
    results: set[StoredResult] = field(default_factory=set[StoredResult])
    names: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    providers: set[str] = field(default_factory=set[str])
    disguised: set[str] = field(default_factory=set[str])
    keys: set[bytes] = field(default_factory=set[bytes])

    def take(self, record: StoredRecord) -> None:
        """Note what the record holds."""
        if record.topic == WEBHOOKS.name:
            self.webhooks.add(digest_of(record))
            self.providers.add(record.text_header("ce_provider") or "")
            return
        event = event_of(record)
        if event is None:
            return
        self._note(event)
        if _compacted(event):
            self.keys.add(record.key or b"")
        self.names.update((event.id, name) for name in messages_of(event))
        self.providers.add(event.provider)
        if event.account != account_of(record):
            self.disguised.add(event.id)

    def _note(self, event: Event) -> None:
        match event:
            case SendRequested():
                self.commands.add(StoredCommand(event.id, event.cause))
            case SendCompleted():
                self.results.add(StoredResult(event.command_id, event.outcome, event.message_id))
            case _:
                self.events.add(event.id)

    def stored(self) -> Stored:
        """Return it as it is now."""
        return Stored(
            webhooks=frozenset(self.webhooks),
            events=frozenset(self.events),
            commands=frozenset(self.commands),
            results=frozenset(self.results),
            names=frozenset(self.names),
            providers=frozenset(self.providers),
            disguised=frozenset(self.disguised),
            keys=frozenset(self.keys),
        )
