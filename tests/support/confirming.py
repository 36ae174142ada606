"""A provider that takes confirmations, and what a test of `confirm` asks of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from consumers.confirm.consumer import confirm
from consumers.confirm.settings import ConfirmSettings
from consumers.consumer import Consumer
from consumers.loop.origin import due_of
from consumers.loop.retries import retry_record
from providers.rest.errors import NotFoundError, RefusedError
from providers.roles import Confirmation, PartlyConfirmedError
from schemas.envelope import Delivered, read_event
from schemas.events import Event, InboundMessage
from schemas.records import StoredRecord
from schemas.topics import INBOUND, retry_topic
from tests.support.consumers import Bench, delivered, inbound


@dataclass
class Desk:
    """A provider that takes confirmations; `poison` ids it refuses, `troubles` it raises in turn."""

    batch_size: int = 100
    calls: list[list[str]] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)
    poison: set[str] = field(default_factory=set)
    troubles: list[Exception] = field(default_factory=list)
    closed: bool = False

    def confirmation(self, event: Event) -> Confirmation | None:
        """Want inbound messages confirmed."""
        if not isinstance(event, InboundMessage) or event.message_id is None:
            return None
        return Confirmation("reply", event.message_id)

    async def confirm(self, confirmations: Sequence[Confirmation]) -> None:
        """Take them, or refuse."""
        await asyncio.sleep(0)
        ids = [each.id for each in confirmations]
        assert 1 <= len(ids) <= self.batch_size
        self.calls.append(ids)
        if self.troubles:
            raise self.troubles.pop(0)
        if self.poison & set(ids):
            raise RefusedError(400, ())
        self.confirmed += ids

    async def close(self) -> None:
        """Note it."""
        self.closed = True


def consumer_of(
    bench: Bench, desk: Desk, max_age: float = 0.01, *, give_up_after: float = 86_400.0, **more: Desk
) -> Consumer:
    """Return the consumer for an account `main`, and more accounts by name."""
    settings = ConfirmSettings(max_age=max_age, give_up_after=give_up_after)
    return confirm(settings, {"main": desk, **more}, bench.metrics, lambda: bench.now)


def messages(count: int, account: str = "main") -> list[InboundMessage]:
    """Return messages of as many people."""
    return [inbound(n, key=f"+1555{n:07d}", account=account, message_id=f"{account}-{n}") for n in range(count)]


def waiting(bench: Bench) -> list[StoredRecord]:
    """Return what was put in the retry topic."""
    return bench.log.on(retry_topic(INBOUND, "confirm").name)


def pauses(bench: Bench) -> list[float]:
    """Return how many seconds each of them was to wait, in the order of their coming."""
    return [(due_of(record) - record.timestamp) / 1000 for record in waiting(bench)]


def put_off(bench: Bench, seconds_ago: float, event: Event) -> Delivered:
    """Return the event as it comes from the retry topic, where it was put so long ago."""
    first = delivered(event).record
    since = int((bench.now - seconds_ago) * 1000)
    place = bench.log.put(retry_record(first, retry_topic(INBOUND, "confirm"), attempt=0, due=since, reason="test"))
    return read_event(bench.log.records[place.partition][place.offset])


class Telling(Desk):
    """A desk that tells which ones it refuses, as they are gone."""

    async def confirm(self, confirmations: Sequence[Confirmation]) -> None:
        """Take all but those."""
        refused = {one: NotFoundError(404, ()) for one in confirmations if one.id in self.poison}
        self.calls.append([one.id for one in confirmations])
        self.confirmed += [one.id for one in confirmations if one not in refused]
        if refused:
            raise PartlyConfirmedError(refused)


class Never(Desk):
    """A desk that takes none, by one and the same refusal."""

    refusal = RefusedError(405, ())

    async def confirm(self, confirmations: Sequence[Confirmation]) -> None:
        """Refuse all."""
        raise PartlyConfirmedError(dict.fromkeys(confirmations, self.refusal))


class Slow(Desk):
    """A desk whose calls end when they are told to."""

    def __init__(self, batch_size: int) -> None:
        super().__init__(batch_size)
        self.go = asyncio.Event()
        self.most = self.under_way = 0

    async def confirm(self, confirmations: Sequence[Confirmation]) -> None:
        """Wait, then confirm."""
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self.go.wait()
        await super().confirm(confirmations)
        self.under_way -= 1
