"""`hookline consent`: set, show and rebuild, beside a running consumer and without one."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from hookline import cli
from hookline.consents import saying
from hookline.errors import CallError
from tests.support.front import HOOKLINE, Desk, clean_environment

PERSON = "+15550000002"
STATE = ("[consumers]", 'state = "sqlite:///state.db"')


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Return a folder with a configuration and a log that has its topics."""
    monkeypatch.chdir(tmp_path)
    desk = Desk(tmp_path)
    desk.write_sound(*STATE)
    assert cli.main(["topics", "apply"]) == 0
    return desk


def opt(*words: str) -> int:
    """Run `consent set` for the account."""
    return cli.main(["consent", "set", "--account", "main", *words])


def shown(capsys: pytest.CaptureFixture[str], number: str = PERSON, *words: str) -> dict[str, Any]:
    """Return what `consent show` prints as JSON."""
    capsys.readouterr()
    assert cli.main(["consent", "show", "--number", number, "--json", *words]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_what_is_set_is_shown_once_the_book_has_it(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """With who said it and the note."""
    assert opt("--number", PERSON, "--opted-out", "--note", "by telephone") == 0
    assert cli.main(["consent", "rebuild"]) == 0
    found = shown(capsys, PERSON.removeprefix("+"))
    assert found["accounts"]["main"] | {"since": ""} == {
        "allowed": False,
        "consent": "opted_out",
        "scope": "account",
        "source": "company",
        "since": "",
    }
    assert [each["provider_status"] for each in found["history"]] == ["by telephone"]
    assert cli.main(["consent", "show", "--number", PERSON]) == 0
    told = capsys.readouterr().out
    assert f"main: {PERSON} may not be texted from any number: opted_out in scope account since" in told
    assert "told as by telephone" in told
    assert desk.config.exists()


@pytest.mark.parametrize(("number", "said"), [("555-000-0002", "read as +5550000002"), (PERSON, "")])
def test_a_number_that_is_read_as_another_is_told(
    desk: Desk, capsys: pytest.CaptureFixture[str], number: str, said: str
) -> None:
    """Nothing known is permission: of a number without its country code it must not seem so."""
    (desk.folder / "state.db").touch()
    assert cli.main(["consent", "show", "--number", number]) == 0
    told = capsys.readouterr().err
    assert told.startswith(said)
    assert bool(told) == bool(said)


def test_an_opt_in_of_another_scope_is_no_answer(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """And whoever gives it is told."""
    assert opt("--number", PERSON, "--opted-out", "--scope", "profile:one") == 0
    assert opt("--number", PERSON, "--opted-in") == 0
    assert "lifts no opt-out of another scope" in capsys.readouterr().err
    cli.main(["consent", "rebuild"])
    assert shown(capsys)["accounts"]["main"]["scope"] == "profile:one"
    assert opt("--number", PERSON, "--opted-in", "--scope", "profile:one") == 0
    cli.main(["consent", "rebuild"])
    assert shown(capsys)["accounts"]["main"]["allowed"]
    assert desk.config.exists()


def test_a_file_of_numbers_is_imported(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """With comments, blank lines, other spellings and repeats."""
    numbers = "\ufeff# from the old system\n+1 555 000 0002\n\n15550000003 # by letter\n+15550000002\n"
    (desk.folder / "numbers.txt").write_text(numbers, encoding="utf-8")
    assert opt("--from", "numbers.txt", "--opted-out") == 0
    assert "published 2 opted_out of main" in capsys.readouterr().out
    cli.main(["consent", "rebuild"])
    assert not shown(capsys, "+15550000003")["accounts"]["main"]["allowed"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--number", "+1555x", "--opted-out"), "--number, line 1: no number"),
        (("--from", "bad.txt", "--opted-out"), "bad.txt, line 2: no number"),
        (("--from", "latin.txt", "--opted-out"), "no text in UTF-8"),
        (("--number", PERSON, "--opted-out", "--scope", "profile|one"), "write account"),
        (("--number", PERSON, "--opted-out", "--note", "x" * 201), "--note: longer"),
    ],
)
def test_what_cannot_be_right_publishes_nothing(
    desk: Desk, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    """One line says what is wrong; no number of a person stands in it."""
    (desk.folder / "bad.txt").write_text("+15550000002\n555-secret\n")
    (desk.folder / "latin.txt").write_bytes(b"\xff")
    assert opt(*words) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "secret" not in error
    cli.main(["consent", "rebuild"])
    assert "noted 0 statements" in capsys.readouterr().out


def test_an_account_that_is_not_configured_is_a_wrong_call(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt name must not lose an opt-out."""
    assert cli.main(["consent", "set", "--account", "mian", "--number", PERSON, "--opted-out"]) == 2
    assert "no account 'mian'; there are: main" in capsys.readouterr().err
    assert desk.config.exists()


def test_without_a_state_or_a_log_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Looking makes no file."""
    monkeypatch.chdir(tmp_path)
    Desk(tmp_path).write_sound(*STATE)
    assert cli.main(["consent", "show", "--number", PERSON]) == 1
    assert opt("--number", PERSON, "--opted-out") == 1
    told = capsys.readouterr().err
    assert "there is no state at" in told
    assert "there is no log at" in told
    assert [path.name for path in tmp_path.iterdir()] == ["hookline.toml"]


@pytest.mark.parametrize("words", [("consent", "rebuild"), ("rebuild", "track"), ("rebuild", "track", "--events")])
def test_a_log_without_the_topic_fills_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """It is another log: an empty book that passes for a filled one lets everybody be texted."""
    monkeypatch.chdir(tmp_path)
    Desk(tmp_path).write_sound(*STATE)
    Path(tmp_path / "log.db").touch()
    assert cli.main([*words]) == 1
    topic = "messaging.consent.v1" if words[0] == "consent" else "messaging.states.v1"
    assert f"has no topic {topic}" in capsys.readouterr().err
    assert not (tmp_path / "state.db").exists()


def test_an_import_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too long for one is refused before anything is published."""
    monkeypatch.setattr(saying, "MOST_NUMBERS", 2)
    with pytest.raises(CallError, match="more than 2 numbers"):
        saying.numbers_of((f"+1555000000{n}" for n in range(3)), "list")


def test_it_works_beside_a_running_consumer(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """The embedded log takes a second writer, the state a second reader."""
    words = (*HOOKLINE, "consume", "consent", "--admin", "127.0.0.1:0")
    consumer = subprocess.Popen(words, cwd=desk.folder, stderr=subprocess.DEVNULL, env=clean_environment())
    try:
        assert opt("--number", PERSON, "--opted-out") == 0
        end = time.monotonic() + 40
        while not ((desk.folder / "state.db").exists() and shown(capsys)["accounts"]):
            assert consumer.poll() is None
            assert time.monotonic() < end
            time.sleep(0.2)
    finally:
        consumer.terminate()
        consumer.wait(timeout=15)
    assert not shown(capsys)["accounts"]["main"]["allowed"]


def test_an_account_that_is_only_misspelt_is_not_one_that_may_text(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing known is permission, so the question must be about an account that there is."""
    assert opt("--number", PERSON, "--opted-out") == 0
    cli.main(["consent", "rebuild"])
    capsys.readouterr()
    assert cli.main(["consent", "show", "--number", PERSON, "--account", "mian"]) == 2
    assert "no account 'mian'" in capsys.readouterr().err
    assert desk.config.exists()
