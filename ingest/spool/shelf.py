"""The folders that a worker holds: its own and those it took over; what is removed from them, and when."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import structlog

from ingest.spool import claim, damage, reader
from ingest.spool.contract import SpoolError, SpoolUnavailableError
from ingest.spool.errands import Errands
from ingest.spool.files import Files
from ingest.spool.segments import Folder, Segment
from ingest.spool.untaken import Untaken

_log = structlog.get_logger(__name__)

DISK_WAIT = 5.0
"""Seconds that one operation on the disk may take before we go on without its answer."""

LONGEST_KEPT = 30.0
"""Seconds between two tries to remove a segment, at most."""

_LEAST_KEPT = 1.0
_PATIENT_COUNTS = 3
_STRAY_ADVICE = "it is passed over; look at it, move it away, and restart the receiver if a segment was put back"


class Shelf:
    """Folders by name, on the event loop. `keeping` and `reading` are the threads that touch the disk.

    `shrunk` tells that bytes were freed, `changed` is set when there may be something to read.
    """

    def __init__(self, files: Files, root: Path, changed: asyncio.Event) -> None:
        self.folders: dict[str, Folder] = {}
        self.own: Folder | None = None
        self.shrunk = False
        self.reading = Errands("spool-reader")
        self.keeping = Errands("spool-keeper")
        self._files = files
        self._root = root
        self._changed = changed
        self._sweeping = asyncio.Lock()
        # Names of folders that were there at our start and of which we know nothing yet; None: we could not even look.
        self._unknown: frozenset[str] | None = None
        self._untaken = Untaken(root)

    @property
    def all(self) -> tuple[Folder, ...]:
        """The folders of this moment, copied in one step: metrics are read in a thread while the loop changes them."""
        return tuple(self.folders.values())

    @property
    def inherited(self) -> list[Folder]:
        """Folders of workers that ended."""
        return [folder for folder in self.all if not folder.own]

    @property
    def bytes(self) -> int:
        """Bytes on disk in all folders."""
        return sum(folder.bytes for folder in self.all)

    @property
    def unreadable(self) -> int:
        """Segments that cannot be taken over with the rest of their folder."""
        return sum(folder.unreadable for folder in self.all)

    @property
    def not_taken(self) -> int:
        """Folders that cannot be taken over, and what is named like a segment in others and is no file."""
        return len(self._untaken.lasting) + sum(len(folder.strays) for folder in self.all)

    @property
    def oldest(self) -> int | None:
        """When the oldest record was received that is not published, in ms since 1970, as far as it is known."""
        times = (folder.oldest for folder in self.all)
        return min((moment for moment in times if moment is not None), default=None)

    def head(self) -> tuple[Folder, Segment] | None:
        """Return the first segment with something to publish: inherited ones come first.

        A folder that is passed over comes last, and so is tried again where there is nothing else.
        """
        own = [] if self.own is None else [self.own]
        now = time.monotonic()
        for folder in sorted((*self.inherited, *own), key=lambda each: each.passed_until > now):
            segment = folder.next
            if segment is not None:
                return folder, segment
        return None

    async def sweep(self) -> None:
        """Remove the files of segments that are published, and folders of others that are empty. Never raises."""
        async with self._sweeping:
            try:
                for folder in list(self.folders.values()):
                    await self._sweep_folder(folder)
            except SpoolError as error:
                _log.warning("spool_not_swept", reason=str(error))

    async def _sweep_folder(self, folder: Folder) -> None:
        for segment in folder.spent:
            if segment.kept_until <= time.monotonic():
                await self._remove(folder, segment)
        if (
            not folder.own
            and not folder.segments
            and await self.reading.run(lambda: claim.leave(self._files, folder), DISK_WAIT)
        ):
            self.folders.pop(folder.name, None)

    async def _remove(self, folder: Folder, segment: Segment) -> None:
        path, damaged = folder.path_of(segment), tuple(segment.damaged)
        # Whoever waited for an earlier try may have been cancelled, or lost patience; the thread went on with it.
        tried_before, segment.going = segment.going, True
        try:
            was_there = await self.reading.run(lambda: damage.remove(self._files, self._root, path, damaged), DISK_WAIT)
        except OSError as error:
            segment.going = False
            self._keep(folder, segment, error)
            return
        if not was_there and not tried_before:
            _log.warning("spool_segment_gone", worker=folder.name, segment=segment.number)
        folder.segments.pop(segment.number, None)
        self.shrunk = True
        for kept in (each for one in self.folders.values() for each in one.segments.values() if each.no_room):
            # There is some now.
            kept.kept_until = min(kept.kept_until, kept.kept_at + _LEAST_KEPT)

    def _keep(self, folder: Folder, segment: Segment, error: OSError) -> None:
        """Leave a segment where it is for a while. It is drained, but what was damaged in it has no other place yet."""
        segment.kept += 1
        wait = min(LONGEST_KEPT, 2.0 ** min(segment.kept, 8) / 2)
        segment.kept_at, segment.no_room = time.monotonic(), error.errno in damage.NO_ROOM
        segment.kept_until = segment.kept_at + wait
        _log.warning(
            "spool_damage_not_set_aside" if segment.damaged else "spool_not_removed",
            worker=folder.name,
            segment=segment.number,
            error=error.strerror,
            again_in=wait,
        )

    async def adopt(self) -> None:
        """Take over the folders that nobody holds. Raises SpoolUnavailableError where the disk hangs.

        Those that were there at our start gate whenever they are taken (P4). Those of a worker that lived beside us
        do not: the order of its records was never promised against ours.
        """
        held = frozenset(self.folders)
        loop = asyncio.get_running_loop()
        files, root = self._files, self._root
        insist = self._untaken.lasting

        def take(folder: Folder) -> None:
            # Each as soon as its lock is ours: who waits for all of them may have given up by then.
            loop.call_soon_threadsafe(self._take, folder)

        def look() -> None:
            loop.call_soon_threadsafe(self._looked, claim.adopt(files, root, take, held, insist))

        try:
            await self.keeping.run(look, DISK_WAIT)
        except OSError as error:
            self._untaken.not_listed(error)

    def _take(self, folder: Folder) -> None:
        folder.gating = self._was_there(folder.name)
        self.folders[folder.name] = folder
        for name in folder.strays:
            _log.error("spool_segment_is_no_file", path=str(folder.path / name), advice=_STRAY_ADVICE)
        if folder.segments:
            _log.info(
                "spool_adopted",
                worker=folder.name,
                segments=len(folder.segments),
                bytes=folder.bytes,
                gating=folder.gating,
            )
        self._changed.set()

    def _was_there(self, name: str) -> bool:
        """Tell whether a folder was there at our start, and was not a live worker's then. Names sort by their age."""
        if self.own is None or name > self.own.name:
            return False
        return self._unknown is None or name in self._unknown

    def _looked(self, failed: Mapping[str, OSError]) -> None:
        self._untaken.looked(failed)
        # One that gives no error now and was not taken is another's, or gone.
        self._unknown = frozenset(failed) if self._unknown is None else self._unknown & frozenset(failed)

    async def count_inherited(self) -> None:
        """Count what is not counted. Raises SpoolUnavailableError where the disk hangs."""
        for folder in self.inherited:
            for segment in list(folder.segments.values()):
                if not segment.counted and not segment.is_read:
                    await self._count_segment(folder, segment)

    async def _count_segment(self, folder: Folder, segment: Segment) -> None:
        taken = segment.taken
        stretch = reader.stretch_of(folder, segment)
        try:
            counted = await self.keeping.run(lambda: reader.count(self._files, stretch), DISK_WAIT)
        except SpoolUnavailableError:
            # What else there is to do must not wait for a number for ever.
            segment.too_slow += 1
            segment.counted = segment.too_slow >= _PATIENT_COUNTS
            raise
        except OSError as error:  # who reads it for good will tell
            _log.warning("spool_not_counted", worker=folder.name, segment=segment.number, error=error.strerror)
        else:
            segment.records = taken + counted.records
            segment.oldest = segment.oldest or counted.oldest
        segment.counted = True

    def let_go(self) -> None:
        """Give up all folders, and remove those that are empty. Blocks."""
        for folder in self.folders.values():
            if folder.segments or not claim.leave(self._files, folder):
                claim.let_go(self._files, folder)
