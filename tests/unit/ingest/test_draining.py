"""The drain: one batch at a time and the next one made ready meanwhile; the order of first copies, whatever fails."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from broker.log import LogUnavailableError, Position, RecordRefusedError
from ingest.draining import Drain, Tools
from ingest.gate import Gate
from ingest.metrics import IngestMetrics
from ingest.publisher import Prepared, Publisher, PublishOutcome
from ingest.spool.spool import Spool
from providers.contract import Settings
from schemas.events import Event
from schemas.records import Record
from schemas.times import from_millis
from schemas.topics import INBOUND, WEBHOOKS
from schemas.webhook import Webhook
from tests.support.faulty_files import FaultyFiles
from tests.support.receiver import MemoryLog, body_of, until
from tests.support.sample_provider import SAMPLE, endpoint, normalize
from tests.support.spooling import settings

MOST = 4


@dataclass
class PartedLog(MemoryLog):
    """As Kafka: of an append that fails, the beginning of each key's records is stored.

    `cuts` are said of one append after the other: how many records a key gets then, None for all.
    """

    cuts: list[int | None] = field(default_factory=list[int | None])
    seen: list[list[str]] = field(default_factory=list[list[str]])

    async def append(self, records: Sequence[Record], wait: float) -> Sequence[Position]:
        """Store what the next cut and the refusals leave."""
        self.seen.append([each.topic for each in records])
        self.appending += 1
        try:
            await self._behave(wait)
        finally:
            self.appending -= 1
        cut = self.cuts.pop(0) if self.cuts else None
        refused = self._take(records, cut)
        if cut is not None:
            raise LogUnavailableError("cut")
        if refused:
            raise RecordRefusedError("refused")
        return []

    def _take(self, records: Sequence[Record], cut: int | None) -> bool:
        taken: dict[bytes | None, int] = {}
        ended = set[bytes | None]()
        for record in records:
            if record.key in ended or self.refuses(record) or taken.get(record.key, 0) == cut:
                ended.add(record.key)
                continue
            taken[record.key] = taken.get(record.key, 0) + 1
            self.records.append(record)
        return any(map(self.refuses, records))


class Site:
    """A spool with webhooks in it, a log, and the drain between them. `made` are the webhooks that were normalized."""

    def __init__(self, log: MemoryLog) -> None:
        self.log = log
        self.spool = Spool(settings(segment_bytes=2000), files=FaultyFiles())
        self.made: list[str] = []
        self.cost = 0.0
        metrics = IngestMetrics(CollectorRegistry())
        provider = mock.Mock(wraps=SAMPLE, normalize=self._normalize)
        provider.name = SAMPLE.name
        accounts = {"main": endpoint(provider, SAMPLE.verifier(endpoint().account))}
        tools = Tools(log=log.log, publisher=Publisher(log.log, metrics), accounts=accounts, metrics=metrics)
        self.drain = Drain(self.spool, Gate(log.log, self.spool), tools)

    def _normalize(self, webhook: Webhook, wanted: Settings) -> tuple[Event, ...]:
        self.made.append(number_of(webhook.body))
        end = monotonic() + self.cost
        while monotonic() < end:
            pass
        return normalize(webhook, wanted)

    async def add(self, *bodies: bytes) -> None:
        """Spool webhooks."""
        for body in bodies:
            webhook = Webhook(
                provider="sample",
                account="main",
                method="POST",
                target="/webhooks/main",
                headers=(),
                body=body,
                received_at=from_millis(1),
            )
            await self.spool.add(webhook.id, webhook, 5)

    async def empty(self) -> None:
        """Drain to the end."""
        async with asyncio.timeout(20):
            while self.spool.own:
                await self.drain.turn()

    def stored(self, topic: str = INBOUND.name) -> list[str]:
        """Return the message ids of a topic as they stand in the log, copies too."""
        return [number_of(record.value or b"") for record in self.log.records if record.topic == topic]


def number_of(text: bytes) -> str:
    """Return the number of a webhook, from its body or from its event."""
    return text.partition(b'id":"m')[2].partition(b'"')[0].decode()


def bodies(*writers: int) -> list[bytes]:
    """Return a body for each, numbered; the same writer is the same conversation."""
    return [body_of(id=f"m{number}", **{"from": f"+1555010{writer}"}) for number, writer in enumerate(writers)]


@contextlib.asynccontextmanager
async def site(log: MemoryLog | None = None) -> AsyncGenerator[Site]:
    """Give a site with small batches and no pauses."""
    small: dict[str, Any] = {"MOST_RECORDS": MOST, "HOLD_AT": 1, "_FIRST_PAUSE": 0.0, "_LONGEST_PAUSE": 0.0}
    with mock.patch.multiple("ingest.draining", **small):
        found = Site(log or PartedLog())
        await found.spool.start()
        try:
            yield found
        finally:
            await found.drain.stop()
            await found.spool.stop()


async def test_the_next_batch_is_made_ready_while_the_log_has_one() -> None:
    """And one only: memory is bounded, and appends are one at a time."""
    log = PartedLog(gate=asyncio.Event())
    async with site(log) as at:
        await at.add(*bodies(*[0] * 12))
        turning = asyncio.create_task(at.drain.turn())
        await until(lambda: len(at.made) == 2 * MOST)
        assert (log.appending, len(log.seen), at.drain.drained) == (1, 1, 0)
        assert log.gate is not None
        log.gate.set()
        await turning
        await at.empty()
        assert at.stored() == [str(number) for number in range(12)]
        assert len(at.made) == 12


async def test_what_was_made_ready_does_not_overtake_a_batch_that_failed() -> None:
    """It is thrown away, and all begins at the first record again."""
    log = PartedLog(cuts=[0])
    async with site(log) as at:
        await at.add(*bodies(*[0] * 12))
        await at.empty()
        assert at.stored() == [str(number) for number in range(12)]


async def test_a_batch_that_fails_is_tried_in_smaller_ones_until_they_pass() -> None:
    """What does not pass in one piece may pass in two; and they grow again."""
    log = PartedLog(cuts=[0, 0])
    async with site(log) as at:
        await at.add(*bodies(*[0] * 12))
        await at.empty()
        webhooks = [topics.count(WEBHOOKS.name) for topics in log.seen]
        assert webhooks[:3] == [4, 2, 1]
        assert MOST in webhooks[3:]


async def test_live_traffic_has_its_turn_while_a_batch_is_made_ready() -> None:
    """Not only behind the whole batch: each of these normalizations takes longer than a slice."""
    async with site() as at:
        at.cost = 0.003
        await at.add(*bodies(*[0] * MOST))
        turning = asyncio.create_task(at.drain.turn())
        seen = set[int]()
        while not turning.done():
            seen.add(len(at.made))
            await asyncio.sleep(0)
        assert {1, 2, 3, 4} <= seen


async def test_the_end_leaves_no_task_and_no_record_behind() -> None:
    """What was read ahead stays in the spool for the next one."""
    log = PartedLog(gate=asyncio.Event())
    async with site(log) as at:
        await at.add(*bodies(*[0] * 12))
        at.drain.start()
        await until(lambda: len(at.made) == 2 * MOST)
        await at.drain.stop()
        assert not [task for task in asyncio.all_tasks() if "drain" in task.get_name()]
        assert at.spool.own == 12


@given(
    writers=st.lists(st.integers(0, 2), min_size=1, max_size=14),
    cuts=st.lists(st.none() | st.integers(0, 3), max_size=6),
    refused=st.frozensets(st.integers(0, 13), max_size=3),
    raw=st.booleans(),
)
async def test_first_copies_of_a_key_stand_in_order_whatever_fails_or_is_refused(
    writers: list[int], cuts: list[int | None], refused: frozenset[int], *, raw: bool
) -> None:
    """All that can be stored is stored, in the order in which it came."""
    topic = WEBHOOKS.name if raw else INBOUND.name

    def refuses(record: Record) -> bool:
        return record.topic == topic and int(number_of(record.value or b"") or -1) in refused

    async with site(PartedLog(refuses=refuses, cuts=list(cuts))) as at:
        await at.add(*bodies(*writers))
        await at.empty()
        first = list(dict.fromkeys(at.stored()))
        for writer in set(writers):
            wanted = [str(n) for n, own in enumerate(writers) if own == writer and n not in refused]
            assert [number for number in first if writers[int(number)] == writer and number in wanted] == wanted
        left = [str(n) for n in range(len(writers)) if not raw or n not in refused]
        assert sorted(set(at.stored(WEBHOOKS.name))) == sorted(left)


async def test_what_is_refused_costs_its_batch_two_copies_each_at_most() -> None:
    """Readers see duplicates, and no more of them than that."""
    log = PartedLog(refuses=lambda record: record.topic == WEBHOOKS.name and number_of(record.value or b"") == "2")
    async with site(log) as at:
        await at.add(*bodies(0, 1, 2, 3, 4, 5, 6, 7))
        await at.empty()
        stored = at.stored()
        assert max(map(stored.count, stored)) == 2
        assert stored.count("7") == 1
        assert at.spool.status().set_aside == 1


async def test_what_was_read_ahead_is_forgotten_where_a_fault_of_ours_ends_a_turn() -> None:
    """Else the batch behind would be done before the one that failed, which would be lost with it."""
    original, faults = Publisher.publish_all, [MemoryError()]

    async def publish_all(publisher: Publisher, prepared: Sequence[Prepared], wait: float) -> PublishOutcome:
        if faults:
            await until(lambda: len(found.made) == 2 * MOST)
            raise faults.pop()
        return await original(publisher, prepared, wait)

    async with site() as found:
        await found.add(*bodies(*[1] * (3 * MOST)))
        with mock.patch.object(Publisher, "publish_all", publish_all):
            found.drain.start()
            await until(lambda: not found.spool.own, 20)
        assert found.stored() == [str(number) for number in range(3 * MOST)]
