"""Webhooks for the spool's tests, and a spool drained to its end."""

from datetime import UTC, datetime

from ingest.settings import SpoolSettings
from ingest.spool import Spool
from ingest.spool.contract import Damaged, Spooled, SpoolUnavailableError
from schemas.webhook import Webhook

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
