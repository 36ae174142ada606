"""A disk in memory that fails when told to, and that forgets at a power cut what was not synced."""

import contextlib
import errno
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random


@dataclass(eq=False)
class File:
    """What was written, and what of it is durable. `holder` has the lock, `rotten` are the bytes that give EIO."""

    data: bytes = b""
    durable: bytes = b""
    holder: int | None = None
    rotten: range = range(0)


@dataclass(eq=False)
class Folder:
    """The names in a folder, and those that are durable."""

    names: dict[str, "File | Folder"] = field(default_factory=dict)
    durable: dict[str, "File | Folder"] = field(default_factory=dict)


Change = tuple[Folder, str, File | Folder | None]


class Disk:
    """What several processes share. `capacity` bounds the bytes of all files."""

    def __init__(self) -> None:
        self.root = Folder()
        self.pending: list[tuple[Change, ...]] = []
        self.capacity: int | None = None
        self.lock = threading.RLock()
        self.handles = 0

    def change(self, *changes: Change) -> None:
        """Change names, all or none of them at a power cut."""
        _apply(changes, lambda folder: folder.names)
        self.pending.append(changes)

    def sync_folder(self, folder: Folder) -> None:
        """Make the names of a folder durable, and all that was changed together with them."""
        for changes in [group for group in self.pending if any(owner is folder for owner, _, _ in group)]:
            self.pending.remove(changes)
            _apply(changes, lambda owner: owner.durable)

    def cut(self, random: Random, keep: float = 0.5) -> None:
        """Cut the power. Of what was not synced each thing survives with the probability `keep`."""
        for changes in self.pending:
            if random.random() < keep:
                _apply(changes, lambda owner: owner.durable)
        self.pending.clear()
        self._forget(self.root, random, keep)

    def _forget(self, folder: Folder, random: Random, keep: float) -> None:
        folder.names = dict(folder.durable)
        for node in folder.names.values():
            if isinstance(node, Folder):
                self._forget(node, random, keep)
            else:
                node.data = node.durable = _torn(node, random, keep)
                node.holder = None

    @property
    def used(self) -> int:
        """Bytes in all files that have a name."""
        return sum(len(file.data) for _, file in self.files())

    def files(self) -> list[tuple[Path, File]]:
        """Return all files with their paths."""
        return _files(self.root, Path("/"))

    def segments(self) -> list[tuple[Path, File]]:
        """Return the segments with their paths."""
        return [(path, file) for path, file in self.files() if path.suffix == ".seg"]


class FaultyFiles:
    """The files as one process sees them. `log` has each operation as `name file`.

    `fail(n)` makes the n-th operation from now fail; `dies_after` counts the operations that this process lives.
    `only` limits failures to operations of that name.
    """

    def __init__(self, disk: Disk | None = None) -> None:
        self.disk = disk or Disk()
        self.log: list[str] = []
        self.dies_after: int | None = None
        self.gate = threading.Event()
        self.gate.set()
        self._open: dict[int, File] = {}
        self._names: dict[int, str] = {}
        self._fail_in = 0
        self._failures = 0
        self._errno = errno.EIO
        self._only: str | None = None

    def fail(self, nth: int = 1, times: int = 1, *, code: int = errno.EIO, only: str | None = None) -> None:
        """Let the n-th operation from now fail, and those behind it up to `times`."""
        self._fail_in, self._failures, self._errno, self._only = nth, times, code, only

    def heal(self) -> None:
        """Let nothing fail any more."""
        self._failures = 0

    def die(self) -> None:
        """End the process: nothing works any more, its locks are free."""
        with self.disk.lock:
            self.dies_after = 0
            for handle, file in self._open.items():
                if file.holder == handle:
                    file.holder = None

    def create(self, path: Path) -> int:
        """Create a file."""
        with self._step("create", path):
            folder, name = self._parent(path)
            if name in folder.names:
                raise FileExistsError(errno.EEXIST, "exists", str(path))
            file = File()
            self.disk.change((folder, name, file))
            return self._handle(file, path)

    def write(self, handle: int, data: bytes) -> None:
        """Append; where it fails, a part may be there."""
        file = self._open[handle]
        try:
            with self._step("write", self._names[handle]):
                room = len(data) if self.disk.capacity is None else max(0, self.disk.capacity - self.disk.used)
                file.data += data[:room]
                if room < len(data):
                    raise OSError(errno.ENOSPC, "no space")  # noqa: TRY301 - it fails as the disk does
        except OSError as error:
            if error.errno == errno.EIO:
                file.data += data[: len(data) // 2]
            raise

    def sync(self, handle: int) -> None:
        """Make the bytes durable."""
        with self._step("sync", self._names[handle]):
            file = self._open[handle]
            file.durable = file.data

    def linked(self, handle: int) -> bool:
        """Tell that it has a name: nobody removes folders here."""
        return handle in self._open

    def truncate(self, handle: int, size: int) -> None:
        """Cut the file."""
        with self._step("truncate", self._names[handle]):
            self._open[handle].data = self._open[handle].data[:size]

    def cut(self, path: Path, size: int) -> None:
        """Cut the file durably."""
        with self._step("cut", path):
            file = self._file(path)
            file.data = file.durable = file.data[:size]

    def overwrite(self, path: Path, data: bytes) -> None:
        """Write over the beginning durably; it takes no room."""
        with self._step("overwrite", path):
            file = self._file(path)
            file.data = file.durable = data + file.data[len(data) :]

    def close(self, handle: int) -> None:
        """Let go."""
        file = self._open.pop(handle)
        if file.holder == handle:
            file.holder = None
        with self._step("close", self._names[handle]):
            pass

    def read(self, path: Path, offset: int, length: int) -> bytes:
        """Read."""
        with self._step("read", path):
            file = self._file(path)
            if file.rotten and file.rotten.start < offset + length and offset < file.rotten.stop:
                raise OSError(errno.EIO, "a sector is dead")
            return file.data[offset : offset + length]

    def size(self, path: Path) -> int:
        """Return the size."""
        with self._step("size", path):
            return len(self._file(path).data)

    def is_file(self, path: Path) -> bool:
        """Tell whether it is a file; there are no links here."""
        with self._step("is_file", path):
            node = self._node(path)
            if node is None:
                raise FileNotFoundError(errno.ENOENT, "nothing", str(path))
            return isinstance(node, File)

    def list(self, path: Path) -> Sequence[str]:
        """Return the names."""
        with self._step("list", path):
            return sorted(self._folder(path).names)

    def unlink(self, path: Path) -> None:
        """Remove a file."""
        with self._step("unlink", path):
            self._file(path)
            folder, name = self._parent(path)
            self.disk.change((folder, name, None))

    def rename(self, path: Path, target: Path) -> None:
        """Move a file."""
        with self._step("rename", path):
            file = self._file(path)
            folder, name = self._parent(path)
            other, new = self._parent(target)
            self.disk.change((folder, name, None), (other, new, file))

    def mkdir(self, path: Path) -> None:
        """Make a folder."""
        with self._step("mkdir", path):
            folder, name = self._parent(path)
            if name in folder.names:
                raise FileExistsError(errno.EEXIST, "exists", str(path))
            self.disk.change((folder, name, Folder()))

    def rmdir(self, path: Path) -> None:
        """Remove a folder."""
        with self._step("rmdir", path):
            if self._folder(path).names:
                raise OSError(errno.ENOTEMPTY, "not empty")
            folder, name = self._parent(path)
            self.disk.change((folder, name, None))

    def is_folder(self, path: Path) -> bool:
        """Tell whether it is there."""
        with self._step("is_folder", path):
            return isinstance(self._node(path), Folder)

    def sync_folder(self, path: Path) -> None:
        """Make names durable."""
        with self._step("sync_folder", path):
            self.disk.sync_folder(self._folder(path))

    def lock(self, path: Path) -> int | None:
        """Take a lock."""
        with self._step("lock", path):
            folder, name = self._parent(path)
            if name not in folder.names:
                self.disk.change((folder, name, File()))
            file = self._file(path)
            if file.holder is not None:
                return None
            file.holder = self._handle(file, path)
            return file.holder

    @contextlib.contextmanager
    def _step(self, operation: str, path: Path | str) -> Iterator[None]:
        self.gate.wait()
        with self.disk.lock:
            if self.dies_after is not None:
                self.dies_after -= 1
                if self.dies_after < 0:
                    raise OSError(errno.ENODEV, "the process is dead")
            self.log.append(f"{operation} {Path(path).name}")
            if self._failures and self._only in {None, operation}:
                self._fail_in -= 1
                if self._fail_in <= 0:
                    self._failures -= 1
                    raise OSError(self._errno, "made to fail")
            yield

    def _handle(self, file: File, path: Path) -> int:
        self.disk.handles += 1
        self._open[self.disk.handles] = file
        self._names[self.disk.handles] = path.name
        return self.disk.handles

    def _node(self, path: Path) -> File | Folder | None:
        node: File | Folder | None = self.disk.root
        for part in path.parts[1:]:
            node = node.names.get(part) if isinstance(node, Folder) else None
        return node

    def _folder(self, path: Path) -> Folder:
        node = self._node(path)
        if not isinstance(node, Folder):
            raise FileNotFoundError(errno.ENOENT, "no folder", str(path))
        return node

    def _file(self, path: Path) -> File:
        node = self._node(path)
        if not isinstance(node, File):
            raise FileNotFoundError(errno.ENOENT, "no file", str(path))
        return node

    def _parent(self, path: Path) -> tuple[Folder, str]:
        return self._folder(path.parent), path.name


def _apply(changes: Sequence[Change], names: Callable[[Folder], dict[str, File | Folder]]) -> None:
    for folder, name, node in changes:
        if node is None:
            names(folder).pop(name, None)
        else:
            names(folder)[name] = node


def _torn(file: File, random: Random, keep: float) -> bytes:
    """Return what a power cut leaves: the durable bytes, or some of the rest, or zeros where blocks never came."""
    if file.data[: len(file.durable)] != file.durable:  # it was truncated since
        return file.data if random.random() < keep else file.durable
    rest = file.data[len(file.durable) :]
    if not rest or random.random() >= keep:
        return file.durable
    if random.random() < keep:
        return file.data[: len(file.durable) + random.randrange(len(rest) + 1)]
    hole = random.randrange(len(rest))
    return file.durable + bytes(hole) + rest[hole:]


def _files(folder: Folder, path: Path) -> list[tuple[Path, File]]:
    found: list[tuple[Path, File]] = []
    for name, node in folder.names.items():
        if isinstance(node, Folder):
            found += _files(node, path / name)
        else:
            found.append((path / name, node))
    return found
