"""What `hookline dlq` needs of the log: the retry topics."""

import asyncio
from collections.abc import Iterable, Sequence

from broker.log import Log, PlannedTopic, TopicChange, TopicSpec
from consumers.dead_letters.places import Box
from hookline.called import command
from hookline.configuration.config import Config
from hookline.errors import CommandError
from schemas.urls import sqlite_path

_WAIT = 20.0


async def called(*words: str) -> str:
    """Return a command line of ours; to find our own name the disk is asked."""
    return await asyncio.to_thread(command, *words)


async def make_retry_topics(config: Config, log: Log, boxes: Iterable[Box]) -> None:
    """See to it that there are the retry topics of the boxes. Raises LogError, and CommandError where one is missing.

    The embedded log gets them here. On Kafka topics are an operator's: a group without one does not read it either.
    """
    plan = [line for line in await _planned(log, boxes) if line.change is TopicChange.CREATE]
    if not plan:
        return
    if sqlite_path(config.broker.url) is None:
        names = ", ".join(line.spec.name for line in plan)
        advice = f"`{await called('topics', 'apply')}` makes those of our own consumers; then run this again"
        raise CommandError(f"there is no topic {names}, so nothing was redriven; {advice}")
    async with asyncio.timeout(_WAIT):
        await log.apply_topics(plan)


async def _planned(log: Log, boxes: Iterable[Box]) -> Sequence[PlannedTopic]:
    specs = [await _spec(log, box) for box in sorted(set(boxes), key=lambda box: box.retries.name)]
    async with asyncio.timeout(_WAIT):
        return await log.plan_topics(specs)


async def _spec(log: Log, box: Box) -> TopicSpec:
    """Return what the retry topic should be: with as many partitions as the letters have."""
    async with asyncio.timeout(_WAIT):
        partitions = await log.partitions(box.letters.name)
    topic = box.retries
    return TopicSpec(
        topic.name, len(partitions), retention_ms=topic.retention_ms, max_message_bytes=topic.max_message_bytes
    )
