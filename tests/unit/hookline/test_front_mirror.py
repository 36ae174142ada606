"""Mirror in the configuration, in the doctor, and in a process."""

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

import pytest
from prometheus_client import CollectorRegistry

from broker.embedded import EmbeddedLog
from consumers.metrics import ConsumerMetrics
from consumers.state.database import Database
from consumers.state.ledger import Ledger
from hookline import cli
from hookline.configuration.config import Config, ConfigError, load_config
from hookline.consuming import mirroring
from hookline.consuming.parts import CrewParts
from hookline.doctor.mirror import check_mirror
from hookline.doctor.report import Grade
from hookline.process.roles import Role, roles_with_work
from tests.support.consumers import delivered, inbound
from tests.support.front import Desk
from tests.support.old_handler import OldHandler, Reply, old_handler

TARGET = ("[consumers.mirror.targets.old]", 'url = "https://old.example.com/hook"')


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a folder for a configuration."""
    return Desk(tmp_path)


def load(desk: Desk, *lines: str, environment: Mapping[str, str] | None = None) -> Config:
    """Return the configuration with these lines."""
    return load_config(desk.write_sound(*lines), environment or {})


def told(desk: Desk, *lines: str) -> str:
    """Return what is wrong with the configuration."""
    with pytest.raises(ConfigError) as problem:
        load(desk, *lines)
    return str(problem.value)


def test_a_target_is_read_with_its_name(desk: Desk) -> None:
    """Settings that it does not have are the defaults."""
    target = load(desk, *TARGET, 'accounts = ["main"]', "timeout = 3", "in_order = true").consumers.mirror.targets[
        "old"
    ]
    assert (target.url, target.accounts, target.timeout) == ("https://old.example.com/hook", ("main",), 3.0)
    assert (target.in_order, target.refused, target.max_age) == (True, "keep", 0.0)


def test_a_secret_of_a_header_is_put_in_its_place(desk: Desk) -> None:
    """From the environment or a file; a plain value stays."""
    (desk.folder / "secret").write_text("from-file\n")
    lines = ("[consumers.mirror.targets.old.headers]", 'X-A = "env:A"', 'X-B = "file:secret"', 'X-C = "plain"')
    config = load(desk, *TARGET, *lines, environment={"A": "from-env"})
    found = config.consumers.mirror.targets["old"].headers
    assert found == {"X-A": "from-env", "X-B": "from-file", "X-C": "plain"}
    assert "from-env" not in repr(config)


def test_a_secret_that_is_not_there_is_no_error_of_the_configuration(desk: Desk) -> None:
    """The receiver must start without it."""
    config = load(desk, *TARGET, 'headers = { X-A = "env:A" }')
    assert config.consumers.mirror.targets["old"].headers == {"X-A": "env:A"}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (('url = "ftp://x"',), "http:// or https://"),
        (('url = "/hook"',), "http:// or https://"),
        (('url = "http://[x"',), "http:// or https://"),
        (('url = "http://a b/"',), "http:// or https://"),
        (('url = "https://me:s3cret@x/"',), "without user and password"),
        (('url = "https://x/?a=b"',), "without a query"),
        (('url = "https://x/?"',), "without a query"),
        (('url = "https://x/#a"',), "without a query"),
        ((), "'url' is missing"),
        (('url = "https://x"', 'refused = "drop"'), "is not one of keep, skip"),
        (('url = "https://x"', 'accounts = ["mian"]'), "did you mean 'main'"),
        (('url = "https://x"', "accounts = []"), "targets.old.accounts: empty, so it gets nothing; leave it out"),
        (('url = "https://x"', "timeout = 0"), "expected a number"),
        (('url = "https://x"', "headers = 5"), "expected a table"),
        (('url = "https://x"', "headers = { X = 5 }"), "expected a text"),
        (('url = "https://x"', 'headers = { "X Y" = "a" }'), "no header field"),
        (('url = "https://x"', 'headers = { X = "a\\nb" }'), "no header field"),
        (('url = "https://x"', 'headers = { Content-Length = "5" }'), "no header field"),
        (('url = "https://x"', 'headers = { X = "file:~/secret" }'), "'~' stands for no folder"),
        (('url = "https://x"', "speed = 5"), "unknown key 'speed'"),
    ],
)
def test_what_is_wrong_with_a_target_is_told_at_its_line(desk: Desk, lines: tuple[str, ...], words: str) -> None:
    """Without showing a password."""
    found = told(desk, "[consumers.mirror.targets.old]", *lines)
    assert words in found
    assert "s3cret" not in found
    assert ":11: " in found or ":12: " in found or ":13: " in found or ":14: " in found


def test_a_name_that_is_none_is_told(desk: Desk) -> None:
    """It is a label of metrics."""
    assert "name of a target" in told(desk, '[consumers.mirror.targets."a b"]', 'url = "https://x"')


@pytest.mark.parametrize("accounts", ['accounts = ["main"]', ""])
def test_two_targets_of_one_account_are_refused(desk: Desk, accounts: str) -> None:
    """While one of them is away the other would get everything twice."""
    second = ("[consumers.mirror.targets.new]", 'url = "https://new.example.com"')
    assert "one takes them" in told(desk, *TARGET, accounts, *second, accounts)


def test_without_a_target_the_role_is_left_out(desk: Desk) -> None:
    """Nobody reads all bodies for nothing."""
    assert Role.MIRROR not in roles_with_work(load(desk).consumers)
    assert roles_with_work(load(desk, *TARGET).consumers) == frozenset(Role)


def test_to_mirror_without_a_target_is_a_wrong_configuration(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, and what to write."""
    desk.write_sound()
    with mock.patch("hookline.cli._end_at_once_on_signals"):
        assert cli.main(["consume", "mirror", "--config", str(desk.config)]) == 2
    assert "[consumers.mirror.targets.NAME]" in capsys.readouterr().err


def test_the_doctor_says_nothing_without_targets(desk: Desk) -> None:
    """There is nothing to look at."""
    assert asyncio.run(check_mirror(load(desk))) == []


async def doctor_of(desk: Desk, handler: OldHandler, *lines: str) -> list[tuple[Grade, str]]:
    """Return what the doctor finds."""
    target = ("[consumers.mirror.targets.old]", f'url = "{handler.url}/hook"', *lines)
    config = await asyncio.to_thread(load, desk, *target)
    return [(check.grade, check.title) for check in await check_mirror(config)]


@pytest.mark.parametrize(("status", "grade"), [(200, Grade.OK), (405, Grade.OK), (500, Grade.OK), (302, Grade.FAIL)])
async def test_the_doctor_asks_the_target(desk: Desk, status: int, grade: Grade) -> None:
    """Any answer proves the way, but a redirect leads away from it; nothing is posted."""
    async with old_handler() as handler:
        handler.replies.append(Reply(status, {"Location": "/elsewhere"}))
        assert [found for found, _ in await doctor_of(desk, handler)] == [grade]
    assert [request.method for request in handler.got] == ["HEAD"]


async def test_the_doctor_finds_nobody_there(desk: Desk) -> None:
    """Nothing is lost by that, so it is no failure."""
    async with old_handler() as handler:
        pass
    ((grade, title),) = await doctor_of(desk, handler)
    assert (grade, "cannot be reached" in title) == (Grade.WARN, True)


async def test_the_doctor_misses_a_secret(desk: Desk) -> None:
    """And says which."""
    async with old_handler() as handler:
        with mock.patch.dict(os.environ):
            os.environ.pop("NOT_THERE", None)
            found = await doctor_of(desk, handler, 'headers = { X-A = "env:NOT_THERE" }')
    assert [grade for grade, _ in found] == [Grade.FAIL, Grade.OK]
    assert "header X-A: env:NOT_THERE" in found[0][1]


async def test_the_wiring_gives_the_consumer_and_closes_it(desk: Desk) -> None:
    """What is no raw webhook passes through; a missing secret is told at the start."""
    config = await asyncio.to_thread(load, desk, *TARGET, 'headers = { X-A = "env:A" }')
    database = Database(config.consumers.state)
    parts = CrewParts(
        config=config,
        log=EmbeddedLog(config.broker, ingesting=False, clock=time.time),
        metrics=ConsumerMetrics(CollectorRegistry()),
        clock=time.time,
        database=database,
        ledger=Ledger(database),
    )
    made = mirroring.make(parts)
    await made.consumer.handle(delivered(inbound()))
    await made.close()
    assert (made.consumer.name, made.needs_state, made.consumer.has_effects) == ("mirror", False, True)
