"""Reading a spool without changing anything in it, beside the processes that use it or without any. Blocks.

What is read may be gone in the next moment, or grow: a live worker appends, and removes segments that are drained.
What has no place in a spool (a file named like a worker's folder, a link, a pipe) is named and never opened.
"""

import contextlib
import fcntl
import os
import stat
from collections.abc import Collection, Generator, Iterator, Sequence
from pathlib import Path

from hookline.errors import CommandError
from hookline.spooling import aside
from hookline.spooling.survey import Folder, Item, SetAside, Stray, Survey, Torn, counted
from ingest.settings import SpoolSettings
from ingest.spool import reader
from ingest.spool.contract import Damaged, Place, Spooled
from ingest.spool.files import Files, OsFiles
from ingest.spool.frame import HEADER
from ingest.spool.segments import DAMAGED, LOCK, PROBE, is_worker, segment_name, segment_number

_MOST_RECORDS = 256
_MOST_BYTES = 1 << 20
_KINDS = ((stat.S_ISLNK, "a link"), (stat.S_ISDIR, "a folder"), (stat.S_ISREG, "a file"))


def root_of(settings: SpoolSettings) -> Path:
    """Return the spool's folder."""
    return Path(settings.dir)


def is_there(settings: SpoolSettings) -> bool:
    """Tell whether the spool's folder is there. Raises CommandError where it can be none."""
    root = root_of(settings)
    with told_errors(root):
        try:
            mode = root.stat().st_mode
        except FileNotFoundError:
            return False
    if not stat.S_ISDIR(mode):
        raise CommandError(f"{root} is no folder: let `dir` of [spool] name the folder of the receiver's spool")
    return True


@contextlib.contextmanager
def told_errors(root: Path) -> Generator[None]:
    """Turn an error of the disk into CommandError, with the place and what to do."""
    try:
        yield
    except OSError as error:
        place = f"{error.filename or root}: {error.strerror}"
        if isinstance(error, PermissionError):
            raise CommandError(f"{place}: run this as the user of the receiver") from error
        raise CommandError(f"{place}: look at this path, and at `dir` of [spool]; nothing was changed") from error


def survey(settings: SpoolSettings, *, but: Collection[str] = ()) -> Survey:
    """Read all of a spool with its checksums, `but` these folders.

    Raises CommandError for what this user may not read.
    """
    root = root_of(settings)
    with told_errors(root):
        names = _workers(root)
        folders = [_survey(root / name) for name in names if name not in but]
        return Survey(root=str(root), folders=folders, set_aside=_set_aside(root), strays=_strays(root, names))


def items(settings: SpoolSettings) -> Iterator[Item]:
    """Yield all that stands in a spool, folder by folder, the oldest of each first. Raises CommandError."""
    root = root_of(settings)
    with told_errors(root):
        for name in _workers(root):
            yield from _items(root / name, _segments(root / name))


def set_aside(settings: SpoolSettings) -> Iterator[tuple[Path, bytes, aside.Contents]]:
    """Yield each file that was set aside, its bytes, and what they hold. Raises CommandError."""
    root = root_of(settings)
    with told_errors(root):
        for path in aside.files_of(root):
            # Brought back to the log since it was listed.
            with contextlib.suppress(FileNotFoundError):
                yield path, *aside.read(path, aside.place_of(path.name))


def unheld(settings: SpoolSettings) -> frozenset[str]:
    """Return the folders with segments that no process holds at this moment. Raises CommandError."""
    root = root_of(settings)
    with told_errors(root):
        return frozenset(name for name in _workers(root) if _segments(root / name) and not _is_held(root / name / LOCK))


def _survey(path: Path) -> Folder:
    segments = _segments(path)
    return counted(
        path.name,
        _items(path, segments),
        held=_is_held(path / LOCK),
        segments=len(segments),
        size=sum(size for _, size in segments),
    )


def _items(path: Path, segments: Sequence[tuple[int, int]]) -> Iterator[Item]:
    files = OsFiles()
    for number, size in segments:
        last = number == segments[-1][0]
        # Drained and removed since it was listed.
        with contextlib.suppress(FileNotFoundError):
            if not size and not last:
                yield from _emptied(path, number)
            yield from _segment(files, reader.Stretch(path, number, 0, size, last))


def _emptied(path: Path, number: int) -> Iterator[Damaged]:
    """Yield the damage of a segment that has later ones behind it and nothing in it. No worker leaves one behind."""
    if not (path / segment_name(number)).lstat().st_size:
        reason = "the segment is empty, and what it held is gone"
        yield Damaged(Place(path.name, number, 0), 0, None, reason, tail=True)


def _segment(files: Files, whole: reader.Stretch) -> Iterator[Item]:
    at = whole.offset
    while at < whole.end:
        stretch = reader.Stretch(whole.folder, whole.segment, at, whole.end, whole.last)
        try:
            contents = reader.read(files, stretch, _MOST_RECORDS, _MOST_BYTES)
        except (FileNotFoundError, PermissionError):
            raise
        except OSError as error:
            yield Damaged(stretch.place(at), whole.end - at, None, f"cannot be read: {error.strerror}", tail=True)
            return
        found: list[Spooled | Damaged] = [*contents.records, *contents.damaged]
        yield from sorted(found, key=lambda item: item.place)
        at = contents.end
        if contents.torn:
            yield _torn(files, stretch, at - contents.torn, contents.torn)


def _torn(files: Files, stretch: reader.Stretch, at: int, length: int) -> Torn:
    place = stretch.place(at)
    try:
        data = files.read(stretch.path, at, min(length, HEADER))
    except OSError:
        data = b""
    return Torn(place, length, aside.cut_off_id(place, data))


def _segments(path: Path) -> Sequence[tuple[int, int]]:
    """Return numbers and sizes of a folder's segments, in order."""
    found: list[tuple[int, int]] = []
    with contextlib.suppress(FileNotFoundError):
        for entry in path.iterdir():
            number = segment_number(entry.name)
            if number is not None:
                with contextlib.suppress(FileNotFoundError):
                    status = entry.lstat()
                    if stat.S_ISREG(status.st_mode):
                        found.append((number, status.st_size))
    return sorted(found)


def _workers(root: Path) -> Sequence[str]:
    if not root.is_dir():
        return []
    return sorted(entry.name for entry in root.iterdir() if is_worker(entry.name) and _mode(entry) == stat.S_IFDIR)


def _set_aside(root: Path) -> Sequence[SetAside]:
    return [aside.looked_at(path) for path in aside.files_of(root)]


def _strays(root: Path, workers: Sequence[str]) -> Sequence[Stray]:
    """Return what has no place in a spool: in the root, in the workers' folders, and in `damaged/`."""
    if not root.is_dir():
        return []
    known = {*workers, DAMAGED}
    found = [_stray(root, path) for path in root.iterdir() if path.name not in known or not path.is_dir()]
    for name in workers:
        with contextlib.suppress(FileNotFoundError):
            found += [_stray(root, path) for path in (root / name).iterdir() if not _belongs(path)]
    return sorted([*found, *strays_aside(root)])


def strays_aside(root: Path) -> Sequence[Stray]:
    """Return what has no place in `damaged/`. Raises OSError."""
    return [_stray(root, path) for path in aside.strays_of(root)]


def _belongs(path: Path) -> bool:
    named = path.name in {LOCK, PROBE} or segment_number(path.name) is not None
    # What is gone meanwhile was a segment or a probe.
    return named and _mode(path) in {stat.S_IFREG, 0}


def _stray(root: Path, path: Path) -> Stray:
    mode = _mode(path)
    kind = next((word for is_kind, word in _KINDS if is_kind(mode)), "neither a file nor a folder")
    return Stray(str(path.relative_to(root)), kind)


def _mode(path: Path) -> int:
    """Return the type of a file, not of what it points to; 0 for one that is gone."""
    try:
        return stat.S_IFMT(path.lstat().st_mode)
    except FileNotFoundError:
        return 0


def _is_held(lock: Path) -> bool:
    """Tell whether a process holds the lock. It is tried for a moment, which delays nobody who wants it."""
    try:
        # A pipe of that name would let us wait for ever.
        handle = os.open(lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
