"""Track on a real Kafka: news in any order, and a compacted topic and a table that agree, also after a rebuild."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from broker.kafka import KafkaLog
from consumers.loop.run import ConsumeLoop
from consumers.metrics import ConsumerMetrics, TrackOutcome
from consumers.settings import ConsumersSettings
from consumers.track.consumer import Tracker, track
from consumers.track.rebuilding import rebuild_states
from consumers.track.settings import TrackSettings
from schemas.envelope import event_to_record
from schemas.events import Event
from schemas.topics import STATES
from tests.support.kafka_contract import fresh, log_with_topics
from tests.support.logs import PATIENCE, read_all, until
from tests.support.tracking import NOW, OTHER, PERSON, news, request_news, rows_in, rows_said, statuses, taken

pytestmark = pytest.mark.kafka
MESSAGES = [f"m{number}" for number in range(20)]
TO_PERSON, TO_OTHER = ("queued", "sent", "delivered", "read"), ("sent", "failed")


@pytest.fixture
async def log() -> AsyncIterator[KafkaLog]:
    """Give a log with our topics."""
    async with log_with_topics() as opened:
        yield opened


def lives() -> list[Event]:
    """Return the news of all messages, each twice, in no order, and those of a request that was rejected."""
    told: list[Event] = [taken("r1"), request_news("rejected")]
    for message in MESSAGES:
        told.append(taken(message))
        told += (news(word, at, message=message) for at, word in enumerate(TO_PERSON))
        told += (news(word, at, message=message, to=OTHER) for at, word in enumerate(TO_OTHER))
    return Random(3).sample(told * 2, 2 * len(told))


def tracked(registry: CollectorRegistry) -> float:
    """Return how many events were noted."""
    counted = (registry.get_sample_value("hookline_consumer_tracked_total", {"outcome": word}) for word in TrackOutcome)
    return sum(found or 0.0 for found in counted)


async def test_topic_and_table_agree_and_a_new_table_says_the_same(log: KafkaLog, tmp_path: Path) -> None:
    """Every column of every row, whatever came last."""
    database, registry = await fresh(tmp_path / "state.db"), CollectorRegistry()
    metrics = ConsumerMetrics(registry)
    tracker = Tracker(TrackSettings(batch=7), database, log, metrics)
    loop = ConsumeLoop(log, track(tracker), ConsumersSettings(), metrics, NOW.timestamp)
    task = asyncio.create_task(loop.run())
    events = lives()
    await log.append([event_to_record(event) for event in events], PATIENCE)
    await until(lambda: tracked(registry) == len(events))
    loop.stop()
    await task
    await tracker.close()
    rows = await rows_in(database)
    expected = {(one, PERSON): "read" for one in MESSAGES} | {(one, OTHER): "failed" for one in MESSAGES}
    assert statuses(rows) == expected | {("r1", PERSON): "queued", ("r1", ""): "rejected"}
    other = await fresh(tmp_path / "other.db")
    await rebuild_states(log, Tracker(TrackSettings(), other, log, metrics), lambda _rebuilt: None)
    assert rows_said(await read_all(log, STATES.name)) == rows == await rows_in(other)
    for each in (database, other):
        await each.close()
