"""Gathers what the final check compares: the cloud's books, and the log read from its beginning."""

from collections.abc import Sequence
from datetime import datetime

from broker.log import Log
from hookline.demo.audit import Expected, Stored, StoredCommand, StoredResult
from hookline.simulator.deliveries import Acknowledged, Deliveries, body_digest
from hookline.tailing import Start, Tail
from providers.contract import Account
from providers.registry import provider
from schemas.codec import CodecError
from schemas.envelope import read_event
from schemas.events import Event, SendCompleted, SendRequested
from schemas.records import StoredRecord
from schemas.topics import CATALOGUE, WEBHOOKS
from schemas.webhook import Webhook

TOPICS = tuple(topic.name for topic in CATALOGUE)


def expected_of(deliveries: Deliveries, effects: Sequence[str], account: Account, now: datetime) -> Expected:
    """Return what the log must hold of what the receiver acknowledged. Normalizes every body: use a thread."""
    entries = deliveries.acknowledged
    asking = frozenset(entry.message_id for entry in entries if entry.expects_reply and entry.message_id)
    others = frozenset(entry.message_id for entry in entries if entry.message_id)
    return Expected(
        webhooks={body_digest(entry.body): entry.label for entry in entries},
        events={event.id: entry.label for entry in entries for event in _events_of(entry, account, now)},
        replies=asking,
        silent=others - asking,
        forged=deliveries.forged,
        effects=effects,
    )


async def stored_of(log: Log) -> Stored:
    """Return what the log holds now."""
    webhooks, events = set[bytes](), set[str]()
    commands, results = set[StoredCommand](), set[StoredResult]()
    tail = Tail(log, TOPICS)
    await tail.open(Start.earliest())
    async for record in tail.records(follow=False):
        if record.topic == WEBHOOKS.name:
            webhooks.add(body_digest(record.value or b""))
            continue
        event = event_of(record)
        match event:
            case SendRequested():
                commands.add(StoredCommand(event.id, event.in_reply_to))
            case SendCompleted():
                results.add(StoredResult(event.command_id, event.outcome, event.message_id))
            case Event():
                events.add(event.id)
            case None:
                pass
    return Stored(
        webhooks=frozenset(webhooks),
        events=frozenset(events),
        commands=frozenset(commands),
        results=frozenset(results),
    )


def event_of(record: StoredRecord) -> Event | None:
    """Return the event that a record holds, None where it holds none that is known."""
    try:
        return read_event(record).event
    except CodecError:
        return None


def _events_of(entry: Acknowledged, account: Account, now: datetime) -> Sequence[Event]:
    webhook = Webhook(
        provider=account.provider,
        account=account.name,
        tenant=account.tenant,
        method="POST",
        target=f"/webhooks/{account.name}",
        headers=(),
        body=entry.body,
        received_at=now,
    )
    return provider(account.provider).normalize(webhook, account.settings)
