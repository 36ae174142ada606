"""Removing a segment that is published: first what was damaged in it is brought to safety. Blocks."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import structlog

from ingest.spool.contract import Damaged
from ingest.spool.files import Files
from ingest.spool.sectors import AT_ONCE, Gap, Sectors
from ingest.spool.segments import DAMAGED

_log = structlog.get_logger(__name__)


def name_of(damaged: Damaged, suffix: str = ".bin") -> str:
    """Return the name of the file in `damaged/` that keeps the bytes."""
    place = damaged.place
    return f"{place.worker}-{place.segment:016d}-{place.offset:012d}{suffix}"


def remove(files: Files, root: Path, path: Path, damaged: Sequence[Damaged]) -> bool:
    """Remove a segment once the bytes of what was damaged in it are durable elsewhere; False where it is gone already.

    Where they cannot be copied (the disk is full), or not all of them can be read, the segment itself is moved to
    `damaged/`: what cannot be read now may be readable later, or for others. Raises OSError where that fails too; then
    the segment is still there.
    """
    try:
        files.size(path)
    except FileNotFoundError:
        return False
    if damaged and not _is_copied(files, root, path, damaged):
        _move(files, root, path)
    else:
        files.unlink(path)
    return True


def _is_copied(files: Files, root: Path, path: Path, damaged: Sequence[Damaged]) -> bool:
    """Copy what was damaged, and tell whether the copies have all of it."""
    try:
        folder = _folder(files, root)
        whole = [_copy(files, folder, path, item) for item in damaged]
        files.sync_folder(folder)
    except OSError as error:
        _log.warning("spool_damage_not_copied", segment=path.name, error=error.strerror)
        return False
    return all(whole)


def _move(files: Files, root: Path, path: Path) -> None:
    folder = _folder(files, root)
    files.rename(path, folder / f"{path.parent.name}-{path.name}")
    files.sync_folder(folder)


def _folder(files: Files, root: Path) -> Path:
    """Return the folder for what is damaged, which is made if need be, its name durable."""
    folder = root / DAMAGED
    if not files.is_folder(folder):
        with contextlib.suppress(FileExistsError):
            files.mkdir(folder)
    files.sync_folder(root)
    return folder


def _copy(files: Files, folder: Path, path: Path, item: Damaged) -> bool:
    """Copy one stretch, with zeros and a note where it cannot be read; tell whether all of it could."""
    start = item.place.offset
    window = Sectors(AT_ONCE).read(files, path, start, item.length)
    gaps = list(window.gaps)
    if window.error is not None:
        gaps.append(Gap(start + len(window.data), start + item.length))
    _keep(files, folder / name_of(item), window.data)
    notes = folder / name_of(item, ".gaps")
    if gaps:
        _keep(files, notes, "".join(map(_note, gaps)).encode())
    else:
        with contextlib.suppress(FileNotFoundError):
            files.unlink(notes)
    return not gaps


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
