"""`hookline spool drain` on a real spool: what goes to the log, what is left, and how that is told."""

import asyncio
import errno
import fcntl
import json
import os
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from broker.log import LogState
from hookline.configuration.config import load_config
from hookline.errors import CommandError
from hookline.spooling import draining, reading
from hookline.spooling.draining import Drained
from ingest.settings import SpoolSettings
from ingest.spool.contract import Spooled
from ingest.spool.files import OsFiles
from tests.support.front import HOOKLINE, Desk, hookline
from tests.support.spool_on_disk import fill, orphan, spool_command, webhook


@pytest.fixture
def settings(tmp_path: Path) -> SpoolSettings:
    """Return a spool beside the configuration of `desk`."""
    return SpoolSettings(dir=str(tmp_path / "var" / "spool"))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a folder with a sound configuration."""
    desk = Desk(tmp_path)
    desk.write_sound()
    return desk


def stored_ids(desk: Desk) -> set[str]:
    """Return the ids of the raw records in the log."""
    words = ("--topic", "messaging.webhooks.v1", "--from", "earliest", "--no-follow")
    lines = hookline("tail", *words, cwd=desk.folder).stdout.splitlines()
    return {json.loads(line)["headers"]["ce_id"] for line in lines}


def test_drain_publishes_what_dead_workers_left(settings: SpoolSettings, desk: Desk) -> None:
    """Also of an account that has left the configuration; then the folders are gone."""
    orphan(settings, 300)
    orphan(settings, 1, "gone")
    ended = spool_command(desk, "drain")
    assert ended.returncode == 0, ended.stderr
    assert b"drained 301 webhooks; left 0, held by live processes 0" in ended.stdout
    assert stored_ids(desk) == {*(webhook(number).id for number in range(300)), webhook(0, "gone").id}
    assert not list(Path(settings.dir).glob("w-*"))


async def test_drain_leaves_live_workers_alone(settings: SpoolSettings, desk: Desk) -> None:
    """They drain their own; what they hold is named, and is not yet in the log."""
    spool = await fill(settings, 2)
    try:
        ended = await asyncio.to_thread(spool_command, desk, "drain")
    finally:
        await spool.stop()
    assert ended.returncode == 1
    assert b"drained 0 webhooks; left 0, held by live processes 2" in ended.stdout
    assert b": 2 webhooks; its process lives and drains them" in ended.stdout


def test_a_lock_that_is_held_for_a_moment_hides_nothing(settings: SpoolSettings, desk: Desk) -> None:
    """Somebody looked at the folder in the moment of the start: it is drained as soon as it is free."""
    worker = orphan(settings).parent
    handle = os.open(worker / "lock", os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        words = (*HOOKLINE, "spool", "drain")
        drain = subprocess.Popen(words, cwd=desk.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while len(list(Path(settings.dir).glob("w-*/lock"))) < 2:
            time.sleep(0.01)
    finally:
        os.close(handle)
    told, errors = drain.communicate(timeout=50)
    assert drain.returncode == 0, errors
    assert b"drained 3 webhooks; left 0, held by live processes 0" in told


def test_drain_with_the_log_away_loses_nothing(settings: SpoolSettings, desk: Desk) -> None:
    """It says so, and that all is still there; the next one drains it."""
    orphan(settings)
    with closing(sqlite3.connect(desk.folder / "log.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        ended = spool_command(desk, "drain", "--deadline", "3")
    assert ended.returncode == 1
    assert b"drained 0 webhooks; left 3" in ended.stdout
    assert b"3 webhooks wait in" in ended.stderr
    assert b"took nothing for" in ended.stderr or b"could be read or stored" in ended.stderr
    assert b"nothing is lost" in ended.stderr
    assert [type(item) for item in reading.items(settings)] == [Spooled] * 3
    assert spool_command(desk, "drain").returncode == 0
    assert len(stored_ids(desk)) == 3


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (
            Drained(drained=0, left=3, idle=4.0, state=LogState.AWAY),
            "is away and took nothing for 4 s; 3 webhooks wait",
        ),
        (Drained(drained=9, left=3, idle=1.0), "the deadline of 5 s came first; 3 webhooks wait"),
        (
            Drained(drained=0, unknown=True, idle=5.0),
            "nothing of .* could be read or stored for 5 s; an unknown number of webhooks wait",
        ),
        (Drained(drained=9, hidden="x: Permission denied"), "^x: Permission denied; what waits there is unknown, and"),
    ],
)
def test_the_words_say_why_something_is_left(desk: Desk, ended: Drained, said: str) -> None:
    """And that nothing is lost."""
    with pytest.raises(CommandError, match=f"{said}.*nothing is lost"):
        draining.told(ended, load_config(desk.config, {}), 5.0)


def test_what_was_set_aside_meanwhile_has_a_status(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not in the log."""
    assert draining.told(Drained(drained=9, set_aside=1), load_config(desk.config, {}), 5.0) == 1
    assert "set aside 1, damaged or refused" in capsys.readouterr().out


def drained_here(desk: Desk, deadline: float = 2.0) -> int:
    """Drain in this process, so that a test can be the disk."""
    return draining.drain(load_config(desk.config, {}), deadline)


def deny(monkeypatch: pytest.MonkeyPatch, work: str, bad: Path) -> None:
    """Let the disk refuse one operation on one path."""
    real = getattr(OsFiles, work)

    def denied(files: OsFiles, path: Path, *more: object) -> object:
        if path == bad:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(files, path, *more)

    monkeypatch.setattr(OsFiles, work, denied)


def test_a_drained_segment_that_cannot_be_removed_is_left(
    settings: SpoolSettings, desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its webhooks are in the log, and would go there again: that is no good end, and the path is told."""
    segment = orphan(settings)
    deny(monkeypatch, "unlink", segment)
    told = rf"drained, and not removed: {segment} \(Permission denied\); .* again, under the same ids: give this user"
    with pytest.raises(CommandError, match=told) as raised:
        drained_here(desk, 30.0)
    assert "doctor" not in str(raised.value)
    assert "drained 3 webhooks; left 0" in capsys.readouterr().out
    assert len(stored_ids(desk)) == 3


def test_damage_that_has_no_other_place_yet_keeps_its_segment(
    settings: SpoolSettings, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be made in the spool's folder: the segment stays, and that is told."""
    segment = orphan(settings)
    data = bytearray(segment.read_bytes())
    data[40] ^= 0xFF
    segment.write_bytes(data)
    deny(monkeypatch, "mkdir", Path(settings.dir) / "damaged")
    with pytest.raises(
        CommandError, match=rf"not removed: {segment} \(what was damaged in it has no other place yet\)"
    ):
        drained_here(desk, 30.0)


def test_a_segment_that_may_not_be_read_is_named_with_the_error(
    settings: SpoolSettings, desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log is healthy, so it is not spoken of; and nobody knows how many webhooks wait there."""
    segment = orphan(settings)
    deny(monkeypatch, "read", segment)
    told = (
        rf"^not drained: {segment} \(Permission denied\); an unknown number of webhooks wait there, .*: give this user"
    )
    with pytest.raises(CommandError, match=told) as raised:
        drained_here(desk)
    assert "doctor" not in str(raised.value)
    assert "drained 0 webhooks; left an unknown number" in capsys.readouterr().out


def test_a_lock_that_is_a_folder_is_named(settings: SpoolSettings, desk: Desk) -> None:
    """What waits beside it can be counted, and what waits elsewhere is drained."""
    worker = orphan(settings).parent
    orphan_again = SpoolSettings(dir=str(worker.parent.parent / "other"))
    other = orphan(orphan_again, 2, "second").parent
    other.rename(worker.parent / other.name)
    (worker / "lock").unlink(missing_ok=True)
    (worker / "lock").mkdir()
    ended = spool_command(desk, "drain", "--deadline", "3")
    assert ended.returncode == 1
    assert b"drained 2 webhooks; left 3, held" in ended.stdout
    assert f"not drained: {worker}/lock (Is a directory); 3 webhooks wait, nothing is lost".encode() in ended.stderr
    assert b"doctor" not in ended.stderr


def test_a_link_in_place_of_a_segment_is_no_good_end(settings: SpoolSettings, desk: Desk) -> None:
    """Nobody knows what it pointed to."""
    worker = orphan(settings).parent
    link = worker / f"{9:016d}.seg"
    link.symlink_to(worker / "nothing")
    ended = spool_command(desk, "drain", "--deadline", "3")
    assert ended.returncode == 1
    assert f"not drained: {link} (a link, no file); ".encode() in ended.stderr
    assert b"or more" in ended.stdout or b"an unknown number" in ended.stdout


def test_a_torn_end_that_is_removed_last_is_no_remainder(settings: SpoolSettings, desk: Desk) -> None:
    """It goes when the command lets go of its folders."""
    segment = orphan(settings, 1)
    os.truncate(segment, 10)
    assert drained_here(desk, 30.0) == 0
    assert not segment.exists()
