"""What a test of a consumer on a real Kafka begins with: a log with our topics, and an empty state."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from broker.kafka import KafkaLog
from consumers.state.database import Database
from hookline.topics import wanted_topics
from tests.support.kafka import kafka_logs


@asynccontextmanager
async def log_with_topics() -> AsyncIterator[KafkaLog]:
    """Give a log with our topics."""
    async with kafka_logs() as factory:
        opened = await factory.open()
        await opened.apply_topics(await opened.plan_topics(wanted_topics()))
        yield opened


async def fresh(path: Path) -> Database:
    """Return an open, empty state."""
    database = Database(f"sqlite:///{path}")
    await database.open()
    return database
