"""What was acknowledged survives SIGKILL, and other processes work beside the one that ingests."""

import asyncio
import time
from asyncio.subprocess import Process
from pathlib import Path

import pytest

from broker.log import LogError, Partition
from tests.support.embedded import appending_process, opened
from tests.support.logs import PATIENCE, collect, read_all, record, until


async def lines_of(process: Process, count: int) -> list[tuple[int, int, bytes]]:
    """Return the first acknowledgements that the process printed."""
    assert process.stdout is not None
    found: list[tuple[int, int, bytes]] = []
    async with asyncio.timeout(PATIENCE):
        while len(found) < count:
            number, offset, value = (await process.stdout.readline()).decode().split()
            found.append((int(number), int(offset), value.encode()))
    return found


async def rest_of(process: Process) -> list[tuple[int, int, bytes]]:
    """Return the acknowledgements that were still in the pipe, without a line that the kill cut off."""
    assert process.stdout is not None
    whole = (await process.stdout.read()).rpartition(b"\n")[0].decode().splitlines()
    words = [line.split() for line in whole]
    return [(int(number), int(offset), value.encode()) for number, offset, value in words]


@pytest.mark.parametrize("acknowledged", [1, 60, 400])
async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, acknowledged: int) -> None:
    """After SIGKILL every acknowledged record is at its place, offsets are dense and every append is whole."""
    path = tmp_path / "killed.db"
    async with appending_process(path) as process:
        promised = await lines_of(process, acknowledged)
        process.kill()
        promised += await rest_of(process)
    async with opened(path) as log:
        found = {(s.partition, s.offset): s.value for s in await read_all(log, "killed")}
        ends = [(await log.bounds(partition)).end for partition in await log.partitions("killed")]
    assert {(number, offset): value for number, offset, value in promised}.items() <= found.items()
    assert sorted(found) == [(number, offset) for number, end in enumerate(ends) for offset in range(end)]
    values = {value for value in found.values() if value}
    assert {value[:-1] for value in values if value.endswith(b"a")} == {v[:-1] for v in values if v.endswith(b"b")}


async def test_the_place_for_ingest_is_free_after_a_kill(tmp_path: Path) -> None:
    """The kernel gives the lock back, so that a restart needs no cleaning up."""
    path = tmp_path / "killed.db"
    async with appending_process(path) as process:
        await lines_of(process, 1)
        with pytest.raises(LogError, match="another process already ingests"):
            async with opened(path, ingesting=True):
                pass
        process.kill()
        await process.wait()
        async with opened(path, ingesting=True) as log:
            await log.append([record("killed")], PATIENCE)


async def test_a_group_reads_while_another_process_ingests(tmp_path: Path) -> None:
    """A member here gets what a busy process there appends, and commits beside it."""
    path = tmp_path / "shared.db"
    async with appending_process(path) as process:
        await lines_of(process, 1)
        async with opened(path) as log:
            member = await log.subscribe("readers", ["killed"])
            found = await collect(member, 500)
            last = found[-1]
            await member.commit({Partition("killed", last.partition): last.offset + 1})
            assert await log.committed("readers", Partition("killed", last.partition)) == last.offset + 1


async def test_a_busy_process_does_not_starve_another_writer(tmp_path: Path) -> None:
    """While one process appends as fast as it can, each append of another one is through in well under a second."""
    path = tmp_path / "shared.db"
    async with appending_process(path, tasks=50) as process:
        drain = asyncio.create_task(rest_of(process))
        async with opened(path) as log:
            await until(lambda: _has_records(log.store.path))
            slowest = 0.0
            for _ in range(20):
                began = time.monotonic()
                await log.append([record("other")], 5)
                slowest = max(slowest, time.monotonic() - began)
        process.kill()
        assert len(await drain) > 100
    assert slowest < 2.5


def _has_records(path: Path) -> bool:
    return path.with_name(path.name + "-wal").stat().st_size > 100_000
