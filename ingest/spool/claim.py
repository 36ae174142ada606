"""Which folder is whose: a lock file in each, which the kernel lets go however the process ends. Blocks."""

import contextlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

from ingest.spool import reader
from ingest.spool.contract import SpoolError
from ingest.spool.files import Files
from ingest.spool.sectors import SICK
from ingest.spool.segments import LOCK, PROBE, Folder, Segment, is_worker, segment_name, segment_number

_log = structlog.get_logger(__name__)

_TRIES = 8
_RANDOM_BITS = 32


def claim(files: Files, root: Path) -> Folder:
    """Make the root, and in it a folder of our own, and hold it. Raises SpoolError."""
    try:
        _make(files, root)
        for _ in range(_TRIES):
            folder = _claim_new(files, root)
            if folder is not None:
                return folder
    except OSError as error:
        raise SpoolError(f"the spool's folder {root} cannot be used: {error.strerror or error}") from error
    raise SpoolError(f"the spool's folder {root} gives no lock")


def adopt(
    files: Files,
    root: Path,
    take: Callable[[Folder], None],
    held: frozenset[str],
    insist: frozenset[str] = frozenset(),
) -> Mapping[str, OSError]:
    """Hand over every folder that nobody holds to `take`, the oldest first; those of `held` are ours already.

    Return the errors of those that gave one, of which nothing is known, by their names. Those of `insist` are taken
    without the segments that give one. Raises OSError for the root.
    """
    failed: dict[str, OSError] = {}
    for name in files.list(root):
        if is_worker(name) and name not in held:
            try:
                folder = _adopted(files, root / name, insist=name in insist)
            except OSError as error:
                # One that cannot be opened must not stop the others.
                failed[name] = error
                continue
            if folder is not None:
                take(folder)
    return failed


def leave(files: Files, folder: Folder) -> bool:
    """Remove a folder that has nothing left and let go of it. False: something is in it that is not ours."""
    with contextlib.suppress(OSError):
        if not set(files.list(folder.path)) <= {LOCK, PROBE}:
            return False
        for name in (PROBE, LOCK):
            with contextlib.suppress(FileNotFoundError):
                files.unlink(folder.path / name)
        # Another may look into it just now; then it is that one who removes it.
        files.rmdir(folder.path)
    let_go(files, folder)
    return True


def let_go(files: Files, folder: Folder) -> None:
    """Let go of a folder, once: the number of a closed handle may soon be that of another file."""
    handle, folder.lock = folder.lock, -1
    if handle >= 0:
        with contextlib.suppress(OSError):
            files.close(handle)


def _make(files: Files, path: Path) -> None:
    """Make a folder and those above it, each name durable."""
    if files.is_folder(path):
        return
    if path.parent != path:
        _make(files, path.parent)
    with contextlib.suppress(FileExistsError):
        files.mkdir(path)
    files.sync_folder(path.parent)


def _claim_new(files: Files, root: Path) -> Folder | None:
    """Return a new folder that we hold; None where another process took the name or the lock before us."""
    path = root / _new_name(files.list(root))
    try:
        files.mkdir(path)
    except FileExistsError:
        return None
    try:
        lock = files.lock(path / LOCK)
    except FileNotFoundError:
        return None
    if lock is None:
        return None
    files.sync_folder(root)
    return Folder(path, lock, own=True)


def _new_name(names: Sequence[str]) -> str:
    """Return a name that sorts behind all that are there: folders of dead workers are drained in that order (P4)."""
    last = max((int(name[2:10], 16) for name in names if is_worker(name)), default=0)
    return f"w-{last + 1:08x}{secrets.randbits(_RANDOM_BITS):08x}"


def _adopted(files: Files, path: Path, *, insist: bool) -> Folder | None:
    """Return the folder with its segments; None where another holds it, or it is gone."""
    try:
        lock = files.lock(path / LOCK)
    except FileNotFoundError:
        return None
    if lock is None:
        return None
    try:
        return _listed(files, Folder(path, lock), insist=insist)
    except OSError:
        with contextlib.suppress(OSError):
            files.close(lock)
        raise


def _listed(files: Files, folder: Folder, *, insist: bool) -> Folder:
    numbers = sorted(number for name in files.list(folder.path) if (number := segment_number(name)) is not None)
    found = [segment for number in numbers if (segment := _segment(files, folder, number, insist=insist)) is not None]
    last = max((number for number in numbers if segment_name(number) not in folder.strays), default=0)
    for segment in found:
        segment.last = segment.number == last
        segment.emptied = reader.emptied(reader.stretch_of(folder, segment)) is not None
        folder.segments[segment.number] = segment
    return folder


def _segment(files: Files, folder: Folder, number: int, *, insist: bool) -> Segment | None:
    """Return a segment as it is on disk; None for what only has the name of one, or cannot be looked at."""
    segment = Segment(number, sealed=True)
    path = folder.path_of(segment)
    try:
        if not files.is_file(path):
            folder.strays = (*folder.strays, path.name)
            return None
        segment.end = files.size(path)
    except OSError as error:
        if not insist or error.errno not in SICK:
            raise
        folder.unreadable += 1
        _log.error("spool_segment_unreadable", worker=folder.name, segment=number, error=error.strerror)
        return None
    return segment
