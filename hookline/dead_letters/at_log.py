"""The log as `hookline dlq` opens it: beside whatever runs, a member of no group."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager

from broker.log import Log, LogError, PlannedTopic, TopicChange, TopicSpec
from broker.opening import open_log
from consumers.dead_letters.places import Box
from hookline.called import command
from hookline.configuration.config import Config
from hookline.errors import CommandError
from hookline.topics import log_exists
from schemas.urls import sqlite_path

_START_WAIT = 30.0
_STOP_WAIT = 10.0
_VERDICT = 5.0
_WAIT = 20.0


@asynccontextmanager
async def opened(config: Config) -> AsyncGenerator[Log]:
    """Give the open log. Raises CommandError where it is not there or does not answer, also later."""
    if not await asyncio.to_thread(log_exists, config.broker):
        raise CommandError(f"there is no log at {config.broker.url} yet; `{await called('run')}` makes it")
    log = open_log(config.broker, ingesting=False)
    try:
        async with asyncio.timeout(_START_WAIT):
            await log.start()
            await log.settled(_VERDICT)
        yield log
    except (LogError, TimeoutError) as error:
        why = str(error) or "no answer in time"
        advice = f"`{await called('doctor')}` says more"
        raise CommandError(f"the log at {config.broker.url} does not answer: {why}; {advice}") from error
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_WAIT):
                await log.stop()


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
