"""Checks of the spool: can its folder be written, can all in it be taken over, what waits, is something set aside?"""

import asyncio
import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hookline.called import command, config_words
from hookline.configuration.config import Config
from hookline.doctor.report import Check, Grade, fail, ok, warn
from hookline.many import many
from hookline.spooling.aside import files_of
from hookline.spooling.words import size_text
from ingest.settings import SpoolSettings
from ingest.spool.files import OsFiles
from ingest.spool.segments import LOCK, is_worker, segment_number

_AREA = "spool"


@dataclass(frozen=True, slots=True)
class _Folder:
    """A worker's folder. `held`: its process lives. `strays` have the name of a segment and are no files."""

    path: Path
    owner: int
    held: bool
    segments: int
    bytes: int
    strays: Sequence[str]


async def check_spool(config: Config) -> list[Check]:
    """Return whether the spool can be used, and what is in it that somebody should know of. Changes nothing."""
    return await asyncio.to_thread(_check, config.spool, config_words(config.path))


def _check(settings: SpoolSettings, config: Sequence[str]) -> list[Check]:
    root = Path(settings.dir)
    if not settings.max_bytes:
        return [*_left_behind(root, config)] or [
            ok(_AREA, "is turned off: while the log is away, providers are told to retry")
        ]
    if not os.path.lexists(root):
        return [_check_parent(root)]
    if not root.is_dir():
        return [fail(_AREA, f"{root} is no folder", "move it away, or change spool.dir: the receiver cannot start")]
    if not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        advice = "give this user the right, or change spool.dir: the receiver cannot start"
        return [fail(_AREA, f"{root} cannot be read and written by this user", advice)]
    return _check_root(root, config)


def _check_parent(root: Path) -> Check:
    parent = next(one for one in root.parents if os.path.lexists(one))
    if parent.is_dir() and os.access(parent, os.W_OK | os.X_OK):
        return ok(_AREA, f"{root} is not there yet; the first start makes it")
    return fail(_AREA, f"{root} cannot be made: no right to write to {parent}", "give it, or change spool.dir")


def _left_behind(root: Path, config: Sequence[str]) -> Iterator[Check]:
    """Yield what nobody drains, because the spool was turned off while something was in it."""
    if root.is_dir() and os.access(root, os.R_OK | os.X_OK):
        folders, checks = _looked(root)
        if checks or any(folder.segments for folder in folders):
            advice = f"set spool.max_bytes for a while, or `{command('spool', 'drain', *config)}`"
            yield warn(_AREA, f"is turned off, and webhooks may wait in {root}", advice)


def _check_root(root: Path, config: Sequence[str]) -> list[Check]:
    folders, checks = _looked(root)
    checks += [*_strays(folders), *_owners(folders), *_orphans(folders, config), *_set_aside(root, config)]
    if not any(check.grade is Grade.FAIL for check in checks):
        waiting = [folder for folder in folders if folder.segments]
        what = _amount(waiting) if waiting else "nothing"
        checks.insert(0, ok(_AREA, f"{root} can be written; {what} waits in it"))
    return checks


def _looked(root: Path) -> tuple[list[_Folder], list[Check]]:
    """Look into every worker's folder, and return those that a receiver could take over; what is wrong with others."""
    folders: list[_Folder] = []
    checks: list[Check] = []
    for name in sorted(os.listdir(root)):  # noqa: PTH208 - names are what is asked for
        if is_worker(name):
            try:
                folders.append(_look(root / name))
            except FileNotFoundError:  # drained and removed meanwhile
                continue
            except OSError as error:
                checks.append(_unreadable(error.filename or str(root / name), error))
    return folders, checks


def _unreadable(path: str, error: OSError) -> Check:
    advice = "run the doctor as the receiver's user; give that user the right, or see to the disk"
    return fail(_AREA, f"{path}: {error.strerror}; webhooks that wait there are not drained as they should be", advice)


def _look(path: Path) -> _Folder:
    """Return what is in a folder. Raises OSError where a receiver would get one."""
    if path.is_symlink():
        raise NotADirectoryError(0, "a link, no folder", str(path))
    files = OsFiles()
    names = [name for name in files.list(path) if segment_number(name) is not None]
    held = _is_held(path / LOCK)
    strays: list[str] = []
    segments, size = 0, 0
    for name in names:
        with contextlib.suppress(FileNotFoundError):  # removed meanwhile
            if files.is_file(path / name):
                segments, size = segments + 1, size + _readable(files, path / name)
            else:
                strays.append(name)
    status = path.stat()
    # Root may do all: what the owner may do is in the mode.
    if status.st_mode & stat.S_IRWXU != stat.S_IRWXU or not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(0, "lacks the right to read or to write, so that nothing in it can be removed", str(path))
    return _Folder(path, status.st_uid, held, segments, size, strays)


def _readable(files: OsFiles, path: Path) -> int:
    """Return the size of a segment. Raises OSError where its first byte cannot be read."""
    files.read(path, 0, 1)
    return files.size(path)


def _is_held(lock: Path) -> bool:
    """Tell whether a process holds the lock. It is tried for a moment, which delays nobody who wants it."""
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _strays(folders: Sequence[_Folder]) -> Iterator[Check]:
    for folder in folders:
        for name in folder.strays:
            what = f"{folder.path / name} has the name of a segment and is no file"
            yield fail(_AREA, f"{what}; it is never read", "look at it and move it away")


def _owners(folders: Sequence[_Folder]) -> Iterator[Check]:
    """Yield that the folders belong to several users. Who looks as root may read all, and the receiver not."""
    owners = {folder.owner for folder in folders}
    if len(owners) > 1:
        some = ", ".join(f"{folder.path.name} of {folder.owner}" for folder in folders[:3])
        more = ", ..." if len(folders) > len(folders[:3]) else ""
        advice = "a receiver drains what its own user may write: `chown -R` all to that one"
        yield warn(_AREA, f"its folders belong to {len(owners)} users: {some}{more}", advice)


def _orphans(folders: Sequence[_Folder], config: Sequence[str]) -> Iterator[Check]:
    orphans = [folder for folder in folders if folder.segments and not folder.held]
    if orphans:
        drain = command("spool", "drain", *config)
        advice = f"a receiver that runs takes them over in seconds; else start one, or `{drain}`"
        yield warn(_AREA, f"{_amount(orphans)} waits in folders that no process holds", advice)


def _set_aside(root: Path, config: Sequence[str]) -> Iterator[Check]:
    try:
        aside = files_of(root)
    except OSError as error:
        yield warn(
            _AREA, f"{error.filename}: {error.strerror}", "what was set aside cannot be looked at: give the right"
        )
        return
    if aside:
        advice = f"`{command('spool', 'verify', *config)}` names them; see docs/spool.md, Damaged records"
        yield warn(_AREA, f"{many(len(aside), 'file')} with damaged or refused webhooks set aside", advice)


def _amount(folders: Sequence[_Folder]) -> str:
    segments = sum(folder.segments for folder in folders)
    return f"{size_text(sum(folder.bytes for folder in folders))} in {many(segments, 'segment')}"
