"""Embedded logs for tests that are about the file itself, and a process that appends to one until it is killed."""

import asyncio
import contextlib
import os
import sqlite3
import sys
import threading
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import structlog

from broker.embedded import EmbeddedLog
from broker.settings import BrokerSettings, EmbeddedSettings
from schemas.records import Record
from schemas.times import Clock
from tests.support.logs import until

ROOT = Path(__file__).parents[2]


@contextlib.asynccontextmanager
async def opened(
    path: Path,
    *,
    ingesting: bool = False,
    clock: Clock = time.time,
    max_pages: int | None = None,
    limits: EmbeddedSettings | None = None,
) -> AsyncIterator[EmbeddedLog]:
    """Give a started log and stop it at the end."""
    settings = BrokerSettings(url=f"sqlite:///{path}", embedded=limits or EmbeddedSettings())
    log = EmbeddedLog(settings, ingesting=ingesting, clock=clock)
    log.store.max_pages = max_pages
    try:
        await log.start()
        yield log
    finally:
        await log.stop()


@contextlib.asynccontextmanager
async def appending_process(path: Path, tasks: int = 4) -> AsyncIterator[Process]:
    """Start a process that ingests, and prints a line for each append that was acknowledged."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.embedded",
        str(path),
        str(tasks),
        stdout=PIPE,
        cwd=ROOT,
        env=dict(os.environ),
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


@contextlib.asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Hold the file's lock as another process would."""
    held, done = threading.Event(), threading.Event()
    holder = asyncio.create_task(asyncio.to_thread(hold_lock, path, held, done))
    await until(held.is_set)
    try:
        yield
    finally:
        done.set()
        await holder


def hold_lock(path: Path, held: threading.Event, done: threading.Event) -> None:
    """Hold the file's lock until told, in a thread of its own."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        held.set()
        done.wait(20)
        connection.execute("ROLLBACK")
    finally:
        connection.close()


async def _append_for_ever(log: EmbeddedLog, task: int) -> None:
    number = 0
    while True:
        value = f"{task}-{number}"
        # Recent, so that the upkeep of this process leaves the records alone.
        now = int(time.time() * 1000)
        records = [Record("killed", value.encode(), (value + part).encode(), (), now) for part in "ab"]
        places = await log.append(records, 30)
        for record, place in zip(records, places, strict=True):
            words = (place.partition.number, place.offset, (record.value or b"").decode())
            print(*words, flush=True)  # noqa: T201 - the parent reads this
        number += 1


async def main(path: str, tasks: str) -> None:
    """Append until killed."""
    async with opened(Path(path), ingesting=True) as log:
        await asyncio.gather(*(_append_for_ever(log, task) for task in range(int(tasks))))


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main(*sys.argv[1:]))
