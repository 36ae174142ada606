"""Consent on a real Kafka: statements, the topic that agrees with the table, and the end of a person."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from broker.kafka import KafkaLog
from consumers.consent.book import ConsentBook
from consumers.consent.consumer import consent
from consumers.consent.publishing import Decision, Owner, by_company
from consumers.consent.rebuild import rebuild
from consumers.consent.settings import ConsentSettings
from consumers.forgetting.keys import keys_of
from consumers.forgetting.person import InState, Person, tombstones
from consumers.forgetting.rows import forget
from consumers.loop.run import ConsumeLoop
from consumers.metrics import ConsumerMetrics
from consumers.settings import ConsumersSettings
from schemas.envelope import event_to_record
from schemas.topics import CONSENT
from schemas.vocabulary import Consent
from tests.support.consumers import NOW, PERSON
from tests.support.kafka_contract import fresh, log_with_topics
from tests.support.logs import PATIENCE, until

pytestmark = pytest.mark.kafka
OURS = Decision(account="main", owner=Owner("telnyx", "acme"), scope="account", consent=Consent.OPTED_OUT)


@pytest.fixture
async def log() -> AsyncIterator[KafkaLog]:
    """Give a log with our topics."""
    async with log_with_topics() as opened:
        yield opened


async def test_topic_and_table_agree_and_forget_together(log: KafkaLog, tmp_path: Path) -> None:
    """A late statement is followed by the one that counts; behind tombstones a rebuild finds nobody."""
    database = await fresh(tmp_path / "state.db")
    book, metrics = ConsentBook(database), ConsumerMetrics(CollectorRegistry())
    handler = consent(ConsentSettings(), log, book, {}, metrics)
    loop = ConsumeLoop(log, handler, ConsumersSettings(), metrics, NOW.timestamp)
    task = asyncio.create_task(loop.run())
    opt_in = by_company(
        Decision(account="main", owner=OURS.owner, scope="account", consent=Consent.OPTED_IN), PERSON, NOW
    )
    for event in (opt_in, by_company(OURS, PERSON, NOW - timedelta(hours=1))):
        await log.append([event_to_record(event)], PATIENCE)

    async def told_again() -> bool:
        return sum([(await log.bounds(each)).end for each in await log.partitions(CONSENT.name)]) == 3

    await until(told_again)
    loop.stop()
    await task
    other = await fresh(tmp_path / "other.db")
    await rebuild(log, ConsentBook(other))
    assert await ConsentBook(other).counting(PERSON) == await book.counting(PERSON)
    found = await keys_of(log, Person(PERSON), InState(rows={}))
    await log.append(tombstones(found.found, 1), PATIENCE)
    for each in (database, other):
        await each.run(lambda connection: forget(connection, Person(PERSON), NOW.timestamp()))
    await rebuild(log, ConsentBook(other))
    assert await ConsentBook(other).history(PERSON) == []
    await other.close()
    await database.close()
