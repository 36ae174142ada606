"""Reading around blocks that the disk cannot read. Blocks: call it in a thread.

A bus that resets looks like a sector that is dead: both give EIO. So a block is given up only after several tries over
some seconds. Until then a read ends before it; after that zeros stand for it, and the checksums find what it damaged.
"""

import errno
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.spool.files import Files

SICK = frozenset({errno.EIO, errno.EUCLEAN, errno.EBADMSG, errno.ENODATA, errno.EILSEQ})
"""What is said of bytes that the disk cannot give. A shortage or a missing right says nothing of the bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """When a block is given up: after `tries` failures, the last of them `seconds` behind the first.

    One read ends for now after `most` blocks that failed, or at the first one after `turn` seconds. `block` in bytes.
    """

    block: int = 4096
    tries: int = 3
    seconds: float = 5.0
    most: int = 256
    turn: float = 1.0
    monotonic: Callable[[], float] = time.monotonic


AT_ONCE = Patience(tries=1, seconds=0.0)
"""For whoever looks once, or takes what can be had."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes of a file, from `offset` to `end`, that cannot be read."""

    offset: int
    end: int


@dataclass(frozen=True, slots=True)
class Window:
    """What was read, with zeros in the gaps. `error`: why it ends before a block that is not given up yet."""

    data: bytes
    gaps: tuple[Gap, ...] = ()
    error: OSError | None = None

    def gap_in(self, offset: int, end: int) -> Gap | None:
        """Return the first gap that touches these bytes of the file."""
        return next((gap for gap in self.gaps if gap.offset < end and offset < gap.end), None)


@dataclass(slots=True)
class _Trouble:
    failures: int
    since: float
    given_up: bool = False


@dataclass(slots=True)
class _Reading:
    """A read that is under way: what it has, and what it met."""

    data: bytearray
    gaps: list[Gap]
    error: OSError | None = None
    last: OSError | None = None
    failed: int = 0

    def stop(self) -> None:
        """End here for now, although there is more."""
        self.error = self.error or self.last

    def add(self, piece: bytes) -> None:
        """Take bytes, unless they stand behind a block that may come yet."""
        if self.error is None:
            self.data += piece

    def skip(self, start: int, end: int) -> None:
        """Put zeros where a block is given up."""
        if self.error is not None:
            return
        self.data += bytes(end - start)
        if self.gaps and self.gaps[-1].end == start:
            start = self.gaps.pop().offset
        self.gaps.append(Gap(start, end))


class Sectors:
    """What is known of the blocks of one file. For one thread."""

    def __init__(self, patience: Patience = Patience()) -> None:
        self._patience = patience
        self._troubles: dict[int, _Trouble] = {}

    def read(self, files: Files, path: Path, offset: int, length: int) -> Window:
        """Return up to `length` bytes from `offset`. Raises OSError for what says nothing of the bytes."""
        if not self._troubles:
            try:
                return Window(files.read(path, offset, length))
            except OSError as error:
                if error.errno not in SICK:
                    raise
        return self._around(files, path, offset, offset + length)

    def sure(self, offset: int, length: int) -> int:
        """Return how many bytes stand before the first block that failed and is not given up yet."""
        size = self._patience.block
        doubtful = [number * size for number, trouble in self._troubles.items() if not trouble.given_up]
        starts = (max(0, at - offset) for at in doubtful if at + size > offset)
        return min(length, min(starts, default=length))

    def _around(self, files: Files, path: Path, start: int, end: int) -> Window:
        reading = _Reading(bytearray(), [])
        late = self._patience.monotonic() + self._patience.turn
        for at, behind in self._blocks(start, end):
            piece = self._read_block(files, path, at, behind, reading)
            if piece is not None and len(piece) < behind - at:
                break
            if piece is None and (reading.failed >= self._patience.most or self._patience.monotonic() > late):
                reading.stop()
                break
        return Window(bytes(reading.data), tuple(reading.gaps), reading.error)

    def _blocks(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the stretches that lie in one block each."""
        at = start
        while at < end:
            behind = min(end, at - at % self._patience.block + self._patience.block)
            yield at, behind
            at = behind

    def _read_block(self, files: Files, path: Path, start: int, end: int, reading: _Reading) -> bytes | None:
        """Read one block and return it; None where that failed."""
        number = start // self._patience.block
        trouble = self._troubles.get(number)
        if trouble is not None and trouble.given_up:
            reading.skip(start, end)
            return bytes(end - start)
        try:
            piece = files.read(path, start, end - start)
        except OSError as error:
            if error.errno not in SICK:
                raise
            self._failed(number, start, end, reading, error)
            return None
        self._troubles.pop(number, None)
        reading.add(piece)
        return piece

    def _failed(self, number: int, start: int, end: int, reading: _Reading, error: OSError) -> None:
        now = self._patience.monotonic()
        trouble = self._troubles.setdefault(number, _Trouble(0, now))
        trouble.failures += 1
        trouble.given_up = trouble.failures >= self._patience.tries and now - trouble.since >= self._patience.seconds
        reading.failed += 1
        reading.last = error
        if trouble.given_up:
            reading.skip(start, end)
        else:
            reading.error = reading.error or error
