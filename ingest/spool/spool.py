"""The spool of one worker: add, read back in batches, take over what dead workers left."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from ingest.settings import SpoolSettings
from ingest.spool import claim, reader
from ingest.spool.codec import encode_webhook, received_millis
from ingest.spool.contract import (
    Batch,
    Damaged,
    SpoolError,
    SpoolFullError,
    SpoolStatus,
    SpoolUnavailableError,
)
from ingest.spool.files import Files, OsFiles
from ingest.spool.frame import HEADER, id_bytes
from ingest.spool.sectors import Patience, Sectors
from ingest.spool.segments import Folder, Segment
from ingest.spool.shelf import DISK_WAIT, Shelf
from ingest.spool.writer import Job, Writer, Written
from schemas.times import Clock
from schemas.webhook import Webhook

_log = structlog.get_logger(__name__)

ADOPT_EVERY = 5.0
PASSED_OVER = 10.0
"""Seconds for which others are read first, where a dead worker's folder cannot be read and need not go first."""

STOP_WAIT = 2.0
_START_WAIT = 10.0
_COUNT_WAIT = 1.0
_PATIENCE = Patience()


class Spool:
    """Verified webhooks on this host's disk, for one worker process. For one event loop.

    One task at a time may read (`next_batch`, `done`). `own` counts records that `add` accepted and `done` has not
    removed yet. `patience` tells when a block that the disk cannot read is given up.
    """

    def __init__(
        self,
        settings: SpoolSettings,
        *,
        files: Files | None = None,
        clock: Clock = time.time,
        patience: Patience = _PATIENCE,
    ) -> None:
        self._settings = settings
        self._files = files or OsFiles()
        self._clock = clock
        self._patience = patience
        self._root = Path(settings.dir)
        self._changed = asyncio.Event()
        self._shelf = Shelf(self._files, self._root, self._changed)
        self._writer: Writer | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._nudge = asyncio.Event()
        self._counted = asyncio.Event()
        self._refused = False
        self._not_read = False
        self._set_aside = 0
        self.own = 0

    @property
    def inherited(self) -> int:
        """Records in folders of workers that ended, as far as they are counted."""
        return sum(folder.left for folder in self._shelf.inherited)

    @property
    def names(self) -> frozenset[str]:
        """The folders that this process holds."""
        return frozenset(self._shelf.folders)

    @property
    def has_records(self) -> bool:
        """Whether `next_batch` may have something."""
        return self._shelf.head() is not None

    @property
    def gating(self) -> bool:
        """Whether records wait that later ones must not overtake (P4): own ones, and those found at start."""
        return self.own > 0 or any(folder.gating and folder.next is not None for folder in self._shelf.inherited)

    @property
    def holds_gating(self) -> bool:
        """Whether records wait durably that later ones must not overtake; those that are only being written do not."""
        return any(folder.next is not None for folder in self._shelf.folders.values() if folder.own or folder.gating)

    async def start(self) -> None:
        """Take a folder of our own and those of workers that ended. Raises SpoolError for what cannot be."""
        self._shelf.reading.start()
        self._shelf.keeping.start()
        try:
            own = await self._shelf.keeping.run(lambda: claim.claim(self._files, self._root), _START_WAIT)
            self._shelf.own = self._shelf.folders[own.name] = own
        except SpoolError:
            self._shelf.reading.stop()
            self._shelf.keeping.stop()
            raise
        with contextlib.suppress(SpoolUnavailableError):  # those that were there gate whenever they come
            await self._shelf.adopt()
        self._writer = Writer(self._files, own.path, self._settings.segment_bytes, self._on_written)
        self._writer.start()
        self._keeper = asyncio.create_task(self._keep())
        # What is counted by now is in the first status; the rest follows.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_COUNT_WAIT):
                await self._counted.wait()
                await self._writer.probed.wait()

    async def stop(self) -> None:
        """Write what is queued and let go of the folders, in a little more than two seconds at most."""
        writer, self._writer = self._writer, None
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.wait({keeper})
        ended = await writer.stop(STOP_WAIT) if writer is not None else False
        if ended:
            await self._leave()
        self._shelf.reading.stop()
        self._shelf.keeping.stop()

    async def _leave(self) -> None:
        """Let go of the folders. Where the writer hangs they stay ours until the process ends."""
        for segment in self._shelf.own.segments.values() if self._shelf.own else ():
            segment.sealed = True
        with contextlib.suppress(SpoolError, TimeoutError):
            async with asyncio.timeout(STOP_WAIT / 2):
                await self._sweep()
                await self._shelf.keeping.run(self._shelf.let_go, STOP_WAIT)

    async def add(self, webhook_id: str, webhook: Webhook, wait: float) -> None:
        """Return when the webhook is durable. `own` counts it at once, and no more if this raises.

        A webhook may be stored all the same when SpoolUnavailableError was raised; it is counted again then.
        Raises SpoolFullError at once, SpoolUnavailableError within `wait` seconds, ValueError for an id that is
        not 32 hexadecimal digits.
        """
        job = self._submit(webhook_id, webhook)
        self.own += 1
        try:
            async with asyncio.timeout(max(0.0, wait)):
                await job.future
        except TimeoutError:
            raise SpoolUnavailableError(f"not durable within {wait:g} s") from None
        finally:
            self._give_up(job)

    async def next_batch(self, most_records: int, most_bytes: int) -> Batch | None:
        """Return the oldest records that no `done` has removed: inherited ones first. None: nothing durable to read.

        The same records again until `done`. Raises SpoolUnavailableError where the disk does not answer.
        """
        while (head := self._shelf.head()) is not None:
            folder, segment = head
            batch = await self._read(folder, segment, most_records, most_bytes)
            if batch is not None:
                return batch
        return None

    async def next_behind(self, batch: Batch, most_records: int, most_bytes: int) -> Batch | None:
        """Return what stands behind a batch in its worker's folder, before that one is done; None: nothing to read now.

        For reading ahead. Batches are to be done in their order; what cannot be read, `next_batch` will tell.
        """
        folder = self._shelf.folders.get(batch.worker)
        found = folder.behind(batch.end.segment, batch.end.offset) if folder else None
        if folder is None or found is None:
            return None
        segment, offset = found
        stretch = replace(reader.stretch_of(folder, segment), offset=offset)
        with contextlib.suppress(OSError):
            contents = await self._contents(stretch, segment, most_records, most_bytes)
            if contents.records:
                return Batch(folder.name, contents.records, contents.damaged, stretch.place(contents.end))
        return None

    async def done(self, batch: Batch, refused: Sequence[Damaged] = ()) -> None:
        """Remove the records of the batch: they are published, or `refused` by the log for good and set aside.

        Never raises for the disk; it is tried again later.
        """
        folder = self._shelf.folders.get(batch.worker)
        segment = folder.segments.get(batch.end.segment) if folder else None
        if folder is None or segment is None or not segment.is_news(batch.end.offset):
            return
        self._report(segment, (*batch.damaged, *refused))
        self._advance(folder, segment, batch)
        await self._sweep()

    async def wait_for_records(self) -> None:
        """Return when `next_batch` may have something."""
        while self._shelf.head() is None:
            self._changed.clear()
            await self._changed.wait()

    def status(self) -> SpoolStatus:
        """Return how the spool is now. No I/O."""
        synced = self._writer.synced_at if self._writer else None
        return SpoolStatus(
            own=self.own,
            inherited=self.inherited,
            gating=self.gating,
            bytes=self._shelf.bytes,
            oldest_age=self._oldest_age(),
            synced_ago=None if synced is None else time.monotonic() - synced,
            full=self._refused or self._shelf.bytes >= self._settings.max_bytes,
            not_read=self._not_read,
            not_taken=self._shelf.not_taken,
            set_aside=self._set_aside + self._shelf.unreadable,
        )

    def _oldest_age(self) -> float | None:
        oldest = self._shelf.oldest
        return None if oldest is None else max(0.0, self._clock() - oldest / 1000)

    def _submit(self, webhook_id: str, webhook: Webhook) -> Job:
        if self._writer is None:
            raise SpoolUnavailableError("the spool is not open")
        id_bytes(webhook_id)
        try:
            payload = encode_webhook(webhook, webhook_id)
        except UnicodeEncodeError as error:
            raise SpoolUnavailableError(f"the webhook cannot be encoded: {error.reason}") from error
        size = HEADER + len(payload)
        is_over = self._shelf.bytes + self._writer.queued_bytes + size > self._settings.max_bytes
        # One that is larger than a whole spool says nothing of this one.
        self._refused = is_over and size <= self._settings.max_bytes
        if is_over:
            raise SpoolFullError(f"the spool holds its {self._settings.max_bytes} bytes")
        return self._writer.submit(webhook_id, payload, received_millis(webhook))

    def _give_up(self, job: Job) -> None:
        """Whoever waited is gone. What is stored stays counted; what may yet be is counted again when it is."""
        if job.counted and job.stored_in is None:
            job.counted = False
            self.own -= 1
        job.abandoned = True

    def _on_written(self, written: Written) -> None:
        own = self._shelf.own
        if own is None:
            return
        for number in written.poisoned:
            if number in own.segments:
                own.segments[number].sealed = True
        if written.segment is not None:
            segment = own.segments.setdefault(written.segment, Segment(written.segment))
            segment.end, segment.sealed = written.end, written.sealed
            for job in written.jobs:
                self._count(segment, job)
            self._changed.set()
        if own.spent:
            self._nudge.set()

    def _count(self, segment: Segment, job: Job) -> None:
        if job.stored_in is None:
            return
        segment.records += 1
        segment.oldest = job.millis if segment.oldest is None else min(segment.oldest, job.millis)
        if not job.counted:
            job.counted = True
            self.own += 1

    async def _read(self, folder: Folder, segment: Segment, most_records: int, most_bytes: int) -> Batch | None:
        """Return a batch; None where the segment had nothing left but a torn end."""
        stretch = reader.stretch_of(folder, segment)
        try:
            contents = await self._contents(stretch, segment, most_records, most_bytes)
        except FileNotFoundError as error:
            return _gone(stretch, error)
        except OSError as error:
            self._not_read = True
            folder.pass_over(time.monotonic() + PASSED_OVER)
            raise SpoolUnavailableError(f"{stretch.path} cannot be read: {error.strerror}") from error
        self._not_read = False
        if contents.torn:
            _log.info("spool_torn_end", worker=folder.name, segment=segment.number, offset=contents.end - contents.torn)
        if not contents.records and not contents.damaged:
            segment.position = contents.end
            self._nudge.set()
            return None
        return Batch(folder.name, contents.records, contents.damaged, stretch.place(contents.end))

    async def _contents(
        self, stretch: reader.Stretch, segment: Segment, most_records: int, most_bytes: int
    ) -> reader.Contents:
        sectors = segment.sectors = segment.sectors or Sectors(self._patience)
        return await self._shelf.reading.run(
            lambda: reader.read(self._files, stretch, most_records, most_bytes, sectors), DISK_WAIT
        )

    def _report(self, segment: Segment, damaged: Sequence[Damaged]) -> None:
        segment.damaged.extend(damaged)
        self._set_aside += len(damaged)
        for item in damaged:
            _log.error(
                "spool_set_aside",
                worker=item.place.worker,
                segment=item.place.segment,
                offset=item.place.offset,
                bytes=item.length,
                webhook_id=item.webhook_id,
                reason=item.reason,
            )

    def _advance(self, folder: Folder, segment: Segment, batch: Batch) -> None:
        segment.position, segment.emptied = batch.end.offset, False
        gone = len(batch.records)
        if segment.is_read:
            # How many records the damage covered, nobody can read any more. But they were counted as they came.
            gone = max(gone, segment.left)
        elif batch.records:
            # The next one is hardly older than the last of these.
            segment.oldest = received_millis(batch.records[-1].webhook)
        segment.taken += gone
        if folder.own:
            self.own -= gone

    async def _sweep(self) -> None:
        await self._shelf.sweep()
        if self._shelf.shrunk:
            self._refused = self._shelf.shrunk = False
        self._retire_own()

    def _retire_own(self) -> None:
        """Ask the writer to close the segment that it has open, where all of it is published and nothing comes."""
        writer, own = self._writer, self._shelf.own
        if writer is None or own is None or writer.waiting:
            return
        for segment in own.segments.values():
            if segment.is_read and not segment.sealed:
                writer.retire(segment.number, segment.end)

    async def _keep(self) -> None:
        """Count, sweep, and look for folders of workers that ended, for as long as the spool is open."""
        look_at = time.monotonic() + ADOPT_EVERY
        while True:
            try:
                await self._shelf.count_inherited()
                self._counted.set()
                await self._sweep()
                await self._nudged(look_at - time.monotonic())
                if time.monotonic() >= look_at:
                    look_at = time.monotonic() + ADOPT_EVERY
                    await self._shelf.adopt()
            except SpoolError as error:
                _log.warning("spool_keeper_waits", reason=str(error))
                await asyncio.sleep(ADOPT_EVERY)
            except Exception as error:  # noqa: BLE001 - the keeper must live
                _log.error("spool_keeper_fault", error=type(error).__name__)
                await asyncio.sleep(ADOPT_EVERY)

    async def _nudged(self, wait: float) -> None:
        """Return when something is to be removed, or after `wait` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, wait)):
                await self._nudge.wait()
        self._nudge.clear()


def _gone(stretch: reader.Stretch, error: OSError) -> Batch:
    """Return the rest of a segment whose file is gone as damaged."""
    reason = f"the segment cannot be read: {error.strerror}"
    rest = Damaged(stretch.place(stretch.offset), stretch.end - stretch.offset, None, reason, tail=True)
    return Batch(stretch.folder.name, (), (rest,), stretch.place(stretch.end))
