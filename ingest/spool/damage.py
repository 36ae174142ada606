"""Removing a segment that is published: first what was damaged in it is brought to safety. Blocks.

On a disk that is full there is no room for copies. All else in the segment is published, so it makes the room itself.
The damaged stretches are copied from the last to the first. Where one does not fit, the segment is cut behind it, and
it is tried again. If that is still too little, the segment becomes the copy: the damaged bytes are written over its
beginning, where nothing is damaged, it is moved to `damaged/`, and cut. No damaged byte is ever cut off, or written
over, that is not durable elsewhere.
"""

import contextlib
import errno
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from ingest.spool.contract import Damaged
from ingest.spool.files import Files
from ingest.spool.sectors import AT_ONCE, Gap, Sectors
from ingest.spool.segments import DAMAGED

_log = structlog.get_logger(__name__)

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What a disk says that is full, or of which we had our share."""


def name_of(damaged: Damaged, suffix: str = ".bin") -> str:
    """Return the name of the file in `damaged/` that keeps the bytes."""
    place = damaged.place
    return f"{place.worker}-{place.segment:016d}-{place.offset:012d}{suffix}"


def remove(files: Files, root: Path, path: Path, damaged: Sequence[Damaged]) -> bool:
    """Remove a segment once the bytes of what was damaged in it are durable elsewhere; False where it is gone already.

    Where not all of them can be read, the segment itself is moved to `damaged/` beside the copies: what cannot be read
    now may be readable later, or for others. Raises OSError where the bytes cannot be brought to safety; then all of
    them are still there, though the segment may be shorter.
    """
    try:
        files.size(path)
    except FileNotFoundError:
        return False
    if damaged:
        _Removal(files, root, path).run(damaged)
    else:
        files.unlink(path)
    return True


@dataclass(frozen=True, slots=True)
class _Stretch:
    """What could be read of a stretch, with zeros in the gaps."""

    item: Damaged
    data: bytes
    gaps: tuple[Gap, ...]

    @classmethod
    def read(cls, files: Files, path: Path, item: Damaged) -> "_Stretch":
        """Read it from the segment. Raises OSError for what says nothing of the bytes."""
        start = item.place.offset
        window = Sectors(AT_ONCE).read(files, path, start, item.length)
        rest = () if window.error is None else (Gap(start + len(window.data), start + item.length),)
        return cls(item, window.data, (*window.gaps, *rest))

    def copy(self, files: Files, folder: Path) -> None:
        """Write the copy, and a note where it has gaps."""
        target, notes = folder / name_of(self.item), folder / name_of(self.item, ".gaps")
        if len(self.data) < self.item.length and _size(files, target) > len(self.data):
            return  # the segment was cut since that was copied
        _keep(files, target, self.data)
        if self.gaps:
            _keep(files, notes, "".join(map(_note, self.gaps)).encode())
        else:
            with contextlib.suppress(FileNotFoundError):
                files.unlink(notes)


class _Removal:
    """Removes one segment with something damaged in it."""

    def __init__(self, files: Files, root: Path, path: Path) -> None:
        self._files, self._root, self._path = files, root, path
        self._made: Path | None = None

    def run(self, damaged: Sequence[Damaged]) -> None:
        """Copy the stretches, the last one first, so that what stands behind one is never needed for it."""
        whole = True
        first = min(damaged, key=lambda item: item.place)
        for item in sorted(damaged, key=lambda each: each.place, reverse=True):
            stretch = _Stretch.read(self._files, self._path, item)
            whole = whole and not stretch.gaps
            try:
                self._copy(stretch)
            except OSError as error:
                if error.errno not in NO_ROOM:
                    raise
                # Where a sector is dead the segment is kept as it is, so that nothing needs a copy.
                if whole and not self._is_cut_and_copied(stretch):
                    if not self._is_turned(first, item):
                        raise
                    return
        self._finish(whole=whole)

    def _finish(self, *, whole: bool) -> None:
        """Let the segment go; where the copies have not all of it, to `damaged/`."""
        folder = self._folder()
        if whole:
            self._files.sync_folder(folder)
            self._files.unlink(self._path)
        else:
            self._files.rename(self._path, folder / f"{self._path.parent.name}-{self._path.name}")
            self._files.sync_folder(folder)

    def _folder(self) -> Path:
        """Return the folder for what is damaged, which is made if need be, its name durable."""
        if self._made is None:
            folder = self._root / DAMAGED
            if not self._files.is_folder(folder):
                with contextlib.suppress(FileExistsError):
                    self._files.mkdir(folder)
            self._files.sync_folder(self._root)
            self._made = folder
        return self._made

    def _copy(self, stretch: _Stretch) -> None:
        stretch.copy(self._files, self._folder())

    def _is_cut_and_copied(self, stretch: _Stretch) -> bool:
        """Make room behind a stretch, where all is published or copied, and copy it; False: it is too little."""
        size, end = self._files.size(self._path), _end(stretch.item)
        if end >= size:
            return False
        if self._made is not None:
            self._files.sync_folder(self._made)  # the copies of what is cut off
        self._files.cut(self._path, end)
        _log.info("spool_segment_cut", worker=stretch.item.place.worker, segment=self._path.name, size=end, was=size)
        try:
            self._copy(stretch)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            return False
        return True

    def _is_turned(self, first: Damaged, last: Damaged) -> bool:
        """Turn the segment into the copy of all from one stretch to another; False: that does not fit before it."""
        start = first.place.offset
        length = min(_end(last), self._files.size(self._path)) - start
        if length > start:
            return False
        window = Sectors(AT_ONCE).read(self._files, self._path, start, length)
        if window.gaps or len(window.data) < length:
            return False
        folder = self._folder()
        self._files.overwrite(self._path, window.data)
        target = folder / name_of(first)
        self._files.rename(self._path, target)
        self._files.sync_folder(folder)
        with contextlib.suppress(OSError):  # it is a copy with more behind it, then
            self._files.cut(target, length)
        return True


def _end(item: Damaged) -> int:
    return item.place.offset + item.length


def _size(files: Files, path: Path) -> int:
    try:
        return files.size(path)
    except FileNotFoundError:
        return 0


def _note(gap: Gap) -> str:
    return f"bytes {gap.offset} to {gap.end - 1} of the segment could not be read\n"


def _keep(files: Files, path: Path, data: bytes) -> None:
    # A file of that name is from a try that was cut short.
    with contextlib.suppress(FileNotFoundError):
        files.unlink(path)
    handle = files.create(path)
    try:
        files.write(handle, data)
        files.sync(handle)
    except OSError:
        with contextlib.suppress(OSError):  # a part would look like the whole
            files.unlink(path)
        raise
    finally:
        files.close(handle)
