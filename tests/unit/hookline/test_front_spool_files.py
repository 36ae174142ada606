"""Commands on a real spool: what a worker wrote is read, checked, written out and drained, and nothing else changes."""

import asyncio
import errno
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from hookline.errors import CommandError
from hookline.spooling import reading
from hookline.spooling.survey import Torn
from ingest.settings import SpoolSettings
from ingest.spool.contract import Damaged, Spooled
from ingest.spool.files import OsFiles
from tests.support.front import Desk
from tests.support.spool_on_disk import NOON, fill, orphan, spool_command, webhook


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
    """The process was killed in the midst of its last write; the id that its header still has can be looked for."""
    segment = orphan(settings)
    *_, last = (item for item in reading.items(settings) if isinstance(item, Spooled))
    os.truncate(segment, segment.stat().st_size - 5)
    ended = spool_command(desk, "verify")
    assert ended.returncode == 0, ended.stdout
    assert b"torn tail, not counted as damage" in ended.stdout
    assert [type(item) for item in reading.items(settings)] == [Spooled, Spooled, Torn]
    (tail,) = json.loads(spool_command(desk, "verify", "--json").stdout)["torn_tails"]
    assert (tail["bytes"], tail["webhook_id"]) == (last.length - 5, last.webhook_id)


@pytest.mark.parametrize("kept", [1, 31])
def test_a_torn_tail_without_its_header_has_no_id(settings: SpoolSettings, kept: int) -> None:
    """What is left of it proves nothing."""
    segment = orphan(settings)
    *_, last = (item for item in reading.items(settings) if isinstance(item, Spooled))
    os.truncate(segment, last.place.offset + kept)
    *_, torn = reading.items(settings)
    assert torn == Torn(last.place, kept, None)


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


def test_what_stands_in_damaged_and_is_no_file_is_named(settings: SpoolSettings, desk: Desk) -> None:
    """A link, a folder or a pipe is no damage, and nobody opens it."""
    damaged = Path(settings.dir) / "damaged"
    damaged.mkdir(parents=True)
    (damaged / "a.bin").symlink_to(desk.config)
    (damaged / "b.bin").mkdir()
    os.mkfifo(damaged / "c.bin")
    named = [b"damaged/a.bin (a link)", b"damaged/b.bin (a folder)", b"damaged/c.bin (neither a file nor a folder)"]
    for words in (("verify",), ("inspect",), ("drain", "--damaged")):
        ended = spool_command(desk, *words)
        assert ended.returncode == 0, ended.stdout
        told = [line.strip().removeprefix(b"not of the spool, passed over: ") for line in ended.stdout.splitlines()]
        assert [line for line in told if line.startswith(b"damaged/")] == named


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
