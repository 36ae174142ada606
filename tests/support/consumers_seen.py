"""A handler for tests of the consume loop that notes what it sees, and the places where its records lie."""

import asyncio
from collections import defaultdict

from broker.log import Partition
from schemas.envelope import Delivered
from schemas.topics import INBOUND

DLQ = "messaging.inbound.v1.group.dlq"
RETRY = "messaging.inbound.v1.group.retry"
ONLY, ONLY_RETRY = Partition(INBOUND.name, 0), Partition(RETRY, 0)


class Seen:
    """A handler that notes what it is given and holds back or fails what it is told to."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.ended: list[str] = []
        self.by_key: dict[bytes | None, list[str]] = defaultdict(list)
        self.held: dict[str, asyncio.Event] = {}
        self.failing: dict[str, list[Exception]] = {}

    def hold(self, event_id: str) -> asyncio.Event:
        """Hold an event back until the returned event is set."""
        return self.held.setdefault(event_id, asyncio.Event())

    async def __call__(self, event: Delivered) -> None:
        """Handle one event."""
        self.ids.append(event.envelope.id)
        if self.failing.get(event.envelope.id):
            raise self.failing[event.envelope.id].pop(0)
        if event.envelope.id in self.held:
            await self.held[event.envelope.id].wait()
        await asyncio.sleep(0)
        self.ended.append(event.envelope.id)
        self.by_key[event.record.key].append(event.envelope.id)
