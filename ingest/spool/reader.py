"""Reading a segment in stretches, so that memory is bounded. All of it blocks: call it in a thread."""

from dataclasses import dataclass
from pathlib import Path

from ingest.spool.codec import NotAPayloadError, decode_webhook, peek_millis
from ingest.spool.contract import Damaged, Place, Spooled
from ingest.spool.files import Files
from ingest.spool.frame import Bad, Found, Scan, Scanner, seal_of
from ingest.spool.segments import segment_name

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


def read(files: Files, stretch: Stretch, most_records: int, most_bytes: int) -> Contents:
    """Return the next records of a segment, at least one where there is one. Raises OSError."""
    scan, end = _scan(files, stretch, most_records, most_bytes)
    records: list[Spooled] = []
    damaged: list[Damaged] = []
    for item in scan.found:
        read_back = _decoded(item, stretch, end)
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
    while at < stretch.end:
        here = Stretch(stretch.folder, stretch.segment, at, stretch.end, stretch.last)
        scan, _ = _scan(files, here, 1 << 30, _STRETCH)
        for item in scan.found:
            if isinstance(item, Found):
                records += 1
                millis = peek_millis(item.payload)
                oldest = millis if oldest is None else min(oldest, millis)
        at = scan.end + scan.torn
    return Count(records, oldest)


def _scan(files: Files, stretch: Stretch, most_records: int, most_bytes: int) -> tuple[Scan, int]:
    """Scan from the offset, in a window that grows until there is something or the segment ends there.

    The file may be shorter than it was: then it ends where it ends.
    """
    seal = seal_of(stretch.folder.name, stretch.segment)
    window = max(_STRETCH, most_bytes)
    while True:
        length = min(window, stretch.end - stretch.offset)
        data = files.read(stretch.path, stretch.offset, length)
        whole = len(data) < length or stretch.offset + length >= stretch.end
        scan = Scanner(data, stretch.offset, seal, whole).scan(most_records, most_bytes)
        if whole or scan.found:
            break
        window *= 2
    ended = scan.end + scan.torn
    if len(data) < length and ended == stretch.offset + len(data):
        # Bytes that the segment had are gone: that is damage too, of all that is missing.
        missing = Bad(scan.end, stretch.end, None, "the file is shorter than it was")
        return Scan((*scan.found, missing), stretch.end), stretch.end
    return scan, stretch.end


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
