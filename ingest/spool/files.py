"""The seam to the disk: all that the spool does to files, so that a test can fail or cut any of it."""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """File operations that block: they are called in threads. Every one may raise OSError."""

    def create(self, path: Path) -> int:
        """Create a file that must not exist yet, for append, and return its handle."""
        ...

    def write(self, handle: int, data: bytes) -> None:
        """Append all of the data."""
        ...

    def sync(self, handle: int) -> None:
        """Make what was written durable, with its size."""
        ...

    def linked(self, handle: int) -> bool:
        """Tell whether the file still has a name: without one it is gone with the process."""
        ...

    def truncate(self, handle: int, size: int) -> None:
        """Cut the file at `size` bytes."""
        ...

    def cut(self, path: Path, size: int) -> None:
        """Cut a file at `size` bytes, durably: what stood behind them is free."""
        ...

    def overwrite(self, path: Path, data: bytes) -> None:
        """Write over the first bytes of a file, which has as many, durably. The rest stays."""
        ...

    def close(self, handle: int) -> None:
        """Let go of a file or a lock."""
        ...

    def read(self, path: Path, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`; fewer only at the end of the file."""
        ...

    def size(self, path: Path) -> int:
        """Return the size of a file in bytes."""
        ...

    def is_file(self, path: Path) -> bool:
        """Tell whether what has that name is a file itself: no folder, no link to one."""
        ...

    def list(self, path: Path) -> Sequence[str]:
        """Return the names in a folder, sorted."""
        ...

    def unlink(self, path: Path) -> None:
        """Remove a file."""
        ...

    def rename(self, path: Path, target: Path) -> None:
        """Move a file within the file system, over whatever has that name."""
        ...

    def mkdir(self, path: Path) -> None:
        """Make one folder."""
        ...

    def rmdir(self, path: Path) -> None:
        """Remove an empty folder."""
        ...

    def is_folder(self, path: Path) -> bool:
        """Tell whether a folder is there."""
        ...

    def sync_folder(self, path: Path) -> None:
        """Make durable which names the folder has."""
        ...

    def lock(self, path: Path) -> int | None:
        """Lock a file that is created if need be, and return the handle; None where another holds it."""
        ...


class OsFiles:
    """The real disk."""

    def create(self, path: Path) -> int:
        """Create with O_EXCL: two writers can never share a file."""
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, handle: int, data: bytes) -> None:
        """Write until all is written: the kernel may take less at a time."""
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]

    def sync(self, handle: int) -> None:
        """Call fdatasync, which covers the size of the file too."""
        os.fdatasync(handle)

    def linked(self, handle: int) -> bool:
        """Look at the number of its names."""
        return os.fstat(handle).st_nlink > 0

    def truncate(self, handle: int, size: int) -> None:
        """Cut the file."""
        os.ftruncate(handle, size)

    def cut(self, path: Path, size: int) -> None:
        """Cut it, and sync: a file system gives blocks free when that is done."""
        handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.ftruncate(handle, size)
            os.fsync(handle)
        finally:
            os.close(handle)

    def overwrite(self, path: Path, data: bytes) -> None:
        """Write until all is written, and sync."""
        handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            self.write(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)

    def close(self, handle: int) -> None:
        """Close the handle; a lock goes with it."""
        os.close(handle)

    def read(self, path: Path, offset: int, length: int) -> bytes:
        """Read until there is enough or the file ends."""
        # Without a buffer, which would read more than was asked for: what is behind may be a block that is dead.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            parts: list[bytes] = []
            while length > 0 and (part := os.pread(handle, length, offset)):
                parts.append(part)
                offset, length = offset + len(part), length - len(part)
            return b"".join(parts)
        finally:
            os.close(handle)

    def size(self, path: Path) -> int:
        """Return the size."""
        return path.stat().st_size

    def is_file(self, path: Path) -> bool:
        """Look at the name, not at what a link points to."""
        return stat.S_ISREG(path.lstat().st_mode)

    def list(self, path: Path) -> Sequence[str]:
        """Return the names, sorted."""
        return sorted(os.listdir(path))  # noqa: PTH208 - names are what is asked for

    def unlink(self, path: Path) -> None:
        """Remove the file."""
        path.unlink()

    def rename(self, path: Path, target: Path) -> None:
        """Move the file."""
        path.replace(target)

    def mkdir(self, path: Path) -> None:
        """Make the folder, for this user alone: bodies are private."""
        path.mkdir(mode=0o700)

    def rmdir(self, path: Path) -> None:
        """Remove the folder."""
        path.rmdir()

    def is_folder(self, path: Path) -> bool:
        """Tell whether it is there."""
        return path.is_dir()

    def sync_folder(self, path: Path) -> None:
        """Open the folder and call fsync."""
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def lock(self, path: Path) -> int | None:
        """Take an flock without waiting.

        The file may be removed by whoever held the lock before us, between our open and our lock. A lock on a
        file that has no name any more protects nothing, so the name is looked at again.

        Frames are sealed to the name of their folder: by way of a link to it all of them would seem damaged.
        """
        if path.parent.is_symlink():
            raise NotADirectoryError(errno.ENOTDIR, "a link, no folder", str(path.parent))
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except (BlockingIOError, FileNotFoundError):
            pass
        except OSError:
            os.close(handle)
            raise
        with contextlib.suppress(OSError):
            os.close(handle)
        return None
