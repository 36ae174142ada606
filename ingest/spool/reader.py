"""Reading a segment in stretches, so that memory is bounded. All of it blocks: call it in a thread."""

from dataclasses import dataclass, replace
from pathlib import Path

from ingest.spool.codec import NotAPayloadError, decode_webhook, peek_millis
from ingest.spool.contract import Damaged, Place, Spooled
from ingest.spool.files import Files
from ingest.spool.frame import Bad, Found, Scan, Scanner, seal_of
from ingest.spool.sectors import AT_ONCE, Sectors, Window
from ingest.spool.segments import Folder, Segment, segment_name

_STRETCH = 256 << 10


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where to read: a segment from `offset` up to `end`. `last`: a frame that the end cuts off is no damage."""

    folder: Path
    segment: int
    offset: int
    end: int
    last: bool = False

    def place(self, offset: int) -> Place:
        """Return the place of a byte."""
        return Place(self.folder.name, self.segment, offset)

    @property
    def path(self) -> Path:
        """The segment's file."""
        return self.folder / segment_name(self.segment)


@dataclass(frozen=True, slots=True)
class Contents:
    """What was read: records and damage in order; `end` is where to read on; `torn` bytes were cut off there."""

    records: tuple[Spooled, ...]
    damaged: tuple[Damaged, ...]
    end: int
    torn: int = 0


@dataclass(frozen=True, slots=True)
class Count:
    """How many records a segment holds, and when the oldest was received, in ms since 1970."""

    records: int
    oldest: int | None


def stretch_of(folder: Folder, segment: Segment) -> Stretch:
    """Return what of a segment is to be read."""
    return Stretch(folder.path, segment.number, segment.position, segment.end, segment.last)


def emptied(stretch: Stretch) -> Damaged | None:
    """Return the damage of a segment without a byte, behind which another one came; None for any other.

    Nothing is ever written behind an empty segment unless its first write failed.
    """
    if stretch.end or stretch.last:
        return None
    return Damaged(stretch.place(0), 0, None, "the segment is empty, and is not the last", tail=True)


def read(
    files: Files, stretch: Stretch, most_records: int, most_bytes: int, sectors: Sectors | None = None
) -> Contents:
    """Return the next records of a segment, at least one where there is one.

    What the disk cannot read is damage when `sectors` gives it up: at once where none are given. Raises OSError for
    what may be read yet.
    """
    if (nothing := emptied(stretch)) is not None:
        return Contents((), (nothing,), stretch.end)
    scan = _scan(files, stretch, most_records, most_bytes, sectors or Sectors(AT_ONCE))
    records: list[Spooled] = []
    damaged: list[Damaged] = []
    for item in scan.found:
        read_back = _decoded(item, stretch, stretch.end)
        if isinstance(read_back, Spooled):
            records.append(read_back)
        else:
            damaged.append(read_back)
    if scan.torn and not stretch.last:
        reason = "the segment ends inside a frame"
        damaged.append(Damaged(stretch.place(scan.end), scan.torn, None, reason, tail=True))
    torn = scan.torn if stretch.last else 0
    return Contents(tuple(records), tuple(damaged), scan.end + scan.torn, torn)


def count(files: Files, stretch: Stretch) -> Count:
    """Count the records of a segment. Raises OSError."""
    records, oldest, at = 0, None, stretch.offset
    sectors = Sectors(AT_ONCE)
    while at < stretch.end:
        here = replace(stretch, offset=at)
        scan = _scan(files, here, 1 << 30, _STRETCH, sectors)
        for item in scan.found:
            if isinstance(item, Found):
                records += 1
                millis = peek_millis(item.payload)
                oldest = millis if oldest is None else min(oldest, millis)
        at = scan.end + scan.torn
    return Count(records, oldest)


def _scan(files: Files, stretch: Stretch, most_records: int, most_bytes: int, sectors: Sectors) -> Scan:
    """Scan from the offset, in a window that grows until there is something or the segment ends there.

    The file may be shorter than it was: then it ends where it ends.
    """
    size = max(_STRETCH, most_bytes)
    while True:
        length = min(size, stretch.end - stretch.offset)
        # What stands before a doubtful block comes first: to try that one again may take its time.
        sure = sectors.sure(stretch.offset, length)
        for part in (sure, length) if 0 < sure < length else (length,):
            window = sectors.read(files, stretch.path, stretch.offset, part)
            scan, whole = _scanned(stretch, window, part, most_records, most_bytes)
            if whole or scan.found:
                return scan
            if part == length and window.error is not None:
                raise window.error
        size *= 2


def _scanned(stretch: Stretch, window: Window, length: int, most_records: int, most_bytes: int) -> tuple[Scan, bool]:
    """Return what the window holds, and whether the segment ends with it. `length` bytes were asked for."""
    short = window.error is None and len(window.data) < length
    whole = short or (window.error is None and stretch.offset + length >= stretch.end)
    seal = seal_of(stretch.folder.name, stretch.segment)
    scan = Scanner(window.data, stretch.offset, seal, whole).scan(most_records, most_bytes)
    found = tuple(_reasoned(item, window) for item in scan.found)
    if short and scan.end + scan.torn == stretch.offset + len(window.data):
        # Bytes that the segment had are gone: that is damage too, of all that is missing.
        missing = Bad(scan.end, stretch.end, None, "the file is shorter than it was")
        return Scan((*found, missing), stretch.end), whole
    return replace(scan, found=found), whole


def _reasoned(item: Found | Bad, window: Window) -> Found | Bad:
    gap = window.gap_in(item.offset, item.end) if isinstance(item, Bad) else None
    if gap is None or isinstance(item, Found):
        return item
    return replace(item, reason=f"the disk cannot read bytes {gap.offset} to {gap.end - 1} of the segment")


def _decoded(item: Found | Bad, stretch: Stretch, end: int) -> Spooled | Damaged:
    if isinstance(item, Bad):
        length, tail = item.end - item.offset, item.end >= end
        return Damaged(stretch.place(item.offset), length, item.webhook_id, item.reason, tail)
    try:
        return Spooled(
            stretch.place(item.offset), item.end - item.offset, item.webhook_id, decode_webhook(item.payload)
        )
    except NotAPayloadError as error:
        return Damaged(stretch.place(item.offset), item.end - item.offset, item.webhook_id, str(error), item.end >= end)
