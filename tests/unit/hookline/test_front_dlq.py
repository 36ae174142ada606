"""`hookline dlq` on an embedded log: what it prints, what it asks, what it leaves."""

import asyncio
import base64
import json
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from broker.embedded import EmbeddedLog
from broker.log import LogUnavailableError
from hookline import cli
from hookline.configuration.config import load_config
from schemas.records import Record, StoredRecord
from schemas.times import format_time, from_millis
from schemas.topics import INBOUND, retry_topic
from tests.support.consumers import PERSON
from tests.support.dead_letters import DIED_AT, GROUP, LETTERS, letter
from tests.support.embedded import opened
from tests.support.front import Desk, hookline
from tests.support.logs import read_all

RETRIES = retry_topic(INBOUND, GROUP).name


@dataclass
class Told:
    """What a command printed and with which status it ended."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of its standard output."""
        return self.out.splitlines()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a folder with a sound configuration."""
    desk = Desk(tmp_path)
    desk.write_sound()
    return desk


Run = Callable[..., Told]


@pytest.fixture
def dlq(desk: Desk, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Return what runs `hookline dlq` in this process."""

    def run(action: str, *words: str) -> Told:
        capfdbinary.readouterr()
        try:
            status = cli.main(["dlq", action, *words, "--config", str(desk.config)])
        except SystemExit as ended:
            status = int(str(ended.code))
        out, err = capfdbinary.readouterr()
        return Told(status, out.decode(), err.decode())

    return run


def put(desk: Desk, *records: Record) -> list[str]:
    """Append letters and return their places."""

    async def append() -> list[str]:
        async with opened(desk.folder / "log.db") as log:
            places = await log.append(records, 5)
        return [f"{one.partition.topic}:{one.partition.number}:{one.offset}" for one in places]

    return asyncio.run(append())


def waiting(desk: Desk) -> list[StoredRecord]:
    """Return what stands in the retry topic."""

    async def read() -> list[StoredRecord]:
        async with opened(desk.folder / "log.db") as log:
            return await read_all(log, RETRIES)

    return asyncio.run(read())


def test_a_letter_is_one_line(desk: Desk, dlq: Run) -> None:
    """Place, when, reason, type, event, origin, tries."""
    (place,) = put(desk, letter(5))
    told = dlq("list")
    assert told.status == 0
    assert told.out.split() == [
        place,
        format_time(from_millis(DIED_AT)),
        "handler_failed",
        "messaging.message.received",
        "event-5",
        f"{INBOUND.name}:3:5",
        "2",
    ]


@pytest.mark.parametrize("options", [(), ("--json",), ("--summary",), ("--all",)])
def test_a_list_shows_no_text_and_no_number(desk: Desk, dlq: Run, options: Sequence[str]) -> None:
    """Not even where the reason quotes them."""
    put(desk, letter(1, reason=f"handler_failed: {PERSON} wrote secret words", text="secret words"))
    told = dlq("list", *options)
    assert told.lines
    assert "secret" not in told.out
    assert PERSON.lstrip("+") not in told.out


def test_headers_of_others_do_not_break_a_line(desk: Desk, dlq: Run) -> None:
    """Nor steer the terminal."""
    record = letter(1)
    headers = tuple((name, b"two words\x1b[2J\n" if name == "ce_id" else value) for name, value in record.headers)
    put(desk, Record(record.topic, record.key, record.value, headers, record.timestamp))
    (line,) = dlq("list").lines
    assert len(line.split()) == 7
    assert "\x1b" not in line


def test_a_list_as_json_has_one_object_a_line(desk: Desk, dlq: Run) -> None:
    """With group, account and traceback besides."""
    put(desk, letter(1), letter(2, key="+15550000009"))
    found = [json.loads(line) for line in dlq("list", "--json").lines]
    assert {one["event_id"] for one in found} == {"event-1", "event-2"}
    assert {(one["group"], one["account"], one["traceback"], one["state"]) for one in found} == {
        (GROUP, "main", "0123abcd", "open")
    }
    assert found[0]["origin"]["topic"] == INBOUND.name


def test_a_summary_counts_reasons(desk: Desk, dlq: Run) -> None:
    """The most first."""
    put(desk, letter(1, reason="undecodable: x"), letter(2), letter(3))
    assert [line.split()[:2] for line in dlq("list", "--summary").lines] == [
        ["2", "handler_failed"],
        ["1", "undecodable"],
    ]
    counted = json.loads(dlq("list", "--summary", "--json").lines[0])
    assert counted == {"group": GROUP, "topic": INBOUND.name, "reason": "handler_failed", "letters": 2}


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--reason", "undecodable"), {"event-2"}),
        (("--reason", "undecodable", "--reason", "handler_failed"), {"event-1", "event-2"}),
        (("--account", "other"), {"event-2"}),
        (("--type", "messaging.link.clicked"), set()),
        (("--topic", INBOUND.name), {"event-1", "event-2"}),
        (("--since", format_time(from_millis(DIED_AT + 1))), {"event-2"}),
        (("--until", format_time(from_millis(DIED_AT + 1))), {"event-1"}),
        (("--since", "earliest"), {"event-1", "event-2"}),
        (("--since", "-1s"), set()),
        (("--group", GROUP), {"event-1", "event-2"}),
        (("--group", "team"), {"event-3"}),
        (("--group", "team", "--group", GROUP), {"event-1", "event-2", "event-3"}),
    ],
)
def test_letters_are_chosen(desk: Desk, dlq: Run, options: Sequence[str], found: set[str]) -> None:
    """By reason, account, type, topic, time and group, another team's too."""
    put(desk, letter(1), letter(2, reason="undecodable", account="other", died_at=DIED_AT + 5))
    put(desk, letter(3, topic=f"{INBOUND.name}.team.dlq"))
    told = dlq("list", "--json", *options)
    assert {json.loads(line)["event_id"] for line in told.lines} == found
    assert ("no dead letters" in told.err) is (not found)


def test_a_group_that_has_no_letters_topic_is_told(desk: Desk, dlq: Run) -> None:
    """A name that was mistyped must not look as if all were well."""
    put(desk, letter(1))
    told = dlq("list", "--group", "auto-rply")
    assert told.status == 1
    assert "no dead-letter topic of auto-rply" in told.err
    assert GROUP in told.err


def test_without_a_log_that_is_told(dlq: Run) -> None:
    """And nothing is made."""
    told = dlq("list")
    assert told.status == 1
    assert "there is no log" in told.err


def test_show_prints_all_of_one(desk: Desk, dlq: Run) -> None:
    """Headers, the whole reason, the traceback's digest, the value, and that it is open."""
    (place,) = put(desk, letter(5, text="secret words"))
    told = dlq("show", place)
    assert told.status == 0
    for words in ("handler_failed: ValueError: no such text", "0123abcd", "ce_id: event-5", '"secret words"', "open"):
        assert words in told.out
    whole = json.loads(dlq("show", place, "--json").out)
    assert whole["value"]["text"] == "secret words"
    assert (whole["place"], whole["state"], whole["headers"]["ce_id"]) == (place, "open", "event-5")


@pytest.mark.parametrize(
    ("value", "printed"), [(b"\xff", base64.b64encode(b"\xff").decode()), (None, "tombstone"), (b"[]", "[]")]
)
def test_show_prints_a_value_of_any_kind(desk: Desk, dlq: Run, value: bytes | None, printed: str) -> None:
    """What could not be decoded is what is looked at."""
    record = letter(5)
    (place,) = put(desk, Record(record.topic, record.key, value, record.headers, record.timestamp))
    assert printed in dlq("show", place).out


def test_a_text_cannot_steer_the_terminal_of_who_looks(desk: Desk, dlq: Run) -> None:
    """JSON escapes the usual ones, and not all."""
    (place,) = put(desk, letter(5, text="\x9b2J\x1b[2J", reason="x: \x1b[2J"))
    out = dlq("show", place).out
    assert "\x9b" not in out
    assert "\x1b" not in out


@pytest.mark.parametrize("action", ["show", "redrive", "discard"])
def test_a_place_without_a_letter_is_told(desk: Desk, dlq: Run, action: str) -> None:
    """Before anything is done."""
    put(desk, letter(5))
    told = dlq(action, f"{LETTERS}:0:99")
    assert (told.status, "there is no dead letter" in told.err) == (1, True)


def test_a_redriven_letter_waits_in_the_retry_topic_and_is_off_the_list(desk: Desk, dlq: Run) -> None:
    """By its place; the other one stays."""
    place, _ = put(desk, letter(1), letter(2))
    told = dlq("redrive", place, "--yes")
    assert told.status == 0
    assert "redriven 1 letter" in told.out
    assert [record.text_header("ce_id") for record in waiting(desk)] == ["event-1"]
    assert [line.split()[4] for line in dlq("list").lines] == ["event-2"]
    assert [line.split()[-1] for line in dlq("list", "--all").lines] == ["redriven", "open"]
    assert "redriven at" in dlq("show", place).out


def test_the_retry_topic_is_made_as_it_should_be(desk: Desk, dlq: Run) -> None:
    """With the partitions of its origin, and kept as long."""
    put(desk, letter(1))
    dlq("redrive", "--all", "--yes")

    async def kept() -> int | None:
        async with opened(desk.folder / "log.db") as log:
            plan = await log.plan_topics([spec_of_retries()])
            return plan[0].spec.retention_ms if plan[0].change == "keep" else None

    assert asyncio.run(kept()) == retry_topic(INBOUND, GROUP).retention_ms


def spec_of_retries() -> Any:
    """Return what the topic should be."""
    from hookline.topics import _spec  # pyright: ignore[reportPrivateUsage]

    return _spec(retry_topic(INBOUND, GROUP))


def test_a_redrive_by_a_filter_tells_what_it_does(desk: Desk, dlq: Run) -> None:
    """How many of what, and where to."""
    put(desk, letter(1), letter(2), letter(3, reason="undecodable"))
    told = dlq("redrive", "--reason", "handler_failed", "--yes")
    assert "send on 2 letters" in told.out
    assert f"-> {RETRIES}" in told.out
    assert len(waiting(desk)) == 2


def test_what_is_dealt_with_is_passed_over(desk: Desk, dlq: Run) -> None:
    """By place or by filter, with success: the command can be repeated."""
    (place,) = put(desk, letter(1))
    dlq("redrive", place, "--yes")
    again = dlq("redrive", place, "--yes")
    assert (again.status, "is passed over" in again.out) == (0, True)
    assert dlq("redrive", "--all", "--yes").out == "nothing to do: no open letter is meant\n"
    assert len(waiting(desk)) == 1


def test_a_discarded_letter_is_sent_nowhere(desk: Desk, dlq: Run) -> None:
    """It is off the list, and still to be seen."""
    (place,) = put(desk, letter(1))
    assert dlq("discard", "--group", GROUP, "--yes").status == 0
    assert waiting(desk) == []
    assert dlq("list").lines == []
    assert "discarded at" in dlq("show", place).out


@pytest.mark.parametrize("action", ["redrive", "discard"])
@pytest.mark.parametrize(
    "words",
    [("--yes",), ("--all",), (f"{LETTERS}:0:0", "--all", "--yes"), (f"{LETTERS}:0:0", "--reason", "x", "--yes")],
    ids=["no choice", "nobody to ask", "place and all", "place and filter"],
)
def test_a_call_that_leaves_a_question_is_refused(desk: Desk, dlq: Run, action: str, words: Sequence[str]) -> None:
    """With status 2, and nothing is done."""
    put(desk, letter(1))
    assert dlq(action, *words).status == 2
    assert waiting(desk) == []
    assert len(dlq("list").lines) == 1


@pytest.mark.parametrize(("answer", "done"), [("y", True), ("", False), ("no", False)])
def test_on_a_terminal_it_asks(desk: Desk, dlq: Run, answer: str, *, done: bool) -> None:
    """Yes is said in a word; silence is no."""
    put(desk, letter(1))
    terminal = mock.patch("sys.stdin.isatty", return_value=True), mock.patch("sys.stdout.isatty", return_value=True)
    with terminal[0], terminal[1], mock.patch("builtins.input", return_value=answer):
        told = dlq("redrive", "--all")
    assert told.status == (0 if done else 1)
    assert len(waiting(desk)) == done


@pytest.mark.parametrize("words", [("show", "x"), ("show", f"{INBOUND.name}:0:0"), ("list", "--since", "soon")])
def test_a_wrong_call_is_told_with_status_2(dlq: Run, words: Sequence[str]) -> None:
    """What is no place, no dead-letter topic, no time."""
    assert dlq(*words).status == 2


def test_a_log_that_goes_away_leaves_the_rest_for_the_next_call(desk: Desk, dlq: Run) -> None:
    """How many are done is told."""
    put(desk, *(letter(n) for n in range(150)))
    append = EmbeddedLog.append
    calls = 0

    async def failing(self: EmbeddedLog, records: Sequence[Record], wait: float) -> Any:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise LogUnavailableError("the disk is full")
        return await append(self, records, wait)

    with mock.patch.object(EmbeddedLog, "append", failing):
        told = dlq("redrive", "--all", "--yes")
    assert told.status == 1
    assert "redriven 100 letters of 150, then: the disk is full" in told.err
    assert dlq("redrive", "--all", "--yes").out.splitlines()[0] == "send on 50 letters:"
    assert len(waiting(desk)) == 150


async def test_it_works_beside_a_running_receiver(desk: Desk) -> None:
    """Which holds the embedded log's one place for ingest."""
    config = await asyncio.to_thread(load_config, desk.config, {})
    log = EmbeddedLog(config.broker, ingesting=True, clock=time.time)
    await log.start()
    try:
        now = int(time.time() * 1000)
        fresh = letter(1)
        await log.append([Record(LETTERS, fresh.key, fresh.value, fresh.headers, now)], 5)
        ended = await asyncio.to_thread(redrive_all, desk.folder)
        assert ended.returncode == 0, ended.stderr
        assert [record.text_header("ce_id") for record in await read_all(log, RETRIES)] == ["event-1"]
    finally:
        await log.stop()


def redrive_all(folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Run the command as a process of its own."""
    return hookline("dlq", "redrive", "--all", "--yes", cwd=folder)
