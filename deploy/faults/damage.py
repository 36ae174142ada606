"""Turns bytes over in spool files, and finds in the receiver's log what it says of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import orjson

from ingest.spool.frame import HEADER, Found, Scanner, seal_of

_REPORT = "spool_set_aside"
_EVERYTHING = 1 << 40


@dataclass(frozen=True, slots=True)
class Broken:
    """One record in the spool of which a byte was turned over: its place and the webhook's id, 16 bytes."""

    worker: str
    segment: int
    offset: int
    webhook: bytes


@dataclass(frozen=True, slots=True)
class Reported:
    """One stretch that the receiver reported as damaged; `webhook` is empty where it could not tell."""

    worker: str
    segment: int
    offset: int
    length: int
    webhook: bytes

    def covers(self, broken: Broken) -> bool:
        """Tell whether the report names this record, by its id or by its place."""
        here = (self.worker, self.segment) == (broken.worker, broken.segment)
        return self.webhook == broken.webhook or (here and 0 <= broken.offset - self.offset < self.length)


def damage(spool: Path, random: Random, most: int = 6) -> list[Broken]:
    """Turn one byte over in each of some records, in header or payload, and return which they were. Blocks."""
    frames = [frame for path in sorted(spool.glob("*/*.seg")) for frame in _frames(path)]
    broken: list[Broken] = []
    for number, (path, frame) in enumerate(random.sample(frames, min(most, len(frames)))):
        # The first in its header: such a record can be told by its place alone.
        _turn_over(path, random.randrange(frame.offset, frame.end if number else frame.offset + HEADER))
        broken.append(Broken(path.parent.name, int(path.stem), frame.offset, bytes.fromhex(frame.webhook_id)))
    return broken


def _frames(path: Path) -> Iterable[tuple[Path, Found]]:
    scanner = Scanner(path.read_bytes(), 0, seal_of(path.parent.name, int(path.stem)), whole=True)
    return [(path, one) for one in scanner.scan(_EVERYTHING, _EVERYTHING).found if isinstance(one, Found)]


def _turn_over(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes((byte ^ 0xFF,)))


def reported(log: str) -> list[Reported]:
    """Return what the lines of a receiver's log tell of damage."""
    found: list[Reported] = []
    for line in log.splitlines():
        if _REPORT not in line:
            continue
        told = orjson.loads(line)
        webhook = bytes.fromhex(told["webhook_id"] or "")
        found.append(Reported(told["worker"], told["segment"], told["offset"], told["bytes"], webhook))
    return found


def named(broken: Iterable[Broken], reports: Iterable[Reported]) -> frozenset[bytes]:
    """Return the webhook ids that the reports name."""
    reports = list(reports)
    by_place = (one.webhook for one in broken if any(report.covers(one) for report in reports))
    return frozenset((*by_place, *(report.webhook for report in reports if report.webhook)))
