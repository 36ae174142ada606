"""What was set aside is tried again: whole webhooks go to the log under their ids, and nothing else is touched."""

import asyncio
import contextlib
import errno
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from broker.log import Log
from hookline.configuration.config import load_config
from hookline.errors import CommandError
from hookline.spooling import again, aside, at_log
from hookline.spooling.again import Again, Retried
from ingest.draining import Tools
from ingest.metrics import IngestMetrics
from ingest.publisher import Publisher
from ingest.spool import damage
from ingest.spool.codec import encode_webhook
from ingest.spool.contract import Damaged, Place
from ingest.spool.files import OsFiles
from ingest.spool.frame import encode, seal_of
from schemas.records import Record
from schemas.topics import WEBHOOKS
from tests.support.front import Desk, hookline
from tests.support.receiver import MemoryLog, Mood
from tests.support.spooling import webhook

WORKER = "w-0000000100000001"
SEGMENT = 7


def frame_at(number: int, offset: int) -> bytes:
    """Return the frame of a webhook as it stands at an offset of the segment."""
    one = webhook(number)
    payload = encode_webhook(one, one.id)
    return encode(payload, one.id, seal_of(WORKER, SEGMENT), offset) + payload


def stretch(count: int, offset: int = 0) -> bytes:
    """Return so many frames, one behind the other."""
    data = b""
    for number in range(count):
        data += frame_at(number, offset + len(data))
    return data


def bin_name(offset: int) -> str:
    """Return the name that the spool gives to bytes from that offset."""
    return damage.name_of(Damaged(Place(WORKER, SEGMENT, offset), 1, None, ""))


def put_aside(root: Path, name: str, data: bytes) -> Path:
    """Put a file into `damaged/`."""
    folder = root / "damaged"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(data)
    return path


def retried(root: Path, log: MemoryLog, files: OsFiles | None = None) -> Retried:
    """Go through what was set aside."""
    metrics = IngestMetrics(CollectorRegistry())
    run = Again(
        root, Tools(log=cast("Log", log), publisher=Publisher(cast("Log", log), metrics), accounts={}, metrics=metrics)
    )
    if files is not None:
        run.files = files
    asyncio.run(run.all())
    if run.away:
        run.result.ended = "away"
    return run.result


def stored(log: MemoryLog) -> Sequence[str]:
    """Return the ids of the raw records in the log, in order."""
    return [dict(one.headers)["ce_id"].decode() for one in log.records if one.topic == WEBHOOKS.name]


def names(root: Path) -> Sequence[str]:
    """Return what is set aside."""
    return sorted(path.name for path in (root / "damaged").iterdir())


def refuses(*numbers: int) -> MemoryLog:
    """Return a log that never takes these webhooks."""
    ids = {webhook(number).id.encode() for number in numbers}

    def refused(record: Record) -> bool:
        return record.topic == WEBHOOKS.name and dict(record.headers)["ce_id"] in ids

    return MemoryLog(refuses=refused)


def test_a_webhook_that_was_refused_goes_to_the_log_under_its_id(tmp_path: Path) -> None:
    """The topic takes it now; nothing of it is left behind."""
    put_aside(tmp_path, bin_name(900), frame_at(1, 900))
    log = MemoryLog()
    assert retried(tmp_path, log) == Retried(published=1)
    assert list(stored(log)) == [webhook(1).id]
    assert names(tmp_path) == []


def test_a_webhook_that_is_refused_again_stays(tmp_path: Path) -> None:
    """As it was, byte for byte."""
    path = put_aside(tmp_path, bin_name(0), stretch(1))
    assert retried(tmp_path, refuses(0)) == Retried(refused=1)
    assert path.read_bytes() == stretch(1)


def test_damage_stays(tmp_path: Path) -> None:
    """A byte of the body is another: that is no webhook of ours."""
    data = stretch(1)[:-1] + b"?"
    path = put_aside(tmp_path, bin_name(0), data)
    log = MemoryLog()
    assert retried(tmp_path, log) == Retried(broken=1)
    assert (path.read_bytes(), log.records) == (data, [])


def test_damage_that_was_set_aside_is_named_as_it_was_in_its_segment(tmp_path: Path) -> None:
    """By the id of its header, also among webhooks that can be read, and where the bytes end inside of it."""
    data = bytearray(stretch(3))
    second, third = len(stretch(1)), len(stretch(2))
    data[second + 40] ^= 0xFF
    path = put_aside(tmp_path, f"{WORKER}-{SEGMENT:016d}.seg", bytes(data[:-7]))
    found = aside.looked_at(path)
    assert list(found.whole) == [webhook(0).id]
    assert [(one.place.offset, one.webhook_id) for one in found.broken] == [
        (second, webhook(1).id),
        (third, webhook(2).id),
    ]


@given(st.binary(max_size=64), st.integers(0, 200))
def test_only_a_header_that_is_right_names_a_webhook(noise: bytes, offset: int) -> None:
    """Whatever bytes a segment ends with."""
    place = Place(WORKER, SEGMENT, offset)
    assert aside.cut_off_id(place, noise) is None
    assert aside.cut_off_id(place, frame_at(1, offset)[:32] + noise) == webhook(1).id


def test_a_file_without_a_byte_counts_as_damage(tmp_path: Path) -> None:
    """A segment that was cut to nothing leaves it; `verify` tells of it too."""
    path = put_aside(tmp_path, bin_name(0), b"")
    assert retried(tmp_path, MemoryLog()) == Retried(broken=1)
    assert [one.length for one in aside.looked_at(path).broken] == [0]


def test_a_frame_of_another_place_is_none(tmp_path: Path) -> None:
    """A body may hold a copy of a frame; the name of the file says where it must stand."""
    put_aside(tmp_path, bin_name(64), frame_at(1, 0))
    assert retried(tmp_path, MemoryLog()).broken == 1


def test_of_a_whole_segment_only_what_is_left_stays(tmp_path: Path) -> None:
    """Each rest becomes a file of its own, named by its place, so that the next try can read it."""
    data = bytearray(stretch(4))
    third = len(stretch(2))
    data[third + 40] ^= 0xFF
    put_aside(tmp_path, f"{WORKER}-{SEGMENT:016d}.seg", bytes(data))
    log = refuses(1)
    assert retried(tmp_path, log) == Retried(published=2, refused=1, broken=1)
    assert list(stored(log)) == [webhook(0).id, webhook(3).id]
    second = len(stretch(1))
    assert names(tmp_path) == [bin_name(second), bin_name(third)]
    assert retried(tmp_path, MemoryLog()) == Retried(published=1, broken=1)
    assert names(tmp_path) == [bin_name(third)]


def test_a_rest_at_the_beginning_takes_the_place_of_its_file(tmp_path: Path) -> None:
    """The name is the same, the bytes are fewer."""
    path = put_aside(tmp_path, bin_name(0), stretch(2))
    assert retried(tmp_path, refuses(0)) == Retried(published=1, refused=1)
    assert path.read_bytes() == stretch(1)
    assert names(tmp_path) == [path.name]


def test_a_file_that_a_receiver_is_just_making_is_left_to_it(tmp_path: Path) -> None:
    """Its segment still stands, so the copy may not be whole."""
    put_aside(tmp_path, bin_name(0), stretch(2))
    (tmp_path / WORKER).mkdir()
    (tmp_path / WORKER / f"{SEGMENT:016d}.seg").write_bytes(stretch(3))
    log = MemoryLog()
    assert retried(tmp_path, log) == Retried(busy=1)
    assert (names(tmp_path), log.records) == ([bin_name(0)], [])


def test_files_that_no_spool_named_are_left_alone(tmp_path: Path) -> None:
    """Somebody put them there."""
    put_aside(tmp_path, "w-1-1-0.bin", stretch(1))
    put_aside(tmp_path, f"{bin_name(0)}.part", stretch(1))
    (tmp_path / "damaged" / bin_name(0)).symlink_to(tmp_path / "nothing")
    (tmp_path / "damaged" / bin_name(5)).mkdir()
    assert retried(tmp_path, MemoryLog()) == Retried(foreign=2)


def test_a_name_with_an_offset_that_no_file_has_is_none_of_the_spool(tmp_path: Path) -> None:
    """Whatever bytes are in it, it ends nothing."""
    put_aside(tmp_path, bin_name(99_999_999_999_999_999_999), stretch(1))
    assert retried(tmp_path, MemoryLog()) == Retried(foreign=1)


def test_a_note_goes_with_its_file(tmp_path: Path) -> None:
    """It tells which bytes the disk could not read, and is nothing to be read itself."""
    put_aside(tmp_path, bin_name(0), stretch(1))
    put_aside(tmp_path, bin_name(0).replace(".bin", ".gaps"), b"bytes 0 to 5 could not be read")
    assert retried(tmp_path, MemoryLog()) == Retried(published=1)
    assert names(tmp_path) == []


def test_a_file_that_the_disk_cannot_read_keeps_no_other_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays, and is told."""
    bad = put_aside(tmp_path, bin_name(0), stretch(1))
    put_aside(tmp_path, bin_name(5000), frame_at(1, 5000))
    read = Path.read_bytes

    def sick(path: Path) -> bytes:
        if path == bad:
            raise OSError(errno.EIO, "Input/output error")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", sick)
    assert retried(tmp_path, MemoryLog()) == Retried(published=1, broken=1)
    assert names(tmp_path) == [bin_name(0)]


def test_a_log_that_is_away_ends_it(tmp_path: Path) -> None:
    """Nothing is removed that it has not taken."""
    put_aside(tmp_path, bin_name(0), stretch(1))
    put_aside(tmp_path, bin_name(5000), frame_at(1, 5000))
    result = retried(tmp_path, MemoryLog(mood=Mood.AWAY))
    assert (result.published, result.ended) == (0, "away")
    assert len(names(tmp_path)) == 2


class _Cut(OsFiles):
    """A disk whose machine loses its power before one of the operations that change it."""

    def __init__(self, before: int) -> None:
        self.left = before

    def _step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError("cut")

    def create(self, path: Path) -> int:
        self._step()
        return super().create(path)

    def write(self, handle: int, data: bytes) -> None:
        self._step()
        super().write(handle, data)

    def unlink(self, path: Path) -> None:
        self._step()
        super().unlink(path)

    def rename(self, path: Path, target: Path) -> None:
        self._step()
        super().rename(path, target)


@pytest.mark.parametrize("before", range(16))
def test_an_end_at_any_point_loses_nothing(tmp_path: Path, before: int) -> None:
    """All that is not in the log yet can be read by the next try."""
    put_aside(tmp_path, f"{WORKER}-{SEGMENT:016d}.seg", stretch(4))
    with contextlib.suppress(OSError):
        retried(tmp_path, refuses(0, 2), _Cut(before))
    log = MemoryLog()
    retried(tmp_path, log)
    assert {webhook(0).id, webhook(2).id} <= set(stored(log))


@given(st.binary(max_size=300), st.integers(0, 200), st.integers(0, 3))
def test_any_bytes_are_accounted_for(noise: bytes, offset: int, count: int) -> None:
    """What stands in a file is a webhook or damage, without a gap and without an overlap."""
    data = stretch(count, offset) + noise
    contents = aside.contents_of(Place(WORKER, SEGMENT, offset), data)
    assert len(contents.whole) == count
    at = offset
    for item in contents.items:
        assert item.place.offset == at
        at += item.length
    assert at == offset + len(data)


@given(st.text())
@examples(suppress_health_check=[HealthCheck.too_slow])
def test_any_name_has_a_place_or_none(name: str) -> None:
    """Only the spool's own names have."""
    place = aside.place_of(name)
    assert place is None or name in {f"{place.worker}-{place.segment:016d}.seg", bin_name(place.offset)}


def test_the_command_says_how_many_of_each(tmp_path: Path) -> None:
    """One is published, one stays; the status tells; the next one has nothing new to do."""
    desk = Desk(tmp_path)
    desk.write_sound()
    root = tmp_path / "var" / "spool"
    put_aside(root, bin_name(0), stretch(1))
    put_aside(root, bin_name(4000), b"\0" * 50)
    verified = hookline("spool", "verify", cwd=tmp_path)
    assert f"WHOLE set aside earlier: {bin_name(0)}".encode() in verified.stdout
    ended = hookline("spool", "drain", "--damaged", cwd=tmp_path)
    assert ended.returncode == 1, ended.stderr
    assert ended.stdout.splitlines()[0] == b"published 1 webhook that had been set aside"
    assert b"left 1 damaged" in ended.stdout
    assert names(root) == [bin_name(4000)]


def test_only_one_of_them_works_at_a_time(tmp_path: Path) -> None:
    """Two would write the same rests."""
    desk = Desk(tmp_path)
    desk.write_sound()
    put_aside(tmp_path / "var" / "spool", bin_name(0), stretch(1))
    handle = os.open(tmp_path / "var" / "spool" / "damaged", os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        ended = hookline("spool", "drain", "--damaged", cwd=tmp_path)
    finally:
        os.close(handle)
    assert ended.returncode == 1
    assert b"another `hookline spool drain --damaged` works on" in ended.stderr


def test_an_early_end_says_why(tmp_path: Path) -> None:
    """And that it can be run again."""
    advice = at_log.advice(load_config(Desk(tmp_path).write_sound(), {}))
    with pytest.raises(CommandError, match=r"the deadline came; nothing is lost: .* run this again"):
        again.told(Retried(published=1, ended="the deadline came"), advice)
