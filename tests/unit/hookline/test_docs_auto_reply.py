"""The page about auto-reply: its example loads, decides as the page says, and names what there is."""

import re
from pathlib import Path

import pytest

from consumers.auto_reply.deciding import ReplyOutcome
from consumers.auto_reply.template import FIELDS
from hookline import cli
from hookline.configuration.config import Config, load_config
from hookline.rules import SAMPLE_OURS, Asked, tried
from providers.keywords import HELP_WORDS, START_WORDS, STOP_WORDS
from schemas.times import parse_time

PAGE = (Path(__file__).parents[3] / "docs" / "auto-reply.md").read_text(encoding="utf-8")
KEY = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
ENVIRONMENT = {"TELNYX_PUBLIC_KEY": KEY, "TELNYX_API_KEY": "KEY-for-tests"}


def block(kind: str) -> str:
    """Return the block of code of that kind."""
    found = re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading row, without their marks of code."""
    lines = PAGE[PAGE.index(heading) :].splitlines()[2:]
    table = lines[: next(index for index, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in table]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return the example, loaded."""
    path = tmp_path / "hookline.toml"
    path.write_text(block("toml"), encoding="utf-8")
    return load_config(path, ENVIRONMENT)


@pytest.mark.parametrize("row", rows("| text | from | at |"), ids=lambda row: " ".join(row[:3]))
def test_the_example_decides_as_the_page_says(config: Config, row: list[str]) -> None:
    """Every row of its table."""
    text, theirs, at, outcome, rule = row
    moment = parse_time(at)
    assert moment is not None
    asked = Asked(
        account=config.accounts["main"], text=text, theirs=theirs, ours=SAMPLE_OURS, at=moment, ask_provider=False
    )
    found = tried(config, asked).decision
    assert (found.outcome, found.rule or "") == (outcome, rule)


def test_the_session_on_the_page_is_what_the_command_prints(
    config: Config, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Word by word."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    prompt, expected = block("console").split("\n", 1)
    words = re.findall(r'"[^"]*"|\S+', prompt.removeprefix("$ hookline "))
    assert cli.main([*(word.strip('"') for word in words), "--config", str(config.path)]) == 0
    assert capsys.readouterr().out == expected


def test_every_outcome_is_on_the_page() -> None:
    """And none that there is not."""
    named = {word for row in rows("| outcome | when |") for word in re.findall(r"\w+", row[0])}
    assert named == {outcome.value for outcome in ReplyOutcome} - {"reply"}


def test_every_field_and_every_word_of_a_family_is_on_the_page() -> None:
    """Nobody has to read the code for them."""
    assert [name for name in FIELDS if f"{{{name}}}" not in PAGE] == []
    assert [word for words in (STOP_WORDS, START_WORDS, HELP_WORDS) for word in words if word.upper() not in PAGE] == []
