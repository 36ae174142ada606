"""The page about consent: its commands run, its settings load, its words are those of the code."""

import re
import shlex
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from consumers.metrics import ConsentOutcome, ConsumerMetrics
from hookline import cli
from hookline.configuration.config import load_config
from hookline.consents.saying import check_scope
from providers.registry import PROVIDERS
from schemas.vocabulary import ConsentSource
from tests.support.front import Desk

PAGE = (Path(__file__).parents[3] / "docs" / "consent.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"`([^`\n]+)`", PAGE))


def blocks(kind: str) -> list[str]:
    """Return the blocks of code of a kind."""
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def test_the_commands_run_as_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, in a folder with an account `main`."""
    monkeypatch.chdir(tmp_path)
    Desk(tmp_path).write_sound("[consumers]", 'state = "sqlite:///state.db"')
    assert cli.main(["topics", "apply"]) == 0
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(lines) >= 6
    for line in lines:
        program, *words = shlex.split(line)
        assert (program, cli.main(words)) == ("hookline", 0), line


def test_the_settings_load(tmp_path: Path) -> None:
    """With the words that the page shows."""
    desk = Desk(tmp_path)
    desk.write_sound(*(line for block in blocks("toml") for line in block.splitlines()))
    assert "ARRET" in load_config(desk.config, {}).consumers.consent.stop_words


def test_sources_outcomes_and_the_metric_are_named() -> None:
    """Each word of the code."""
    registry = CollectorRegistry()
    ConsumerMetrics(registry)
    names = {f"{metric.name}_total" for metric in registry.collect() if metric.type == "counter"}
    assert "hookline_consumer_consents_total" in names & WORDS
    assert {*ConsentSource, *ConsentOutcome} <= WORDS


def test_every_provider_has_its_scope_on_the_page() -> None:
    """In the table, and a scope of that form is taken at the command line."""
    rows = {row[0]: row[1] for row in re.findall(r"^\| (\S[^|]*?) \| `([^`]+)`", PAGE, re.MULTILINE)}
    titles = [title for title in rows if any(provider.title.startswith(title) for provider in PROVIDERS.values())]
    assert len(titles) == len(PROVIDERS)
    assert [check_scope(rows[title]) for title in titles] == [rows[title] for title in titles]
