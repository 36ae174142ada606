"""Real processes on a real folder: two race for what a third one left, and one takes over what a killed one wrote."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import orjson

from ingest.spool import Spool
from tests.support.spooling import OWNER, settings, webhook

ORPHANS = 4
EACH = 50

LOG_ELSEWHERE = """
import sys, structlog
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
"""

RACER = """
import asyncio, json, sys
from ingest.spool import Spool
from tests.support.spooling import drain, settings

async def main():
    spool = Spool(settings(sys.argv[1]))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await spool.start()
    folders = [folder.name for folder in spool._shelf.inherited]
    records, damaged = await drain(spool)
    ids = [record.webhook_id for record in records]
    print(json.dumps({"folders": folders, "ids": ids, "damaged": len(damaged)}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await spool.stop()

asyncio.run(main())
"""

HEIR = """
import asyncio, sys
from ingest.spool import Spool, spool as module
from tests.support.spooling import settings

async def main():
    module.ADOPT_EVERY = 0.02
    spool = Spool(settings(sys.argv[1]))
    await spool.start()
    print("ready", flush=True)
    while True:
        await spool.wait_for_records()
        batch = await spool.next_batch(100, 1 << 20)
        if batch is None:
            continue
        for record in batch.records:
            print(record.webhook_id, spool.gating, len(batch.damaged), flush=True)
        await spool.done(batch)
        if not spool.inherited and spool._shelf.head() is None:
            print("end", flush=True)

asyncio.run(main())
"""


async def process(code: str, root: Path) -> Process:
    """Start a process of its own on the spool."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", LOG_ELSEWHERE + code, str(root), stdin=PIPE, stdout=PIPE, env={**os.environ}
    )


async def line(child: Process) -> str:
    """Return the next line that it prints."""
    assert child.stdout is not None
    return (await child.stdout.readline()).decode().strip()


async def tell(child: Process) -> None:
    """Let it go on."""
    assert child.stdin is not None
    child.stdin.write(b"\n")
    await child.stdin.drain()


async def end(*children: Process) -> None:
    """End those that have not ended."""
    for child in children:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def orphans(root: Path) -> list[str]:
    """Leave folders of workers that ended; return all ids."""
    spools = [Spool(settings(root)) for _ in range(ORPHANS)]
    ids: list[str] = []
    for spool in spools:
        await spool.start()
    for number in range(ORPHANS * EACH):
        item = webhook(number)
        await spools[number % ORPHANS].add(item.id, item, 5)
        ids.append(item.id)
    for spool in spools:
        await spool.stop()
    return ids


async def test_two_processes_that_race_for_the_same_folders_share_them(tmp_path: Path) -> None:
    """Each folder is taken by exactly one, and every record comes out exactly once."""
    ids = await orphans(tmp_path / "spool")
    children = [await process(RACER, tmp_path / "spool") for _ in range(2)]
    try:
        assert [await line(child) for child in children] == ["ready", "ready"]
        await asyncio.gather(*map(tell, children))
        found = [orjson.loads(await line(child)) for child in children]
        await asyncio.gather(*map(tell, children))
        assert [await child.wait() for child in children] == [0, 0]
    finally:
        await end(*children)
    taken = [name for one in found for name in one["folders"]]
    assert len(taken) == len(set(taken)) == ORPHANS
    assert sorted(name for one in found for name in one["ids"]) == sorted(ids)
    assert [one["damaged"] for one in found] == [0, 0]
    assert await asyncio.to_thread(os.listdir, tmp_path / "spool") == []


async def test_what_a_killed_process_wrote_is_taken_over_by_the_one_beside_it(tmp_path: Path) -> None:
    """SIGKILL in the midst of writing: every id that was printed comes, once, and gates nothing."""
    heir = await process(HEIR, tmp_path / "spool")
    owner = await process(OWNER, tmp_path / "spool")
    try:
        assert await line(heir) == "ready"
        printed = [await line(owner) for _ in range(300)]
        owner.send_signal(signal.SIGKILL)
        while (more := await line(owner)) and len(more) == len(printed[0]):
            printed.append(more)
        found: list[list[str]] = []
        while (words := (await line(heir)).split()) != ["end"]:
            found.append(words)
    finally:
        await end(owner, heir)
    came = [name for name, _, _ in found]
    assert set(printed) <= set(came)
    assert len(came) == len(set(came))
    assert {(gating, damaged) for _, gating, damaged in found} == {("False", "0")}
