"""A command that is suggested reads the configuration that the one before read."""

import asyncio
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.log import PlannedTopic, TopicChange, TopicSpec
from hookline import cli
from hookline.called import command
from hookline.configuration.config import load_config
from hookline.doctor.log import _topic_checks
from hookline.doctor.spool import check_spool
from hookline.spooling import at_log
from tests.support.dead_letters import GROUP, letter
from tests.support.embedded import opened
from tests.support.front import Desk
from tests.support.spool_on_disk import orphan

Say = Callable[..., str]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a folder with a sound configuration, which is not the working directory."""
    desk = Desk(tmp_path)
    desk.write_sound("[consumers]", 'state = "sqlite:///state.db"')
    return desk


@pytest.fixture
def say(desk: Desk, capsys: pytest.CaptureFixture[str]) -> Say:
    """Return what runs a command with that configuration and returns all that it prints."""

    def run(*words: str) -> str:
        cli.main([*words, "--config", str(desk.config)])
        return "".join(capsys.readouterr())

    return run


def hint(desk: Desk, *words: str) -> str:
    """Return the command as it has to be suggested."""
    return f"{command(*words)} --config {shlex.quote(str(desk.config))}"


def test_a_plan_of_topics_names_what_does_it(desk: Desk, say: Say) -> None:
    """Beside another configuration it would make topics elsewhere."""
    (desk.folder / "log.db").touch()
    assert hint(desk, "topics", "apply") in say("topics", "plan")


def test_what_to_try_about_a_message_is_of_the_same_installation(desk: Desk, say: Say) -> None:
    """Each of the lines."""
    (desk.folder / "state.db").touch()
    told = say("message", "nobody")
    for words in (("consume", "track"), ("run",), ("tail", "--no-follow"), ("rebuild", "track", "--events")):
        assert hint(desk, *words) in told


def test_a_log_that_is_not_there_is_made_by_a_run_with_this_configuration(desk: Desk, say: Say) -> None:
    """Not by that of another."""
    assert hint(desk, "run") in say("rebuild", "track")


def test_a_redrive_names_the_list_of_its_group(desk: Desk, say: Say) -> None:
    """Without the group only those of our own consumers would be listed."""

    async def put() -> None:
        async with opened(desk.folder / "log.db") as log:
            await log.append([letter(1)], 5)

    asyncio.run(put())
    told = say("dlq", "redrive", "--all", "--yes")
    assert f"`{hint(desk, 'dlq', 'list', '--group', GROUP)}` shows what fails again" in told


def test_the_doctor_names_commands_for_what_it_looked_at(desk: Desk) -> None:
    """Of the topics and of the spool, as the spool's own commands do."""
    config = load_config(desk.config, {})
    orphan(config.spool)
    assert hint(desk, "spool", "drain") in asyncio.run(check_spool(config))[-1].advice
    config = load_config(desk.write("[broker]", 'url = "kafka://127.0.0.1:9"'), {})
    (check,) = _topic_checks(config, [PlannedTopic(TopicSpec("t", 1), TopicChange.CREATE)])
    assert hint(desk, "topics", "apply") in check.advice
    assert hint(desk, "doctor") in at_log.advice(config)
