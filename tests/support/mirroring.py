"""A mirror with one target, for tests."""

from typing import Any

from prometheus_client import CollectorRegistry

from consumers.consumer import Consumer
from consumers.metrics import ConsumerMetrics
from consumers.mirror.client import OldHandlers
from consumers.mirror.consumer import mirror
from consumers.mirror.settings import MirrorSettings, MirrorTarget
from schemas.envelope import Delivered, read_event
from schemas.records import StoredRecord
from schemas.webhook import Webhook, webhook_to_record
from tests.conftest import FakeClock
from tests.support.old_handler import OldHandler


class Mirroring:
    """A mirror with one target, and the old handler at its other end."""

    def __init__(self, handler: OldHandler, clock: FakeClock) -> None:
        self.handler = handler
        self.clock = clock
        self.registry = CollectorRegistry()
        self.handlers = OldHandlers(8, clock)
        self.consumer = self.with_target()

    def with_target(self, *, give_up_after: float = 3600.0, connections: int = 8, **fields: Any) -> Consumer:
        """Make the consumer anew, with a target that has these settings."""
        target = MirrorTarget(**{"url": f"{self.handler.url}/old", "timeout": 5.0, **fields})
        settings = MirrorSettings(connections=connections, give_up_after=give_up_after, targets={"old": target})
        self.registry = CollectorRegistry()
        self.consumer = mirror(settings, self.handlers, ConsumerMetrics(self.registry), self.clock)
        return self.consumer

    async def take(self, webhook: Webhook) -> None:
        """Give a webhook to the consumer's handler."""
        await self.consumer.handle(delivered(webhook))

    def count(self, outcome: str) -> float:
        """Return how many webhooks had that outcome."""
        labels = {"target": "old", "outcome": outcome}
        return self.registry.get_sample_value("hookline_consumer_mirrored_total", labels) or 0.0


def delivered(webhook: Webhook) -> Delivered:
    """Return a raw webhook as the loop gives it to a handler."""
    record = webhook_to_record(webhook, webhook.id)
    return read_event(StoredRecord(record.topic, 0, 0, record.timestamp, record.key, record.value, record.headers))
