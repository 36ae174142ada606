"""The commands that we suggest can be typed as they stand."""

import sys
from pathlib import Path

import pytest

from hookline.called import command, shown
from hookline.cli import main


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory, with a `hookline` in `.venv/bin` and in `elsewhere/bin`."""
    for folder in (".venv/bin", "elsewhere/bin"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "hookline").write_text("#!/bin/sh\n")
        (tmp_path / folder / "hookline").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "elsewhere/bin"))
    return tmp_path


@pytest.mark.parametrize(
    ("called", "words"),
    [
        (".venv/bin/hookline", ".venv/bin/hookline run"),
        ("elsewhere/bin/hookline", "hookline run"),
        ("/opt/my site/hookline", "'/opt/my site/hookline' run"),
        ("/usr/bin/pytest", "hookline run"),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_command_is_named_as_it_was_called(called: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its bare name only where the shell finds this very one under it."""
    monkeypatch.setattr(sys, "argv", [called])
    assert command("run") == words


def test_a_module_is_named_with_its_python(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m hookline`."""
    monkeypatch.setattr(sys, "argv", ["/x/hookline/__main__.py"])
    monkeypatch.setattr(sys, "executable", str(here / ".venv/bin/python"))
    assert command("run") == ".venv/bin/python -m hookline run"


def test_the_steps_after_init_can_be_pasted(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name with a space is quoted, and the program named as it was called."""
    monkeypatch.setattr(sys, "argv", [str(here / ".venv/bin/hookline")])
    assert main(["init", "telnyx", "--output", "my site.toml"]) == 0
    assert "\n  .venv/bin/hookline run --config 'my site.toml'\n" in capsys.readouterr().out


def test_paths_are_shown_as_one_would_type_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative below the working directory, absolute elsewhere; links stay links."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("/etc")
    assert shown(tmp_path / "a" / "b") == "a/b"
    assert shown(Path("link")) == "link"
    assert shown(Path("/etc/hosts")) == "/etc/hosts"
