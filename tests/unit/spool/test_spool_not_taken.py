"""Folders and segments that a worker cannot take over: told and counted, and in nobody's way."""

import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ingest.spool import Spool, untaken
from ingest.spool.files import OsFiles
from tests.support.faulty_files import Disk, FaultyFiles
from tests.support.spooling import add, drain, killed, settings, started

FIRST, SECOND = "0000000000000001.seg", "0000000000000002.seg"


def errors(lines: list[Any]) -> list[Mapping[str, Any]]:
    """Return the lines of the log that call for somebody."""
    return [line for line in lines if line["log_level"] == "error"]


async def left(root: Path, count: int = 3) -> tuple[Path, list[str]]:
    """Leave a folder of a worker that ended, on a real disk, with a segment of so many records; their ids."""
    spool = Spool(settings(root, segment_bytes=1 << 20))
    await spool.start()
    ids = await add(spool, *range(count))
    (name,) = spool.names
    await spool.stop()
    return root / name, ids


async def test_a_folder_that_cannot_be_opened_is_an_alarm_from_the_second_look_on() -> None:
    """A shortage of files passes by itself. When it can be taken at last, the alarm ends and its records come."""
    disk = Disk()
    ids = await killed(disk, 1, 2)
    files = FaultyFiles(disk)
    files.fail(2, times=2, only="lock", code=errno.EACCES)
    with capture_logs() as lines:
        spool, _ = await started(disk, files)
        assert (spool.status().not_taken, errors(lines)) == (0, [])
        await spool._shelf.adopt()
        assert spool.status().not_taken == 1
        (line,) = errors(lines)
        await spool._shelf.adopt()
    assert (line["event"], line["error"]) == ("spool_folder_unreadable", "made to fail")
    assert Path(line["path"]).parent == Path("/spool")
    assert "right" in line["advice"]
    assert spool.status().not_taken == 0
    assert [record.webhook_id for record in (await drain(spool))[0]] == ids
    await spool.stop()


async def test_it_is_told_once_and_then_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at each look, every five seconds."""
    now = 1_000.0
    monkeypatch.setattr("ingest.spool.untaken.time.monotonic", lambda: now)
    made = untaken.Untaken(Path("/spool"))
    with capture_logs() as lines:
        for _ in range(20):
            made.looked({"w-1": PermissionError(errno.EACCES, "no right", "/spool/w-1/lock")})
        assert [line["error"] for line in errors(lines)] == ["/spool/w-1/lock: no right"]
        now += untaken.TELL_EVERY
        made.looked({"w-1": PermissionError(errno.EACCES, "no right")})
        assert len(errors(lines)) == 2


async def test_a_root_that_cannot_be_listed_is_an_alarm() -> None:
    """Nobody knows what is in it."""
    disk = Disk()
    spool, files = await started(disk)
    files.fail(times=2, only="list", code=errno.EACCES)
    for _ in range(2):
        await spool._shelf.adopt()
    assert spool.status().not_taken == 1
    await spool._shelf.adopt()
    assert spool.status().not_taken == 0
    await spool.stop()


def as_folder(path: Path) -> None:
    """Put a folder there."""
    path.mkdir()


def as_dangling_link(path: Path) -> None:
    """Put a link there that leads nowhere."""
    path.symlink_to("/nonexistent/segment")


def as_link_to_a_segment(path: Path) -> None:
    """Put a link there that leads to a segment."""
    path.symlink_to(path.parent / FIRST)


@pytest.mark.parametrize("put", [as_folder, as_dangling_link, as_link_to_a_segment, os.mkfifo])
async def test_what_is_named_like_a_segment_and_is_no_file_is_passed_over(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    """The sound records beside it come, once; nothing is held back; it stays where it is, and is told by its path."""
    folder, ids = await left(tmp_path)
    put(folder / SECOND)
    with capture_logs() as lines:
        spool = Spool(settings(tmp_path))
        await spool.start()
        records, damaged = await drain(spool)
    assert ([record.webhook_id for record in records], damaged) == (ids, [])
    assert (spool.gating, spool.status().not_taken) == (False, 1)
    assert [(line["event"], line["path"]) for line in errors(lines)] == [
        ("spool_segment_is_no_file", str(folder / SECOND))
    ]
    await spool.stop()
    assert SECOND in os.listdir(folder)  # noqa: PTH208 - also a link that leads nowhere
    assert FIRST not in os.listdir(folder)  # noqa: PTH208 - the same


async def test_the_torn_end_before_a_thing_that_is_no_segment_is_no_damage(tmp_path: Path) -> None:
    """The last segment is the last that is one, as `hookline spool verify` has it."""
    folder, ids = await left(tmp_path)
    segment = folder / FIRST
    segment.write_bytes(segment.read_bytes()[:-1])
    (folder / SECOND).mkdir()
    spool = Spool(settings(tmp_path))
    await spool.start()
    records, damaged = await drain(spool)
    assert ([record.webhook_id for record in records], damaged) == (ids[:-1], [])
    await spool.stop()


@pytest.mark.parametrize("put", [as_folder, as_dangling_link])
async def test_a_lock_that_is_no_file_is_an_alarm(tmp_path: Path, put: Callable[[Path], None]) -> None:
    """Nobody can hold the folder then, so nobody drains it."""
    folder, _ = await left(tmp_path)
    (folder / "lock").unlink(missing_ok=True)
    put(folder / "lock")
    spool = Spool(settings(tmp_path))
    await spool.start()
    await spool._shelf.adopt()
    assert spool.status().not_taken == 1
    await spool.stop()


def test_a_link_to_a_file_is_no_file(tmp_path: Path) -> None:
    """Of the real disk."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "file")
    found = {name: OsFiles().is_file(tmp_path / name) for name in ("file", "link", ".")}
    assert found == {"file": True, "link": False, ".": False}
