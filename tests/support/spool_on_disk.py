"""A spool on a real disk beside a configuration, for the tests of `hookline spool`."""

import asyncio
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from ingest.settings import SpoolSettings
from ingest.spool.spool import Spool
from schemas.webhook import Webhook
from tests.support.front import BODY, Desk, hookline

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def webhook(number: int, account: str = "main") -> Webhook:
    """Return a webhook of that account."""
    return Webhook(
        provider="telnyx",
        account=account,
        method="POST",
        target=f"/webhooks/{account}",
        headers=(("content-type", "application/json"),),
        body=BODY.replace(b'"m1"', b'"m%d"' % number),
        received_at=NOON,
    )


async def fill(settings: SpoolSettings, count: int, account: str = "main") -> Spool:
    """Let a worker spool so many webhooks; it still runs."""
    spool = Spool(settings)
    await spool.start()
    for number in range(count):
        one = webhook(number, account)
        await spool.add(one.id, one, 10.0)
    return spool


def orphan(settings: SpoolSettings, count: int = 3, account: str = "main") -> Path:
    """Leave so many webhooks behind, and return the newest segment."""

    async def work() -> None:
        await (await fill(settings, count, account)).stop()

    asyncio.run(work())
    return max(Path(settings.dir).glob("w-*/*.seg"), key=lambda path: path.stat().st_mtime_ns)


def spool_command(desk: Desk, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Run `hookline spool` in the folder."""
    return hookline("spool", *words, cwd=desk.folder)
