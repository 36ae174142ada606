"""The spool's disk: full, and with bytes that turned over."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncGenerator
from pathlib import Path

from deploy.faults.bench import Bench
from deploy.faults.damage import damage
from deploy.faults.scenarios.scenario import NotHereError, Scenario

_SMALL = 4 << 20
# The longest pause of a simulated cloud between two attempts, and some more.
_REST = 20.0


async def disk_full(bench: Bench) -> None:
    """Let the spool's disk run full while Kafka is away."""
    async with _small_disk(bench.folder / "small"):
        await _change_spool(bench, bench.folder / "small" / "spool")
        try:
            await asyncio.sleep(1)
            with bench.kafka_hung():
                await asyncio.sleep(12)
            if not _told_to_come_again(bench):
                bench.faults.append("the disk did not run full: no webhook was told to come again")
            bench.faults += (await bench.recovered()).trouble
        finally:
            await _change_spool(bench, bench.folder / "spool")


async def _change_spool(bench: Bench, spool: Path) -> None:
    """Start the receiver with another spool when nothing waits in the one it has: that would come too late, or never.

    No operator takes a disk away under a receiver that stores on it.
    """
    with bench.sending.pausing():
        await bench.sending.settle(_REST)
        bench.faults += await bench.recovered_last()
        await bench.receiver.restart(spool=spool)
        bench.target.forget_connections()
        await bench.wait_until_ready()


def _told_to_come_again(bench: Bench) -> int:
    words = bench.sending.of(bench.sending.scenario).words
    return sum(count for word, count in words.items() if word.isdigit() and int(word) >= 500)


@contextlib.asynccontextmanager
async def _small_disk(folder: Path) -> AsyncGenerator[None]:
    """Mount a disk of a few MiB. Raises NotHereError where that is not allowed."""
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    mounted = await _run("mount", "-t", "tmpfs", "-o", f"size={_SMALL}", "tmpfs", str(folder))
    if mounted:
        raise NotHereError("no small disk can be mounted: not run as root")
    try:
        yield
    finally:
        await _run("umount", "--lazy", str(folder))


async def _run(*command: str) -> int:
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False, timeout=20)
    return done.returncode


async def damaged_spool(bench: Bench) -> None:
    """Turn bytes over in the spool of a killed receiver: each record that is lost must be reported by its id."""
    with bench.kafka_hung():
        await asyncio.sleep(5)
        await bench.receiver.kill()
        bench.target.forget_connections()
        broken = await asyncio.to_thread(damage, bench.receiver.setup.spool, bench.random)
        bench.broken += broken
        bench.notes.append(f"{len(broken)} records of the spool damaged")
        if not broken:
            bench.faults.append("there was nothing in the spool to damage")
        await bench.receiver.start()


SCENARIOS = (
    Scenario("disk-full", "the spool's disk, a tmpfs of 4 MiB, runs full while Kafka hangs", disk_full),
    Scenario("spool-damaged", "bytes of the spool are turned over while the receiver is dead", damaged_spool),
)
