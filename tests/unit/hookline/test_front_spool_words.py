"""What an operator is told of the spool: counts, ages, damage, and records as lines."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.errors import CommandError
from hookline.record_lines import record_of
from hookline.spooling.aside import Contents
from hookline.spooling.exporting import damaged_line, output, record_line
from hookline.spooling.survey import Folder, Item, SetAside, Share, Survey, Torn, counted
from hookline.spooling.words import damage_lines, size_text, survey_fields, survey_lines, verified_fields
from ingest.spool.contract import Damaged, Place, Spooled
from schemas.webhook import Webhook, webhook_from_record

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
PLACE = Place("w-1", 1, 120)
TORN = Torn(PLACE, 17)
BROKEN = Damaged(replace(PLACE, segment=2), 300, "0b" * 16, "checksum")


def spooled(account: str = "main", provider: str = "telnyx", minutes: int = 0, body: bytes = b"{}") -> Spooled:
    """Return a record that was received so many minutes after noon."""
    webhook = Webhook(
        provider=provider,
        account=account,
        method="POST",
        target=f"/webhooks/{account}",
        headers=(("content-type", "application/json"),),
        body=body,
        received_at=NOON + timedelta(minutes=minutes),
    )
    return Spooled(PLACE, 100, webhook.id, webhook)


def folder(*items: Item, held: bool = False) -> Folder:
    """Return what was counted of a folder with these items."""
    return counted("w-1", items, held=held, segments=2, size=2048)


def survey(*folders: Folder, **more: Any) -> Survey:
    """Return a spool of these folders."""
    return Survey(root="/var/spool", folders=folders, **more)


def test_records_are_counted_by_account_and_provider() -> None:
    """The oldest is the one that was received first, wherever it stands."""
    found = folder(spooled(minutes=5), spooled(minutes=1), spooled("mm", "messagemedia", minutes=9), TORN, BROKEN)
    assert found.shares == (Share("main", "telnyx", 2), Share("mm", "messagemedia", 1))
    assert found.records == 3
    assert found.oldest == NOON + timedelta(minutes=1)
    assert (found.torn, found.damaged) == ((TORN,), (BROKEN,))


def test_a_person_reads_who_holds_what_and_since_when() -> None:
    """An orphan with webhooks is written large."""
    lines = survey_lines(survey(folder(spooled(), held=True), folder(spooled(), BROKEN)), NOON + timedelta(minutes=12))
    assert lines == [
        "/var/spool: 2 folders, 2 webhooks, 4.0 KiB",
        "  w-1  held by a live process: 2 segments, 1 webhook, 2.0 KiB, oldest 2026-01-15T12:00:00.000Z (12 min ago)",
        "    main (telnyx): 1",
        "  w-1  ORPHANED: 2 segments, 1 webhook, 2.0 KiB, oldest 2026-01-15T12:00:00.000Z (12 min ago)",
        "    main (telnyx): 1",
        "    DAMAGED: 1 place; `hookline spool verify` names them",
    ]


def test_a_program_reads_the_same() -> None:
    """With numbers as numbers and nothing for an empty folder's oldest."""
    found = survey_fields(survey(folder(spooled(), TORN), folder(), set_aside=(SetAside("x.bin", 7),)))
    assert json.loads(json.dumps(found)) == {
        "dir": "/var/spool",
        "records": 1,
        "bytes": 4096,
        "folders": [
            fields_of(records=1, oldest="2026-01-15T12:00:00.000Z", torn_tails=1, accounts=[
                {"account": "main", "provider": "telnyx", "records": 1}
            ]),
            fields_of(records=0, oldest=None, torn_tails=0, accounts=[]),
        ],
        "set_aside": [{"file": "x.bin", "bytes": 7, "whole_webhooks": [], "damaged": 0}],
        "strays": [],
    }  # fmt: skip


def fields_of(**own: Any) -> Mapping[str, Any]:
    """Return the fields of an orphaned folder."""
    return {"worker": "w-1", "held": False, "segments": 2, "bytes": 2048, "damaged": 0, **own}


def test_damage_is_named_by_id_or_place() -> None:
    """Also what was set aside earlier; a torn tail is told and does not count."""
    found = survey(folder(TORN, BROKEN), set_aside=(SetAside("x.bin", 7),))
    tail = "w-1/0000000000000001.seg:120"
    mostly = "a write that was cut before its answer; acknowledged bytes that a disk lost look the same"
    assert damage_lines(found) == [
        f"DAMAGED w-1/0000000000000002.seg:120, 300 bytes, webhook {'0b' * 16}: checksum",
        "DAMAGED set aside earlier: x.bin, 7 bytes, a file that no spool has named",
        f"torn tail, not counted as damage: {tail}, 17 bytes, webhook unknown: mostly {mostly}",
    ]


def test_each_broken_place_of_a_file_that_was_set_aside_has_a_line() -> None:
    """With the id that it had before; only a file in which nothing is broken is called whole."""
    aside = (
        SetAside("a.bin", 2048, ("0a" * 16,)),
        SetAside("b.seg", 4096, ("0c" * 16, "0d" * 16), (BROKEN, replace(BROKEN, webhook_id=None))),
    )
    place = "w-1/0000000000000002.seg:120, 300 bytes"
    assert damage_lines(survey(set_aside=aside)) == [
        f"WHOLE set aside earlier: a.bin, 2.0 KiB, 1 webhook can be read ({'0a' * 16})",
        f"DAMAGED set aside earlier: b.seg, {place}, webhook {'0b' * 16}: checksum",
        f"DAMAGED set aside earlier: b.seg, {place}, webhook unknown: checksum",
        f"IN PART set aside earlier: b.seg, 4.0 KiB, 2 webhooks can be read ({'0c' * 16}, {'0d' * 16})",
    ]


def test_a_program_reads_of_all_damage_with_the_file_that_has_it() -> None:
    """Null where it still stands in its segment."""
    found = verified_fields(survey(folder(BROKEN), set_aside=(SetAside("b.seg", 4096, (), (BROKEN,)),)))
    assert [(one["file"], one["webhook_id"]) for one in found["damaged"]] == [(None, "0b" * 16), ("b.seg", "0b" * 16)]
    assert found["set_aside"] == [{"file": "b.seg", "bytes": 4096, "whole_webhooks": [], "damaged": 1}]


@pytest.mark.parametrize(
    ("found", "damage"),
    [
        (survey(folder(spooled(), TORN)), False),
        (survey(folder(BROKEN)), True),
        (survey(set_aside=(SetAside("x.bin", 7),)), True),
    ],
)
def test_a_torn_tail_is_no_damage(found: Survey, *, damage: bool) -> None:
    """Mostly nobody was told that it is kept, and nothing can tell where it was otherwise."""
    assert found.damage is damage


@given(st.binary(), st.sampled_from(["main", "konto-ä"]))
def test_a_line_of_a_record_gives_the_webhook_back(body: bytes, account: str) -> None:
    """As `hookline tail` prints it, so that what reads those lines reads these."""
    record = spooled(account, body=body)
    assert webhook_from_record(record_of(record_line(record))) == record.webhook


def test_a_line_of_a_record_says_where_it_stands() -> None:
    """It has no place in the log yet."""
    fields = orjson.loads(record_line(spooled()))
    assert (fields["spool"], fields["partition"], fields["offset"]) == ("w-1/0000000000000001.seg:120", -1, -1)


@given(st.binary())
def test_a_line_of_damage_has_all_bytes(data: bytes) -> None:
    """Whatever they are."""
    fields = orjson.loads(damaged_line("x.bin", data, Contents()))
    assert (fields["file"], base64.b64decode(fields["bytes_base64"])) == ("x.bin", data)


def test_a_file_of_records_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Bodies are personal data."""
    path = tmp_path / "out.jsonl"
    with output(path) as file:
        file.write(b"x\n")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == b"x\n"


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    """It may be the only copy, and has whatever rights it has."""
    path = tmp_path / "out.jsonl"
    path.write_bytes(b"kept")
    with pytest.raises(CommandError, match="is there already"), output(path):
        pass
    assert path.read_bytes() == b"kept"


def test_a_file_that_cannot_be_is_told(tmp_path: Path) -> None:
    """In plain words."""
    with pytest.raises(CommandError, match="cannot be written"), output(tmp_path / "no" / "out.jsonl"):
        pass


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (3 << 30, "3.0 GiB"), (1 << 50, "1024.0 TiB")],
)
def test_sizes_have_units(size: int, text: str) -> None:
    """The one that suits them."""
    assert size_text(size) == text
