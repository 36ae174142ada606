"""Commands on a real spool: what a worker wrote is read, checked, written out and drained, and nothing else changes."""

import asyncio
import json
import os
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hookline.errors import CommandError
from hookline.spooling import draining, reading
from hookline.spooling.survey import Torn
from ingest.settings import SpoolSettings
from ingest.spool.contract import Damaged, Spooled
from ingest.spool.spool import Spool
from schemas.webhook import Webhook
from tests.support.front import BODY, Desk, hookline

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


def test_no_spool_is_an_empty_one(desk: Desk) -> None:
    """Nothing was ever spooled here, and asking makes no folder."""
    assert spool_command(desk, "inspect").stdout.endswith(b"0 folders, 0 webhooks, 0 bytes\n")
    assert spool_command(desk, "verify").returncode == 0
    assert spool_command(desk, "drain").returncode == 0
    assert not (desk.folder / "var").exists()


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


def test_a_segment_that_cannot_be_read_is_damage(settings: SpoolSettings) -> None:
    """The disk says no: the place is named, and other segments are read."""
    segment = orphan(settings)
    segment.with_name(f"{2:016d}.seg").mkdir()
    *others, last = reading.items(settings)
    assert [type(item) for item in others] == [Spooled] * 3
    assert isinstance(last, Damaged)
    assert (last.place.segment, last.reason) == (2, "cannot be read: Is a directory")


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
    """They drain their own; what they hold is said and is no failure."""
    spool = await fill(settings, 2)
    try:
        ended = await asyncio.to_thread(spool_command, desk, "drain")
    finally:
        await spool.stop()
    assert ended.returncode == 0
    assert b"drained 0 webhooks; left 0, held by live processes 2" in ended.stdout


def test_drain_with_the_log_away_loses_nothing(settings: SpoolSettings, desk: Desk) -> None:
    """It says so, and that all is still there; the next one drains it."""
    orphan(settings)
    with closing(sqlite3.connect(desk.folder / "log.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        ended = spool_command(desk, "drain", "--deadline", "3")
    assert ended.returncode == 1
    assert b"drained 0 webhooks; left 3" in ended.stdout
    assert [type(item) for item in reading.items(settings)] == [Spooled] * 3
    assert spool_command(desk, "drain").returncode == 0
    assert len(stored_ids(desk)) == 3


def test_the_words_for_a_log_that_takes_nothing_say_where_all_is() -> None:
    """What is away, and that nothing is lost."""
    with pytest.raises(CommandError, match=r"took nothing for .* nothing is lost: 3 webhooks wait in there"):
        draining.told(draining.Drained(drained=0, left=3, held=0, stalled=True), "sqlite:///log.db", "there")
