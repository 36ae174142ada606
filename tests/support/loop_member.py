"""A consumer of inbound messages that notes in a file what it has handled, also in a process of its own to be killed.

Called as `python -m tests.support.loop_member URL PREFIX FILE`; it runs until it is killed.
"""

import asyncio
import contextlib
import os
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from pathlib import Path

from prometheus_client import CollectorRegistry

from broker.log import Log
from broker.opening import open_log
from broker.settings import BrokerSettings, KafkaSettings
from consumers.consumer import Consumer
from consumers.loop.run import ConsumeLoop
from consumers.loop.settings import RetrySettings
from consumers.metrics import ConsumerMetrics
from consumers.settings import ConsumersSettings
from schemas.envelope import Delivered
from schemas.topics import INBOUND

ROOT = Path(__file__).parents[2]
SETTINGS = ConsumersSettings(attempts=1, retry=RetrySettings(delays=(0.5, 1.0, 1.0)))
FAILS_EVERY = 13


def note_in(file: Path) -> Consumer:
    """Return a consumer that appends the id of each event that it has handled.

    Every 13th event fails until it comes through the retry topic.
    """

    async def handle(event: Delivered) -> None:
        if int(event.envelope.id.removeprefix("event-")) % FAILS_EVERY == 0 and event.record.topic == INBOUND.name:
            raise ValueError("not yet")
        await asyncio.to_thread(_append, file, event.envelope.id)

    return Consumer("noting", (INBOUND,), handle, has_effects=True)


def _append(file: Path, line: str) -> None:
    # One write at the end of the file: lines of several processes do not mix.
    at = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(at, f"{line}\n".encode())
    finally:
        os.close(at)


def loop_on(log: Log, file: Path) -> ConsumeLoop:
    """Return a loop of such a consumer."""
    return ConsumeLoop(log, note_in(file), SETTINGS, ConsumerMetrics(CollectorRegistry()), time.time)


@contextlib.asynccontextmanager
async def loop_process(settings: BrokerSettings, file: Path) -> AsyncIterator[Process]:
    """Run a member in a process of its own, and kill it at the end whatever became of it."""
    words = [settings.url, settings.topic_prefix, str(file)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.loop_member", *words, stdout=DEVNULL, stderr=DEVNULL, cwd=ROOT
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def main(url: str, prefix: str, file: str) -> None:
    """Be a member until killed."""
    kafka = KafkaSettings(replication_factor=1, min_insync_replicas=1)
    log = open_log(BrokerSettings(url=url, topic_prefix=prefix, kafka=kafka), ingesting=False)
    await log.start()
    try:
        await loop_on(log, Path(file)).run()
    finally:
        await log.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
