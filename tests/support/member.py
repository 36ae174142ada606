"""A member of a group in a process of its own, for tests that kill or freeze it.

It says `ready OFFSET` when it holds a record, waits for a line, then commits and says `committed` or `fenced`.
Called as `python -m tests.support.member URL PREFIX SESSION_TIMEOUT GROUP TOPIC`.
"""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import structlog

from broker.log import FencedError, Log, Partition
from broker.opening import open_log
from broker.settings import BrokerSettings, EmbeddedSettings, KafkaSettings

ROOT = Path(__file__).parents[2]


@contextlib.asynccontextmanager
async def member_process(settings: BrokerSettings, group: str, topic: str) -> AsyncIterator[Process]:
    """Start a member of the group, and kill it at the end whatever became of it."""
    words = [settings.url, settings.topic_prefix, str(settings.embedded.session_timeout), group, topic]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.member", *words, stdin=PIPE, stdout=PIPE, cwd=ROOT, env=dict(os.environ)
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        # A pipe left open would be reported as a leak.
        await process.communicate()


async def said(process: Process, word: str) -> None:
    """Wait for a line of the member that starts with the word."""
    assert process.stdout is not None
    async with asyncio.timeout(30):
        line = (await process.stdout.readline()).decode()
    assert line.startswith(word), line


async def _hold_and_commit(log: Log, group: str, topic: str) -> None:
    member = await log.subscribe(group, [topic])
    batch = await member.poll(1, 30)
    print(f"ready {batch[0].offset}", flush=True)  # noqa: T201 - the parent reads this
    await asyncio.to_thread(sys.stdin.readline)
    try:
        await member.commit({Partition(topic, batch[0].partition): batch[0].offset + 1})
    except FencedError:
        print("fenced", flush=True)  # noqa: T201 - the parent reads this
    else:
        print("committed", flush=True)  # noqa: T201 - the parent reads this


async def main(url: str, prefix: str, session_timeout: str, group: str, topic: str) -> None:
    """Open the log that the words name and be a member."""
    settings = BrokerSettings(
        url=url,
        topic_prefix=prefix,
        kafka=KafkaSettings(replication_factor=1, min_insync_replicas=1),
        embedded=EmbeddedSettings(session_timeout=float(session_timeout)),
    )
    log = open_log(settings, ingesting=False)
    await log.start()
    try:
        await _hold_and_commit(log, group, topic)
    finally:
        await log.stop()


if __name__ == "__main__":
    # The parent reads the standard output: what is logged goes elsewhere.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main(*sys.argv[1:]))
