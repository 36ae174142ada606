"""Webhooks for the spool's tests, and a spool drained to its end."""

from datetime import UTC, datetime

from ingest.settings import SpoolSettings
from ingest.spool import Spool
from ingest.spool.contract import Damaged, Spooled, SpoolUnavailableError
from schemas.webhook import Webhook
from tests.support.faulty_files import Disk, FaultyFiles

RECEIVED = datetime(2026, 1, 1, tzinfo=UTC)


def webhook(number: int, body: bytes = b"") -> Webhook:
    """Return a webhook of its own id."""
    return Webhook(
        provider="telnyx",
        account="main",
        method="POST",
        target="/webhooks/main?a=%C3",
        headers=(("content-type", "application/json"), ("x-odd", "\udcff"), ("x-odd", "two")),
        body=b'{"n":%d}' % number + body,
        received_at=RECEIVED,
    )


def settings(path: object = "/spool", **changes: int) -> SpoolSettings:
    """Return settings with small segments."""
    return SpoolSettings(dir=str(path), **({"segment_bytes": 1500} | changes))


async def drain(spool: Spool, most_records: int = 3) -> tuple[list[Spooled], list[Damaged]]:
    """Read and remove all that can be read."""
    records: list[Spooled] = []
    damaged: list[Damaged] = []
    while (batch := await spool.next_batch(most_records, 1 << 20)) is not None:
        records += batch.records
        damaged += batch.damaged
        await spool.done(batch)
    return records, damaged


class Watch:
    """Monotonic time that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


async def drain_in_time(
    spool: Spool, watch: Watch, step: float = 2.0, tries: int = 1000
) -> tuple[list[Spooled], list[Damaged]]:
    """Drain, and let time go by where the disk cannot read yet, so many times at most."""
    records: list[Spooled] = []
    damaged: list[Damaged] = []
    for _ in range(tries):
        try:
            batch = await spool.next_batch(3, 1 << 20)
        except SpoolUnavailableError:
            watch.now += step
            continue
        if batch is None:
            return records, damaged
        records += batch.records
        damaged += batch.damaged
        await spool.done(batch)
    raise AssertionError("it never ends")


async def started(disk: Disk, files: FaultyFiles | None = None) -> tuple[Spool, FaultyFiles]:
    """Start a spool as a process of its own."""
    files = files or FaultyFiles(disk)
    spool = Spool(settings(), files=files)
    await spool.start()
    return spool, files


async def add(spool: Spool, *numbers: int) -> list[str]:
    """Add some, one after the other, and return their ids."""
    items = [webhook(number) for number in numbers]
    for item in items:
        await spool.add(item.id, item, 5)
    return [item.id for item in items]


async def killed(disk: Disk, *numbers: int) -> list[str]:
    """Leave a folder of a worker that was killed."""
    spool, files = await started(disk)
    ids = await add(spool, *numbers)
    files.die()
    await spool.stop()
    return ids


OWNER = """
import asyncio, sys
from ingest.spool import Spool
from tests.support.spooling import settings, webhook

async def main():
    spool = Spool(settings(sys.argv[1], segment_bytes=20000))
    await spool.start()
    async def lane(start):
        for number in range(start, 1_000_000, 8):
            item = webhook(number)
            await spool.add(item.id, item, 5)
            print(item.id, flush=True)
    await asyncio.gather(*[lane(start) for start in range(8)])

asyncio.run(main())
"""
"""A process that adds to the spool in its argument for ever, and prints each id that is durable."""
