"""Segments and folders as the event loop knows them: what is durable, what is read, what may go. Pure."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from ingest.spool.contract import Damaged
from ingest.spool.sectors import Sectors

LOCK = "lock"
PROBE = "probe"
DAMAGED = "damaged"
_SEGMENT = re.compile(r"(\d{16})\.seg", re.ASCII)
_WORKER = re.compile(r"w-[0-9a-f]{16}", re.ASCII)


def segment_name(number: int) -> str:
    """Return the file name of a segment."""
    return f"{number:016d}.seg"


def segment_number(name: str) -> int | None:
    """Return the number of a segment's file name, None for any other name."""
    match = _SEGMENT.fullmatch(name)
    return int(match[1]) if match else None


def is_worker(name: str) -> bool:
    """Tell whether a name is that of a worker's folder."""
    return _WORKER.fullmatch(name) is not None


@dataclass(slots=True)
class Segment:
    """One segment. `end`: up to where it may be read; `position`: up to where it is published.

    `records` is how many it holds (of an inherited one 0 until `counted`), `taken` how many of them are published.
    `too_slow` counts the tries to count it that the disk did not answer in time. `sealed`: nothing is appended any
    more. `last`: the writer's last one, whose end may be torn. `oldest` is in ms since 1970. `emptied`: it has no byte
    although another one came behind it, which is not told yet. `sectors`: what is known of blocks that cannot be read.
    `going`: the order to remove it was given, and
    its end was not seen yet. `kept` counts the tries that failed, `kept_at` is the monotonic time of the last one, and
    `kept_until` that of the next one; `no_room`: the last one failed as the disk was full.
    """

    number: int
    end: int = 0
    records: int = 0
    sealed: bool = False
    last: bool = False
    position: int = 0
    taken: int = 0
    oldest: int | None = None
    counted: bool = False
    too_slow: int = 0
    emptied: bool = False
    sectors: Sectors | None = None
    going: bool = False
    kept: int = 0
    kept_at: float = 0.0
    kept_until: float = 0.0
    no_room: bool = False
    damaged: list[Damaged] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Records that are not published."""
        return max(0, self.records - self.taken)

    @property
    def is_read(self) -> bool:
        """Whether nothing durable is left to publish or to tell."""
        return self.position >= self.end and not self.emptied

    def is_news(self, offset: int) -> bool:
        """Whether it is new that all up to there is published."""
        return offset > self.position or self.emptied


@dataclass(slots=True)
class Folder:
    """The segments of one worker's folder, in order. `lock` holds it; `gating`: it was abandoned at our start.

    `unreadable` counts files of segments that cannot even be asked for their size, `strays` are things that have the
    name of a segment and are no files. All of them stay where they are.
    """

    path: Path
    lock: int
    gating: bool = False
    own: bool = False
    unreadable: int = 0
    strays: tuple[str, ...] = ()
    passed_until: float = 0.0
    segments: dict[int, Segment] = field(default_factory=dict)

    def pass_over(self, until: float) -> None:
        """Let others be read first until that monotonic time, where none of them has to stay behind this one (P4)."""
        if not self.own and not self.gating:
            self.passed_until = until

    @property
    def name(self) -> str:
        """The worker's name."""
        return self.path.name

    @property
    def all(self) -> tuple[Segment, ...]:
        """The segments of this moment, copied in one step: metrics are read in a thread while the loop changes them."""
        return tuple(self.segments.values())

    @property
    def bytes(self) -> int:
        """Bytes on disk."""
        return sum(segment.end for segment in self.all)

    @property
    def left(self) -> int:
        """Records that are not published, as far as they are counted."""
        return sum(segment.left for segment in self.all)

    @property
    def next(self) -> Segment | None:
        """The first segment that has something to publish."""
        return next((segment for segment in self.all if not segment.is_read), None)

    def behind(self, segment: int, offset: int) -> tuple[Segment, int] | None:
        """Return where to read on behind an offset in a segment, published or not; None: nothing durable is there."""
        for one in self.segments.values():
            start = max(one.position, offset if one.number == segment else 0)
            if one.number >= segment and start < one.end:
                return one, start
        return None

    @property
    def oldest(self) -> int | None:
        """When the oldest record that is not published was received, in ms since 1970, as far as it is known."""
        times = (s.oldest for s in self.all if s.oldest is not None and not s.is_read)
        return min(times, default=None)

    @property
    def spent(self) -> list[Segment]:
        """Segments that may be removed."""
        return [segment for segment in self.segments.values() if segment.sealed and segment.is_read]

    def path_of(self, segment: Segment) -> Path:
        """Return where the segment is."""
        return self.path / segment_name(segment.number)
