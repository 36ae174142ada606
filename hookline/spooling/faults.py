"""The disk as a drain sees it, which remembers what it could not do: an operator is told the path and the error.

Files are asked for in threads of the spool. What failed and was done later is forgotten.
"""

import contextlib
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from hookline.spooling.survey import Stray
from ingest.spool.files import OsFiles
from ingest.spool.segments import is_worker, segment_number

T = TypeVar("T")


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What a path could not be used for: `removing`, or else reading. `denied`: a right is missing."""

    path: str
    reason: str
    removing: bool = False
    denied: bool = False


class NotedFiles(OsFiles):
    """The real disk, with a note of each path that could not be read, locked or removed."""

    def __init__(self) -> None:
        self._noted: dict[tuple[Path, str], OSError] = {}

    def faults(self) -> Sequence[Fault]:
        """Return what failed when it was last tried, of what is still there. Asks the disk."""
        return sorted(
            Fault(
                str(path), error.strerror or type(error).__name__, work == "remove", isinstance(error, PermissionError)
            )
            for (path, work), error in list(self._noted.items())
            if os.path.lexists(path) and not path.parent.is_symlink()
        )

    def read(self, path: Path, offset: int, length: int) -> bytes:
        """Read as the spool does."""
        return self._noting(path, "read", lambda: OsFiles.read(self, path, offset, length))

    def size(self, path: Path) -> int:
        """Ask for the size."""
        return self._noting(path, "size", lambda: OsFiles.size(self, path))

    def list(self, path: Path) -> Sequence[str]:
        """Ask for the names."""
        return self._noting(path, "list", lambda: OsFiles.list(self, path))

    def lock(self, path: Path) -> int | None:
        """Take the lock."""
        return self._noting(path, "lock", lambda: OsFiles.lock(self, path))

    def unlink(self, path: Path) -> None:
        """Remove the file."""
        self._noting(path, "remove", lambda: OsFiles.unlink(self, path))

    def rename(self, path: Path, target: Path) -> None:
        """Move the file, which removes its name."""
        self._noting(path, "remove", lambda: OsFiles.rename(self, path, target))

    def _noting(self, path: Path, work: str, what: Callable[[], T]) -> T:
        try:
            found = what()
        except OSError as error:
            self._noted[path, work] = error
            raise
        self._noted.pop((path, work), None)
        return found


@dataclass(frozen=True, slots=True)
class Remains:
    """What a drain leaves on the disk: `unread` paths, and `spent` segments that are drained and still there."""

    unread: Sequence[Fault] = ()
    spent: Sequence[Fault] = ()

    def hides_webhooks(self, counted: Collection[str]) -> bool:
        """Whether nobody knows how many wait there: all but what is beside the segments of `counted` folders."""
        paths = [Path(one.path) for one in self.unread]
        return any(_is_segment(path) or path.parent.name not in counted for path in paths)


def remains_of(
    root: Path, names: Collection[str], strays: Sequence[Stray], noted: Sequence[Fault], *, ended: bool
) -> Remains:
    """Return what is left in a spool whose folders `names` a drain has held. Asks the disk.

    `ended`: it has read all that it could, so that each segment which is still there is a spent one.
    """
    links = [Fault(str(root / one.name), f"{one.kind}, no file") for one in strays if _is_segment(root / one.name)]
    unread = {one.path: one for one in (*(one for one in noted if not one.removing), *links)}
    spent = {one.path: one for one in noted if one.removing and _is_segment(Path(one.path))}
    for path in _segments(root, names) if ended else ():
        if path not in unread:
            spent.setdefault(path, Fault(path, "what was damaged in it has no other place yet", removing=True))
    return Remains(sorted(unread.values()), sorted(spent.values()))


def _segments(root: Path, names: Collection[str]) -> Sequence[str]:
    found: list[str] = []
    for name in names:
        with contextlib.suppress(OSError):
            found += [str(path) for path in (root / name).iterdir() if _is_segment(path)]
    return found


def _is_segment(path: Path) -> bool:
    return is_worker(path.parent.name) and segment_number(path.name) is not None
