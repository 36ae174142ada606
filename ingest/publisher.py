"""From a verified webhook to records in the log, within the time that is left.

The raw record and its events go into one append. Where the log refuses a record for good (too large for a topic,
say), it does not tell which one, and the events are what can be made again: so the webhook is appended once more
with one `unrecognized` event in their place (P11), and `replay --renormalize` makes the rest later. Where the raw
record itself is refused, nothing is stored and nothing may be acknowledged (P1). The body was within the limit that
we tell the provider, so the topic's limit is wrong and the fault is ours: the answer is the retry status (P3).
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic
from typing import Any

import structlog

from broker.log import Log, LogError, RecordRefusedError
from ingest.metrics import AppendFailure, Fault, IngestMetrics
from schemas.envelope import event_to_record
from schemas.events import Event, WebhookUnrecognized
from schemas.ids import event_id
from schemas.records import Record
from schemas.vocabulary import EventType
from schemas.webhook import Webhook, webhook_to_record

_log = structlog.get_logger(__name__)

GRACE = 0.1
"""Seconds beyond its wait that a log has to give up by itself. Cancelling an append is the last resort."""


MAX_EVENT_BYTES = 8 * 1024 * 1024
"""Bytes that the events of one webhook may have together. Each carries the whole body along, so that a body which
names many recipients grows with its square; no honest one comes near."""


class SetAside(StrEnum):
    """Why the events of a webhook are not stored with it."""

    ENCODING_FAILED = "encoding_failed"
    RECORD_REFUSED = "record_refused"
    TOO_LARGE_TOGETHER = "too_large_together"


class PublishOutcome(StrEnum):
    """What is durable now. The first four may be answered with success.

    SET_ASIDE: the raw record is stored, with an `unrecognized` event in place of its own. SPOOLED: the raw record is
    in the spool. DUPLICATE: it was durable before. UNAVAILABLE: the log is away or too slow. REFUSED: the log can
    never take the raw record.
    """

    STORED = "stored"
    SET_ASIDE = "set_aside"
    SPOOLED = "spooled"
    DUPLICATE = "duplicate"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"

    @property
    def durable(self) -> bool:
        """Whether the webhook may be acknowledged."""
        return self in _DURABLE


_DURABLE = frozenset(
    {PublishOutcome.STORED, PublishOutcome.SET_ASIDE, PublishOutcome.SPOOLED, PublishOutcome.DUPLICATE}
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A webhook and its events, and the records of both; or why its events cannot be stored with it."""

    webhook: Webhook = field(repr=False)
    webhook_id: str
    events: Sequence[Event] = field(repr=False)
    records: Sequence[Record] | SetAside = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes of the records' values."""
        return 0 if isinstance(self.records, SetAside) else sum(len(record.value or b"") for record in self.records)


def unrecognized(webhook: Webhook, webhook_id: str, reason: str) -> WebhookUnrecognized:
    """Return the event that stands for a verified webhook whose own events cannot be had."""
    return WebhookUnrecognized(
        id=event_id(webhook.account, EventType.WEBHOOK_UNRECOGNIZED, webhook_id),
        provider=webhook.provider,
        account=webhook.account,
        tenant=webhook.tenant,
        received_at=webhook.received_at,
        reason=reason,
    )


def _event_record(event: Event, webhook: Webhook, webhook_id: str) -> Record:
    return event_to_record(event, webhook_id=webhook_id, traceparent=webhook.traceparent, ingress=webhook.ingress)


class Publisher:
    """Appends webhooks to a log. `refused` tells that the log refused the last raw record for good."""

    def __init__(self, log: Log, metrics: IngestMetrics) -> None:
        self._target = log
        self._metrics = metrics
        self.refused = False

    async def publish(
        self, webhook: Webhook, events: Sequence[Event], wait: float, *, webhook_id: str | None = None
    ) -> PublishOutcome:
        """Store the webhook and its events within `wait` seconds, and say what is durable then. Never raises.

        Returns at the latest GRACE seconds after that, whatever the log does.
        `webhook_id` saves computing the id again. UNAVAILABLE may leave records behind: a retry of the sender
        appends them under the same ids.
        """
        return await self._within(wait, self._store(webhook, events, wait, webhook_id or webhook.id))

    def prepare(self, webhook: Webhook, events: Sequence[Event], webhook_id: str) -> Prepared:
        """Return what `publish_all` takes. Never raises."""
        records = self._records(webhook, events, webhook_id)
        if not isinstance(records, SetAside):
            records = [webhook_to_record(webhook, webhook_id), *records]
        return Prepared(webhook, webhook_id, events, records)

    async def publish_all(self, webhooks: Sequence[Prepared], wait: float) -> PublishOutcome:
        """Store all webhooks by one append, in the order given. Never raises.

        REFUSED: the log refuses one of them, or one cannot be written as it is; each is to be published by itself.
        """
        return await self._within(wait, self._store_all(webhooks, wait))

    async def _within(self, wait: float, storing: Coroutine[Any, Any, PublishOutcome]) -> PublishOutcome:
        try:
            async with asyncio.timeout(max(0.0, wait) + GRACE):
                return await storing
        except TimeoutError:
            return self._failed(AppendFailure.TIMEOUT)
        except LogError:
            return self._failed(AppendFailure.UNAVAILABLE)
        except Exception as error:  # noqa: BLE001 - a log that breaks its contract is a log that is away
            _log.error("append_failed", error=type(error).__name__)
            return self._failed(AppendFailure.ERROR)

    async def _store_all(self, webhooks: Sequence[Prepared], wait: float) -> PublishOutcome:
        records: list[Record] = []
        for each in webhooks:
            if isinstance(each.records, SetAside):
                return PublishOutcome.REFUSED
            records += each.records
        try:
            await self._target.append_many(records, wait)
        except RecordRefusedError:
            self._metrics.append_failed(AppendFailure.RECORD_REFUSED)
            return PublishOutcome.REFUSED
        for each in webhooks:
            self._count(each.webhook.account, each.events)
        return PublishOutcome.STORED

    async def _store(self, webhook: Webhook, events: Sequence[Event], wait: float, webhook_id: str) -> PublishOutcome:
        began = monotonic()
        raw = webhook_to_record(webhook, webhook_id)
        records = self._records(webhook, events, webhook_id)
        if isinstance(records, SetAside):
            return await self._store_aside(webhook, raw, webhook_id, records, wait)
        try:
            await self._target.append((raw, *records), wait)
        except RecordRefusedError:
            self._metrics.append_failed(AppendFailure.RECORD_REFUSED)
            left = began + wait - monotonic()
            return await self._store_aside(webhook, raw, webhook_id, SetAside.RECORD_REFUSED, left)
        self.refused = False
        self._count(webhook.account, events)
        return PublishOutcome.STORED

    async def _store_aside(
        self, webhook: Webhook, raw: Record, webhook_id: str, reason: SetAside, wait: float
    ) -> PublishOutcome:
        event = unrecognized(webhook, webhook_id, reason)
        record = _event_record(event, webhook, webhook_id)
        try:
            await self._target.append((raw, record), wait)
        except RecordRefusedError:
            self._metrics.append_failed(AppendFailure.RECORD_REFUSED)
            self.refused = True
            _log.error("webhook_refused_by_log", account=webhook.account, webhook_id=webhook_id, bytes=raw.size)
            return PublishOutcome.REFUSED
        _log.warning("events_set_aside", account=webhook.account, webhook_id=webhook_id, reason=reason)
        self._count(webhook.account, (event,))
        return PublishOutcome.SET_ASIDE

    def _records(self, webhook: Webhook, events: Sequence[Event], webhook_id: str) -> list[Record] | SetAside:
        records: list[Record] = []
        room = MAX_EVENT_BYTES
        try:
            for event in events:
                records.append(_event_record(event, webhook, webhook_id))
                room -= records[-1].size
                if room < 0:
                    return SetAside.TOO_LARGE_TOGETHER
        except Exception as error:  # noqa: BLE001 - an event that cannot be written must not cost us the raw record
            self._metrics.fault(webhook.account, Fault.ENCODE)
            _log.error("encoding_failed", account=webhook.account, webhook_id=webhook_id, error=type(error).__name__)
            return SetAside.ENCODING_FAILED
        return records

    def _count(self, account: str, events: Sequence[Event]) -> None:
        for event in events:
            self._metrics.event(account, event.TYPE)

    def _failed(self, reason: AppendFailure) -> PublishOutcome:
        self._metrics.append_failed(reason)
        return PublishOutcome.UNAVAILABLE
