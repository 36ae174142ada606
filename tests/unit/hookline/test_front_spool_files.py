"""Commands on a real spool: what a worker wrote is read, checked, written out and drained, and nothing else changes."""

import asyncio
import errno
import fcntl
import json
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broker.log import LogState
from hookline.configuration.config import load_config
from hookline.errors import CommandError
from hookline.spooling import draining, reading
from hookline.spooling.draining import Drained
from hookline.spooling.survey import Torn
from ingest.settings import SpoolSettings
from ingest.spool.contract import Damaged, Spooled
from ingest.spool.files import OsFiles
from ingest.spool.spool import Spool
from schemas.webhook import Webhook
from tests.support.front import BODY, HOOKLINE, Desk, hookline

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def webhook(number: int, account: str = "main") -> Webhook:
    """Return a webhook of that account."""
    return Webhook(
        provider="telnyx",
        account=account,
        method="POST",
        target=f"/webhooks/{account}",
        headers=(("content-type", "application/json"),),
        body=BODY.replace(b'"m1"', b'"m%d"' % number),
        received_at=NOON,
    )


async def fill(settings: SpoolSettings, count: int, account: str = "main") -> Spool:
    """Let a worker spool so many webhooks; it still runs."""
    spool = Spool(settings)
    await spool.start()
    for number in range(count):
        one = webhook(number, account)
        await spool.add(one.id, one, 10.0)
    return spool


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


def orphan(settings: SpoolSettings, count: int = 3, account: str = "main") -> Path:
    """Leave so many webhooks behind, and return the newest segment."""

    async def work() -> None:
        await (await fill(settings, count, account)).stop()

    asyncio.run(work())
    return max(Path(settings.dir).glob("w-*/*.seg"), key=lambda path: path.stat().st_mtime_ns)


def spool_command(desk: Desk, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Run `hookline spool` in the folder."""
    return hookline("spool", *words, cwd=desk.folder)


def state_of(root: Path) -> Mapping[str, tuple[int, int]]:
    """Return all files with their size and the time of their last change."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in root.rglob("*")}


def flip(path: Path, offset: int) -> None:
    """Change one byte."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 0xFF
    path.write_bytes(data)


async def test_a_live_worker_is_told_from_an_orphan(settings: SpoolSettings) -> None:
    """By the lock that its process holds."""
    await asyncio.to_thread(orphan, settings, 3)
    (orphaned,) = (await asyncio.to_thread(reading.survey, settings)).folders
    assert (orphaned.held, orphaned.records, orphaned.segments, orphaned.oldest) == (False, 3, 1, NOON)
    # A live worker adopts the orphan, and holds it as it holds its own.
    spool = await fill(settings, 2, "second")
    try:
        folders = (await asyncio.to_thread(reading.survey, settings)).folders
        assert sorted((folder.held, folder.records) for folder in folders) == [(True, 2), (True, 3)]
    finally:
        await spool.stop()


def test_reading_changes_nothing(settings: SpoolSettings, desk: Desk) -> None:
    """No file, no size, no time of a change."""
    orphan(settings)
    before = state_of(Path(settings.dir))
    for words in (("inspect",), ("inspect", "--json"), ("verify",), ("export",), ("export", "--damaged")):
        ended = spool_command(desk, *words)
        assert ended.returncode == 0, ended.stderr
    assert state_of(Path(settings.dir)) == before


def test_inspect_prints_json(settings: SpoolSettings, desk: Desk) -> None:
    """For a program that watches."""
    orphan(settings)
    fields = json.loads(spool_command(desk, "inspect", "--json").stdout)
    assert (fields["records"], fields["folders"][0]["held"]) == (3, False)
    assert fields["folders"][0]["accounts"] == [{"account": "main", "provider": "telnyx", "records": 3}]


def test_no_spool_is_told(desk: Desk) -> None:
    """The configuration may be another one than the receiver's; asking makes no folder."""
    for words in (("inspect",), ("verify",), ("export",), ("drain",), ("drain", "--damaged")):
        ended = spool_command(desk, *words)
        assert ended.returncode == 1
        assert f"hookline: there is no spool at {desk.folder}/var/spool: no receiver".encode() in ended.stderr
    assert not (desk.folder / "var").exists()


def test_no_spool_is_right_where_none_is_wanted(desk: Desk) -> None:
    """It is turned off, and nothing was left before that."""
    desk.write_sound("[spool]", "max_bytes = 0")
    ended = spool_command(desk, "verify")
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"none is wanted" in ended.stdout


def test_an_empty_spool_is_all_good(settings: SpoolSettings, desk: Desk) -> None:
    """A receiver has run, and nothing is left."""
    Path(settings.dir).mkdir(parents=True)
    assert spool_command(desk, "inspect").stdout.endswith(b"0 folders, 0 webhooks, 0 bytes\n")
    for words in (("verify",), ("export",), ("drain",), ("drain", "--damaged")):
        assert spool_command(desk, *words).returncode == 0


@pytest.mark.parametrize("words", [("inspect",), ("verify",), ("export",), ("drain",), ("drain", "--damaged")])
def test_a_file_in_place_of_the_spool_is_told(desk: Desk, words: tuple[str, ...]) -> None:
    """What, where, and what to do; nothing is touched."""
    (desk.folder / "var").mkdir()
    (desk.folder / "var" / "spool").write_bytes(b"kept")
    ended = spool_command(desk, *words)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"hookline: {desk.folder}/var/spool is no folder: let `dir`".encode())
    assert (desk.folder / "var" / "spool").read_bytes() == b"kept"


@pytest.mark.parametrize(
    "words",
    [
        ("inspect", "--damaged"),
        ("inspect", "--output", "x"),
        ("verify", "--deadline", "3"),
        ("export", "--json"),
        ("drain", "--output", "x"),
        ("drain", "--json"),
        ("drain", "--deadline", "0"),
        ("drain", "--deadline", "nan"),
        ("mend",),
        (),
    ],
)
def test_an_option_that_an_action_does_not_know_is_a_wrong_call(desk: Desk, words: tuple[str, ...]) -> None:
    """It is never passed over in silence."""
    ended = spool_command(desk, *words)
    assert ended.returncode == 2
    assert b"error: " in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_verify_names_damage_and_has_a_status(settings: SpoolSettings, desk: Desk) -> None:
    """A byte of the second body is another: that one is named by its id, and the others are read."""
    segment = orphan(settings)
    second = [item for item in reading.items(settings) if isinstance(item, Spooled)][1]
    flip(segment, second.place.offset + second.length - 1)
    ended = spool_command(desk, "verify")
    assert ended.returncode == 1
    assert second.webhook_id.encode() in ended.stdout
    assert b"read 2 webhooks" in ended.stdout


def test_a_torn_tail_is_told_and_is_no_damage(settings: SpoolSettings, desk: Desk) -> None:
    """The process was killed in the midst of its last write."""
    segment = orphan(settings)
    os.truncate(segment, segment.stat().st_size - 5)
    ended = spool_command(desk, "verify")
    assert ended.returncode == 0, ended.stdout
    assert b"torn tail, no damage" in ended.stdout
    assert [type(item) for item in reading.items(settings)] == [Spooled, Spooled, Torn]


def test_a_damaged_header_costs_its_record_alone(settings: SpoolSettings) -> None:
    """Reading goes on at the next header that is right."""
    segment = orphan(settings)
    flip(segment, 5)
    first, *others = reading.items(settings)
    assert isinstance(first, Damaged)
    assert [type(item) for item in others] == [Spooled, Spooled]


def test_a_segment_that_cannot_be_read_is_damage(settings: SpoolSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk says no: the place is named, and other segments are read."""
    segment = orphan(settings)
    bad = segment.with_name(f"{2:016d}.seg")
    bad.write_bytes(b"x" * 100)
    read = OsFiles.read

    def sick(files: OsFiles, path: Path, offset: int, length: int) -> bytes:
        if path == bad:
            raise OSError(errno.EIO, "Input/output error")
        return read(files, path, offset, length)

    monkeypatch.setattr(OsFiles, "read", sick)
    *others, last = reading.items(settings)
    assert [type(item) for item in others] == [Spooled] * 3
    assert isinstance(last, Damaged)
    assert (last.place.segment, last.reason) == (2, "the disk cannot read bytes 0 to 99 of the segment")


def test_a_segment_in_the_midst_that_is_empty_is_damage(settings: SpoolSettings, desk: Desk) -> None:
    """What it held is gone, and nobody can say what that was."""
    segment = orphan(settings)
    shutil.copy(segment, segment.with_name(f"{2:016d}.seg"))
    os.truncate(segment, 0)
    ended = spool_command(desk, "verify", "--json")
    assert ended.returncode == 1
    first, *_ = json.loads(ended.stdout)["damaged"]
    assert (first["place"], first["bytes"]) == (f"{segment.parent.name}/{segment.name}:0", 0)
    assert first["reason"] == "the segment is empty, and what it held is gone"


def test_a_last_segment_that_is_empty_is_no_damage(settings: SpoolSettings, desk: Desk) -> None:
    """The process was killed between making it and writing to it."""
    orphan(settings).with_name(f"{2:016d}.seg").touch()
    assert spool_command(desk, "verify").returncode == 0


def litter(root: Path, worker: Path) -> None:
    """Put into a spool what has no place there."""
    (root / "w-0000000000000000").write_bytes(b"a file")
    (root / "w-00000000ffffffff").symlink_to(worker)
    (root / "w-00000001ffffffff").symlink_to(root / "nothing")
    os.mkfifo(root / "w-00000002ffffffff")
    (root / "notes.txt").write_bytes(b"mine")
    (worker / "core").write_bytes(b"mine")
    (worker / f"{8:016d}.seg").mkdir()
    os.mkfifo(worker / f"{9:016d}.seg")


def test_what_has_no_place_in_a_spool_is_named_and_passed_over(settings: SpoolSettings, desk: Desk) -> None:
    """By every action that only reads."""
    worker = orphan(settings).parent
    litter(Path(settings.dir), worker)
    told = spool_command(desk, "inspect").stdout
    assert b"1 folder, 3 webhooks" in told
    assert b"not of the spool, passed over: w-00000000ffffffff (a link)" in told
    verified = spool_command(desk, "verify", "--json")
    assert verified.returncode == 0, verified.stdout
    assert len(json.loads(verified.stdout)["strays"]) == 8
    assert len(spool_command(desk, "export").stdout.splitlines()) == 3


def test_a_link_to_a_workers_folder_is_not_drained_by_its_name(settings: SpoolSettings, desk: Desk) -> None:
    """Under another name all of it would seem damaged."""
    worker = orphan(settings).parent
    (Path(settings.dir) / "w-0000000000000000").symlink_to(worker)
    (Path(settings.dir) / "w-0000000000000001").write_bytes(b"a file")
    ended = spool_command(desk, "drain")
    assert (ended.returncode, b"Traceback" in ended.stderr) == (0, False), ended.stderr
    assert b"drained 3 webhooks; left 0" in ended.stdout


def test_export_writes_what_waits(settings: SpoolSettings, desk: Desk) -> None:
    """Every record once, exact, into a file for its owner alone."""
    orphan(settings)
    assert spool_command(desk, "export", "--output", "out.jsonl").returncode == 0
    path = desk.folder / "out.jsonl"
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [line["headers"]["ce_id"] for line in lines] == [webhook(number).id for number in range(3)]
    assert path.stat().st_mode & 0o777 == 0o600
    assert spool_command(desk, "export").stdout == path.read_bytes()


def test_damage_that_was_set_aside_is_written_out(settings: SpoolSettings, desk: Desk) -> None:
    """Its bytes as they are; and `verify` does not let it be forgotten."""
    folder = Path(settings.dir) / "damaged"
    folder.mkdir(parents=True)
    (folder / "w-1-1-0.bin").write_bytes(b"\x00broken")
    assert json.loads(spool_command(desk, "export", "--damaged").stdout) == {
        "file": "w-1-1-0.bin",
        "place": None,
        "whole_webhooks": [],
        "damaged": [],
        "bytes_base64": "AGJyb2tlbg==",
    }
    assert spool_command(desk, "verify").returncode == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_told(settings: SpoolSettings) -> None:
    """The operator is another user than the receiver."""
    segment = orphan(settings)
    segment.chmod(0)
    with pytest.raises(CommandError, match="as the user of the receiver"):
        reading.survey(settings)


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
        (Drained(drained=0, unread=True, idle=5.0), "nothing of .* could be read or stored for 5 s; 0 webhooks wait"),
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
