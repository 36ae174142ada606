"""Power cuts and kills at every file operation, on a disk in memory and on a real one."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from random import Random

import pytest

from ingest.spool import Spool
from ingest.spool.contract import SpoolError
from tests.support.faulty_files import Disk, FaultyFiles
from tests.support.spooling import OWNER, drain, settings, webhook


async def scenario(files: FaultyFiles, acknowledged: dict[str, bytes], drained: set[str]) -> None:
    """Add, roll segments, drain some, add again, drain all, add, stop; note what was promised."""
    spool = Spool(settings(), files=files)

    async def add(number: int) -> None:
        item = webhook(number)
        await spool.add(item.id, item, 5)
        acknowledged[item.id] = item.body

    try:
        await spool.start()
        await asyncio.gather(*[add(number) for number in range(3)])
        await add(3)
        await add(4)
        await add(5)
        while (batch := await spool.next_batch(3, 1 << 20)) is not None:
            drained.update(record.webhook_id for record in batch.records)
            await spool.done(batch)
        await add(6)
    except SpoolError:
        pass
    finally:
        await spool.stop()


async def with_an_orphan(acknowledged: dict[str, bytes]) -> FaultyFiles:
    """Return files where a process died that had acknowledged two webhooks, with a third that is damaged."""
    files = FaultyFiles()
    spool = Spool(settings(), files=files)
    await spool.start()
    for number in (100, 101, 102):
        item = webhook(number)
        await spool.add(item.id, item, 5)
        acknowledged[item.id] = item.body
    files.die()
    await spool.stop()
    file = files.disk.segments()[0][1]
    flipped = bytearray(file.data)
    flipped[-1] ^= 1
    file.data = file.durable = bytes(flipped)
    del acknowledged[webhook(102).id]
    return FaultyFiles(files.disk)


async def rest_of(disk: Disk) -> dict[str, bytes]:
    """Return what a new process drains from the disk."""
    spool = Spool(settings(), files=FaultyFiles(disk))
    await spool.start()
    records, _ = await drain(spool)
    assert not spool.gating
    await spool.stop()
    return {record.webhook_id: record.webhook.body for record in records}


def kept_bytes(disk: Disk) -> list[tuple[Path, object]]:
    """Return the files of `damaged/`."""
    return [(path, file) for path, file in disk.files() if path.parent.name == "damaged" and file.durable]


async def operations() -> int:
    """Return how many file operations the scenario has."""
    files = await with_an_orphan({})
    await scenario(files, {}, set())
    return len(files.log)


@pytest.mark.parametrize("keep", [0.0, 0.5, 1.0])
async def test_a_power_cut_after_every_file_operation_loses_nothing(keep: float) -> None:
    """What was acknowledged is drained or still there, wherever the power goes."""
    total = await operations()
    assert total > 50
    for lives in range(total + 1):
        acknowledged, drained = dict[str, bytes](), set[str]()
        files = await with_an_orphan(acknowledged)
        files.dies_after = lives
        await scenario(files, acknowledged, drained)
        files.die()
        files.disk.cut(Random(lives), keep)
        rest = await rest_of(files.disk)
        assert any(path.name.startswith("w-") for path, _ in kept_bytes(files.disk)), "the damaged bytes are kept"
        missing = acknowledged.keys() - drained - rest.keys()
        assert not missing, f"after {lives} operations, the last {files.log[-3:]}"
        assert all(rest[one] == acknowledged[one] for one in rest.keys() & acknowledged.keys())


async def test_a_process_killed_after_every_file_operation_loses_nothing() -> None:
    """The same without a power cut: the page cache survives, the locks do not."""
    for lives in range(await operations() + 1):
        acknowledged, drained = dict[str, bytes](), set[str]()
        files = await with_an_orphan(acknowledged)
        files.dies_after = lives
        await scenario(files, acknowledged, drained)
        files.die()
        assert not acknowledged.keys() - drained - (await rest_of(files.disk)).keys(), files.log[-3:]


async def test_a_real_process_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    """SIGKILL on a real disk: every id that was printed is drained by the next process."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, str(tmp_path / "spool"), stdout=asyncio.subprocess.PIPE, env={**os.environ}
    )
    assert child.stdout is not None
    printed = [(await child.stdout.readline()).decode().strip() for _ in range(300)]
    child.send_signal(signal.SIGKILL)
    printed += [
        line.decode().strip() for line in (await child.stdout.read()).splitlines(keepends=True) if line[-1:] == b"\n"
    ]
    await child.wait()
    spool = Spool(settings(tmp_path / "spool"))
    await spool.start()
    assert spool.inherited >= len(printed)
    records, damaged = await drain(spool, 100)
    await spool.stop()
    assert set(printed) <= {record.webhook_id for record in records}
    assert damaged == []
