"""Webhooks for the spool's tests, and a spool drained to its end."""

from datetime import UTC, datetime

from ingest.settings import SpoolSettings
from ingest.spool import Spool
from ingest.spool.contract import Damaged, Spooled
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
