"""The spool against a model, on a disk that fails, fills, flips bytes, loses power and kills processes."""

import asyncio
import errno
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ingest.spool import Spool
from ingest.spool.contract import Batch, SpoolError
from ingest.spool.frame import Found, Scanner, seal_of
from ingest.spool.sectors import Patience
from tests.support.faulty_files import Disk, FaultyFiles, File
from tests.support.spooling import Watch, webhook
from tests.support.spooling import settings as small

SIZES = st.integers(0, 1200)
BLOCK = 128


class SpoolModel(RuleBasedStateMachine):
    """`promised` is what was acknowledged and must come back.

    `damaged` has the records of which a byte was flipped, or stands in a block that was dead once, with their places.
    """

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.disk = Disk()
        self.number = 0
        self.promised: dict[str, bytes] = {}
        self.possible: dict[str, bytes] = {}
        self.damaged: dict[str, tuple[str, int, int]] = {}
        self.rotting: list[File] = []
        self.watch = Watch()
        self.named: set[str] = set()
        self.places: list[tuple[str, int, int, int]] = []
        self._open()

    def _open(self) -> None:
        self.disk.capacity = None
        self.files = FaultyFiles(self.disk)
        self.spool = Spool(small(), files=self.files, patience=Patience(block=BLOCK, most=8, monotonic=self.watch))
        self._run(self.spool.start())

    def _run(self, work: Any) -> Any:
        return self.runner.run(work)

    @rule(sizes=st.lists(SIZES, min_size=1, max_size=5))
    def add(self, sizes: list[int]) -> None:
        """Add some at once; what returns without an error is a promise."""
        self._run(self._add_all(sizes))

    async def _add_all(self, sizes: list[int]) -> None:
        await asyncio.gather(*[self._add(size) for size in sizes])

    async def _add(self, size: int) -> None:
        self.number += 1
        item = webhook(self.number, b"\xd7HK\x01" * (size // 4))
        self.possible[item.id] = item.body
        try:
            await self.spool.add(item.id, item, 5)
        except SpoolError:
            return
        self.promised[item.id] = item.body

    @rule(nth=st.integers(1, 6), times=st.integers(1, 4), code=st.sampled_from([errno.EIO, errno.ENOSPC]))
    def fail(self, nth: int, times: int, code: int) -> None:
        """Let an operation soon fail."""
        self.files.fail(nth, times, code=code)

    @rule(room=st.integers(0, 2000))
    def fill(self, room: int) -> None:
        """Leave little room on the disk."""
        self.disk.capacity = self.disk.used + room

    @rule()
    def make_room(self) -> None:
        """Give the room back."""
        self.disk.capacity = None

    @rule(batches=st.integers(1, 3), records=st.integers(1, 4))
    def drain(self, batches: int, records: int) -> None:
        """Publish some."""
        self._run(self._drain(batches, records))

    async def _drain(self, batches: int, records: int) -> None:
        for _ in range(batches):
            try:
                batch = await self.spool.next_batch(records, 1 << 20)
            except SpoolError:
                # Each try is a second behind the last: a sector is dead, or comes to life in the meantime.
                self.watch.now += 1
                continue
            if batch is None:
                return
            self._check(batch)
            await self.spool.done(batch)

    def _check(self, batch: Batch) -> None:
        for record in batch.records:
            assert record.webhook.body == self.possible[record.webhook_id]
            self.promised.pop(record.webhook_id, None)
        for damaged in batch.damaged:
            place = damaged.place
            self.places.append((place.worker, place.segment, place.offset, place.offset + damaged.length))
            if damaged.webhook_id is not None:
                self.named.add(damaged.webhook_id)

    @rule()
    def kill(self) -> None:
        """Kill the process and start another."""
        self._end()
        self._open()

    @rule(seed=st.integers(0, 1 << 16), keep=st.sampled_from([0.0, 0.5, 1.0]))
    def cut(self, seed: int, keep: float) -> None:
        """Cut the power and start again."""
        self._end()
        self.disk.cut(Random(seed), keep)
        self._open()

    @rule()
    def restart(self) -> None:
        """Stop in good order and start again."""
        self.files.heal()
        self._run(self.spool.stop())
        self._open()

    @rule(seed=st.integers(0, 1 << 16))
    def flip(self, seed: int) -> None:
        """Flip a bit of a byte that is durable; note which record it was part of."""
        random = Random(seed)
        with self.disk.lock:
            segments = self._segments()
            if not segments:
                # No precondition: when the spool's thread has written is not for hypothesis to know.
                return
            path, file = random.choice(segments)
            if not file.durable or file.durable != file.data:
                return
            at = random.randrange(len(file.data))
            self._note(path, file.data, at)
            flipped = bytearray(file.data)
            flipped[at] ^= 1 << random.randrange(8)
            file.data = file.durable = bytes(flipped)

    @rule(seed=st.integers(0, 1 << 16), size=st.integers(1, 3 * BLOCK))
    def rot(self, seed: int, size: int) -> None:
        """Let the disk fail to read some bytes; note which records stand in these blocks."""
        random = Random(seed)
        with self.disk.lock:
            segments = self._segments()
            if not segments:
                return
            path, file = random.choice(segments)
            # Not the block at the end, which may yet get records of which we could not know.
            blocks = len(file.data) // BLOCK
            if not blocks:
                return
            first = random.randrange(blocks)
            file.rotten = range(first * BLOCK, min(first * BLOCK + size, blocks * BLOCK))
            self.rotting.append(file)
            for at in range(file.rotten.start // BLOCK * BLOCK, -(-file.rotten.stop // BLOCK) * BLOCK):
                self._note(path, file.data, at)

    @rule()
    def revive(self) -> None:
        """Let all be readable again."""
        self._revive()

    def _revive(self) -> None:
        with self.disk.lock:
            for file in self.rotting:
                file.rotten = range(0)
            self.rotting.clear()

    def _segments(self) -> list[tuple[Path, File]]:
        return [(path, file) for path, file in self.disk.segments() if path.parent.name != "damaged"]

    def _note(self, path: Path, data: bytes, at: int) -> None:
        segment = int(path.stem)
        scan = Scanner(data, 0, seal_of(path.parent.name, segment), whole=True).scan(1 << 20, 1 << 30)
        for item in scan.found:
            if isinstance(item, Found) and item.offset <= at < item.end:
                self.damaged[item.webhook_id] = (path.parent.name, segment, item.offset)

    def _end(self) -> None:
        self.files.die()
        self._run(self.spool.stop())

    @invariant()
    def accounts_are_never_negative(self) -> None:
        """Counts stay counts."""
        status = self.spool.status()
        assert status.own >= 0
        assert status.inherited >= 0

    def teardown(self) -> None:
        """Let all come back: a disk that takes all, everything drained, each promise kept or named as damaged."""
        try:
            self.files.heal()
            self.disk.capacity = None
            self._run(self._drain(1_000, 50))
            assert self.spool.own == 0
            assert not self.spool.gating
            assert self.spool.inherited == 0
            self._restart_and_drain()
            lost = {one for one in self.promised if not self._is_named(one)}
            assert not lost
        finally:
            self._run(self.spool.stop())
            self.runner.close()

    def _restart_and_drain(self) -> None:
        self.restart()
        self._run(self._drain(1_000, 50))

    def _is_named(self, webhook_id: str) -> bool:
        if webhook_id not in self.damaged:
            return False
        worker, segment, offset = self.damaged[webhook_id]
        named = webhook_id in self.named
        return named or any(w == worker and s == segment and a <= offset < b for w, s, a, b in self.places)


SpoolModel.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestSpoolModel = SpoolModel.TestCase
