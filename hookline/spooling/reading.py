"""Reading a spool without changing anything in it, beside the processes that use it or without any. Blocks.

What is read may be gone in the next moment, or grow: a live worker appends, and removes segments that are drained.
"""

import contextlib
import fcntl
import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from hookline.errors import CommandError
from hookline.spooling.survey import Folder, Item, SetAside, Survey, Torn, counted
from ingest.settings import SpoolSettings
from ingest.spool import reader
from ingest.spool.contract import Damaged, Spooled
from ingest.spool.files import Files, OsFiles
from ingest.spool.segments import DAMAGED, LOCK, is_worker, segment_number

_MOST_RECORDS = 256
_MOST_BYTES = 1 << 20


def root_of(settings: SpoolSettings) -> Path:
    """Return the spool's folder."""
    return Path(settings.dir)


def survey(settings: SpoolSettings) -> Survey:
    """Read all of a spool with its checksums. Raises CommandError for what this user may not read."""
    root = root_of(settings)
    with _told(root):
        return Survey(
            root=str(root), folders=[_survey(root / name) for name in _workers(root)], set_aside=_set_aside(root)
        )


def items(settings: SpoolSettings) -> Iterator[Item]:
    """Yield all that stands in a spool, folder by folder, the oldest of each first. Raises CommandError."""
    root = root_of(settings)
    with _told(root):
        for name in _workers(root):
            yield from _items(root / name, _segments(root / name))


def set_aside(settings: SpoolSettings) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each file that was set aside. Raises CommandError."""
    root = root_of(settings)
    with _told(root):
        for one in _set_aside(root):
            yield one.name, (root / DAMAGED / one.name).read_bytes()


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
            yield from _segment(files, reader.Stretch(path, number, 0, size, last))


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
            yield Torn(stretch.place(at - contents.torn), contents.torn)


def _segments(path: Path) -> Sequence[tuple[int, int]]:
    """Return numbers and sizes of a folder's segments, in order."""
    found: list[tuple[int, int]] = []
    with contextlib.suppress(FileNotFoundError):
        for entry in path.iterdir():
            number = segment_number(entry.name)
            if number is not None:
                with contextlib.suppress(FileNotFoundError):
                    found.append((number, entry.stat().st_size))
    return sorted(found)


def _workers(root: Path) -> Sequence[str]:
    if not root.is_dir():
        return []
    return sorted(entry.name for entry in root.iterdir() if is_worker(entry.name))


def _set_aside(root: Path) -> Sequence[SetAside]:
    folder = root / DAMAGED
    if not folder.is_dir():
        return []
    return [SetAside(path.name, path.stat().st_size) for path in sorted(folder.iterdir()) if path.is_file()]


def _is_held(lock: Path) -> bool:
    """Tell whether a process holds the lock. It is tried for a moment, which delays nobody who wants it."""
    try:
        handle = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


@contextlib.contextmanager
def _told(root: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise CommandError(
            f"{error.filename or root}: {error.strerror}: run this as the user of the receiver"
        ) from error
