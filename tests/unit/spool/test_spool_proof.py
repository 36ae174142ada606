"""How long ago the disk last proved itself: under every kind of traffic it is the truth that readiness reads."""

import asyncio
import errno
import time
from pathlib import Path

import pytest

from broker.log import LogState
from ingest.readiness import FRESH, Facts, Readiness, ReadinessReason, judge
from ingest.settings import SpoolSettings
from ingest.spool import Spool, writer
from ingest.spool.contract import SpoolStatus, SpoolUnavailableError
from tests.support.faulty_files import FaultyFiles
from tests.support.receiver import body_of, receiver, request_bytes
from tests.support.sample_provider import endpoint
from tests.support.spooling import drain, settings, webhook

STEP = 0.005


def synced(spool: Spool) -> float:
    """Return the monotonic time of the last sync that succeeded, to some milliseconds."""
    ago = spool.status().synced_ago
    assert ago is not None
    return time.monotonic() - ago


def verdict(status: SpoolStatus) -> Readiness:
    """Return what readiness says with the log away."""
    return judge(
        Facts(state=LogState.AWAY, settled=True, refused=False, wrong_clock=False, spool=status, alarm_age=float("inf"))
    )


async def started(files: FaultyFiles) -> Spool:
    """Start a spool on a disk in memory."""
    spool = Spool(settings(), files=files)
    await spool.start()
    return spool


async def test_steady_direct_traffic_leaves_the_spool_to_its_probes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is ever written to it, and it is proved all the same."""
    monkeypatch.setattr(writer, "PROBE_EVERY", 0.02)
    spool = Spool(SpoolSettings(dir=str(tmp_path)))
    async with receiver(None, [endpoint()], spool=spool) as bench:
        began = synced(spool)
        number = 0
        async with asyncio.timeout(20):
            while synced(spool) < began + 0.2:
                number += 1
                await bench.ask(request_bytes(body_of(id=f"m{number}")))
        assert bench.value("webhooks_total", account="main", outcome="stored") == number > 1


async def test_each_record_that_is_spooled_proves_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under steady traffic through the spool there is no need of a probe."""
    monkeypatch.setattr(writer, "PROBE_EVERY", 600.0)
    files = FaultyFiles()
    spool = await started(files)
    files.log.clear()
    for number in range(5):
        before = time.monotonic()
        item = webhook(number)
        await spool.add(item.id, item, 5)
        assert synced(spool) >= before - STEP
        await drain(spool)
    assert "create probe" not in files.log
    await spool.stop()


async def test_orders_that_write_nothing_do_not_put_the_probe_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread is never idle, and no byte is written."""
    monkeypatch.setattr(writer, "PROBE_EVERY", 0.05)
    spool = await started(FaultyFiles())
    began = synced(spool)
    async with asyncio.timeout(10):
        while synced(spool) < began + 0.05:
            assert spool._writer is not None
            spool._writer.retire(999, 0)
            await asyncio.sleep(STEP)
    await spool.stop()


@pytest.mark.parametrize("operation", ["create", "write", "sync", "sync_folder"])
async def test_where_steady_writes_fail_nothing_proves_the_disk(
    monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    """Neither they nor a probe between them: the last success grows old, and readiness says so."""
    monkeypatch.setattr(writer, "PROBE_EVERY", 0.03)
    files = FaultyFiles()
    spool = await started(files)
    files.fail(times=1_000_000, only=operation, code=errno.ENOSPC)
    await asyncio.sleep(STEP)
    before = synced(spool)
    for number in range(30):
        item = webhook(number)
        with pytest.raises(SpoolUnavailableError):
            await spool.add(item.id, item, 5)
        await asyncio.sleep(STEP)
    assert synced(spool) == pytest.approx(before, abs=STEP)
    files.heal()
    async with asyncio.timeout(10):
        while synced(spool) < before + 2 * STEP:  # noqa: ASYNC110 - the disk sets no event
            await asyncio.sleep(STEP)
    await spool.stop()


async def test_a_disk_that_hangs_in_a_probe_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The age grows while it hangs."""
    monkeypatch.setattr(writer, "PROBE_EVERY", 0.01)
    files = FaultyFiles()
    spool = await started(files)
    files.gate.clear()
    await asyncio.sleep(4 * STEP)
    before = synced(spool)
    await asyncio.sleep(10 * STEP)
    assert synced(spool) == pytest.approx(before, abs=STEP)
    files.gate.set()
    await spool.stop()


@pytest.mark.parametrize(("age", "ready"), [(0.0, True), (FRESH - 1, True), (FRESH + 1, False), (None, False)])
def test_readiness_with_the_log_away_is_as_fresh_as_the_proof(age: float | None, ready: bool) -> None:
    """Ten seconds, which are several probes."""
    status = SpoolStatus(
        own=1,
        inherited=0,
        gating=True,
        bytes=1,
        oldest_age=1.0,
        synced_ago=age,
        full=False,
        not_read=False,
        not_taken=0,
        set_aside=0,
    )
    found = verdict(status)
    assert (found.ready, found.reason) == (
        ready,
        ReadinessReason.LOG_AWAY if ready else ReadinessReason.SPOOL_FAILING,
    )
    assert writer.PROBE_EVERY * 3 < FRESH
