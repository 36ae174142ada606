"""Removing a segment that is published: first what was damaged in it is brought to safety. Blocks."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from ingest.spool.contract import Damaged
from ingest.spool.files import Files
from ingest.spool.segments import DAMAGED


def name_of(damaged: Damaged) -> str:
    """Return the name of the file in `damaged/` that keeps the bytes."""
    place = damaged.place
    return f"{place.worker}-{place.segment:016d}-{place.offset:012d}.bin"


def remove(files: Files, root: Path, path: Path, damaged: Sequence[Damaged]) -> None:
    """Remove a segment once the bytes of what was damaged in it are durable elsewhere.

    Where they cannot be copied (the disk is full, or they cannot be read) the whole segment is moved to `damaged/`.
    Raises OSError where that fails too; then the segment is still there.
    """
    try:
        if damaged:
            _copy(files, root, path, damaged)
    except FileNotFoundError:
        raise
    except OSError:
        files.rename(path, root / DAMAGED / f"{path.parent.name}-{path.name}")
        files.sync_folder(root / DAMAGED)
        return
    files.unlink(path)


def _copy(files: Files, root: Path, path: Path, damaged: Sequence[Damaged]) -> None:
    folder = root / DAMAGED
    if not files.is_folder(folder):
        with contextlib.suppress(FileExistsError):
            files.mkdir(folder)
    files.sync_folder(root)
    for item in damaged:
        _keep(files, folder / name_of(item), files.read(path, item.place.offset, item.length))
    files.sync_folder(folder)


def _keep(files: Files, path: Path, data: bytes) -> None:
    # A file of that name is from a try that a crash cut short.
    with contextlib.suppress(FileNotFoundError):
        files.unlink(path)
    handle = files.create(path)
    try:
        files.write(handle, data)
        files.sync(handle)
    finally:
        files.close(handle)
