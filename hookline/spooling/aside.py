"""What was set aside in `damaged/`: whose bytes they are, and which webhooks in them are whole. Blocks.

A file holds one stretch of a segment, or a whole segment. Frames are sealed to the worker, the segment and the place in
it; the name of the file says all three, so that they are checked here as where they were written.
"""

import contextlib
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hookline.spooling.survey import SetAside
from ingest.spool.codec import NotAPayloadError, decode_webhook
from ingest.spool.contract import Damaged, Place, Spooled
from ingest.spool.frame import HEADER, Bad, Found, Scanner, seal_of
from ingest.spool.segments import DAMAGED

_NAME = re.compile(r"(?P<worker>w-[0-9a-f]{16})-(?P<segment>\d{16})(?:-(?P<offset>\d{12,20})\.bin|\.seg)", re.ASCII)
_ALL = 1 << 62
_ID = slice(8, 24)
# A frame is sealed to its offset as 8 bytes, and no file is larger than that.
_LAST_OFFSET = (1 << 63) - 1
_NOTE = ".gaps"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds, in order: webhooks that are whole, and bytes that are none."""

    items: Sequence[Spooled | Damaged] = ()

    @property
    def whole(self) -> Sequence[Spooled]:
        """The webhooks that can be read."""
        return [item for item in self.items if isinstance(item, Spooled)]

    @property
    def broken(self) -> Sequence[Damaged]:
        """The stretches that cannot."""
        return [item for item in self.items if isinstance(item, Damaged)]


def files_of(root: Path) -> Sequence[Path]:
    """Return the files that were set aside, sorted, without the notes beside them. Raises OSError."""
    return [path for path, mode in _entries(root) if stat.S_ISREG(mode) and path.suffix != _NOTE]


def place_of(name: str) -> Place | None:
    """Return where the bytes of a file stood first; None for a name that the spool gives to none."""
    match = _NAME.fullmatch(name)
    if match is None or int(match["offset"] or 0) > _LAST_OFFSET:
        return None
    return Place(match["worker"], int(match["segment"]), int(match["offset"] or 0))


def contents_of(place: Place, data: bytes) -> Contents:
    """Return what stands in bytes that stood at a place."""
    if not data:
        # What a segment leaves behind that was cut to nothing.
        return Contents((Damaged(place, 0, None, "no bytes were left to keep", tail=True),))
    scan = Scanner(data, place.offset, seal_of(place.worker, place.segment), whole=True).scan(_ALL, _ALL)
    items = [_item(place, found) for found in scan.found]
    if scan.torn:
        torn = Place(place.worker, place.segment, scan.end)
        name = cut_off_id(torn, data[-scan.torn :])
        items.append(Damaged(torn, scan.torn, name, "the bytes end inside a frame", tail=True))
    return Contents(items)


def cut_off_id(place: Place, data: bytes) -> str | None:
    """Return the id of the webhook whose frame begins at a place and is cut off; None where its header is, too."""
    header = data[:HEADER]
    scan = Scanner(header, place.offset, seal_of(place.worker, place.segment), whole=True).scan(1, HEADER)
    # A header alone whose checksum is right is the beginning of a frame, all others are bytes of none.
    return header[_ID].hex() if scan.torn == HEADER else None


def note_of(path: Path) -> Path:
    """Return the note that may stand beside a file: which of its bytes the disk could not read."""
    return path.with_suffix(_NOTE)


def read(path: Path, place: Place | None) -> tuple[bytes, Contents]:
    """Return the bytes of a file and what they hold. Where the disk cannot read them all of it is damaged.

    Raises FileNotFoundError, PermissionError.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, PermissionError):
        raise
    except OSError as error:
        where = place or Place(path.name, 0, 0)
        unread = Damaged(where, path.stat().st_size, None, f"cannot be read: {error.strerror}")
        return b"", Contents((unread,))
    return data, Contents() if place is None else contents_of(place, data)


def looked_at(path: Path) -> SetAside:
    """Return what a file holds: how much, which webhooks, and which places are broken. Raises OSError."""
    try:
        data, contents = read(path, place_of(path.name))
    except FileNotFoundError:
        return SetAside(path.name, 0)
    return SetAside(path.name, len(data), tuple(one.webhook_id for one in contents.whole), tuple(contents.broken))


def strays_of(root: Path) -> Sequence[Path]:
    """Return what stands between these files and is none: links, folders, pipes. Nobody reads them. Raises OSError."""
    return [path for path, mode in _entries(root) if not stat.S_ISREG(mode)]


def _entries(root: Path) -> Iterator[tuple[Path, int]]:
    folder = root / DAMAGED
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        # Somebody may take a file away while we look.
        with contextlib.suppress(FileNotFoundError):
            yield path, path.lstat().st_mode


def _item(place: Place, found: Found | Bad) -> Spooled | Damaged:
    at, length = Place(place.worker, place.segment, found.offset), found.end - found.offset
    if isinstance(found, Bad):
        return Damaged(at, length, found.webhook_id, found.reason)
    try:
        return Spooled(at, length, found.webhook_id, decode_webhook(found.payload))
    except NotAPayloadError as error:
        return Damaged(at, length, found.webhook_id, str(error))
