"""Reply rules that cannot work: what the doctor and the start say of them."""

import asyncio
from pathlib import Path

import pytest
import structlog

from hookline.configuration.config import load_config
from hookline.doctor.accounts import check_accounts
from hookline.doctor.report import Check, Grade
from hookline.process.application import Application, Role
from tests.support.front import Desk

RULE = ("[[consumers.auto_reply.rules]]", 'name = "hours"', 'reply = "9 to 17."')
DEFAULT = ("[consumers.auto_reply]", 'default_reply = "Thanks."')
KEY = 'api_key = "file:api.key"'


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a folder with a credential for sending."""
    made = Desk(tmp_path)
    made.key_file()
    return made


def checks(desk: Desk, *more: str) -> list[Check]:
    """Return what the doctor says of the accounts of this configuration that is not well."""
    desk.write_sound(*more)
    return [check for check in check_accounts(load_config(desk.config, {})) if check.grade is not Grade.OK]


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (DEFAULT, "default_reply"),
        ((*RULE, 'keywords = ["HOURS"]'), "rule 'hours'"),
        ((*RULE, 'keywords = ["HOURS"]', 'accounts = ["main"]'), "rule 'hours'"),
        (('api_key = "env:NOT_SET"', *DEFAULT), "the variable NOT_SET is not set"),
    ],
)
def test_replies_of_an_account_that_cannot_send_are_a_failure(desk: Desk, more: tuple[str, ...], named: str) -> None:
    """Every one of them would be lost."""
    (check,) = checks(desk, *more)
    assert (check.grade, check.area) == (Grade.FAIL, "account main")
    assert named in check.title
    assert "set api_key in [accounts.main]" in check.advice


def test_an_account_that_no_rule_answers_may_lack_the_credential(desk: Desk) -> None:
    """A receiver alone needs none: that is a warning at most."""
    other = ("[accounts.b]", 'provider = "telnyx"', f'public_keys = ["{desk.public_key}"]')
    (check,) = checks(desk, KEY, *other, *RULE, 'keywords = ["HOURS"]', 'accounts = ["main"]')
    assert (check.grade, check.area) == (Grade.WARN, "account b")


@pytest.mark.parametrize("word", ["STOP", "help", " Stop  All ", "Start", "stop!"])
def test_a_keyword_that_the_provider_answers_itself_is_told(desk: Desk, word: str) -> None:
    """The rule would never answer it."""
    (check,) = checks(desk, KEY, *RULE, f'keywords = ["HOURS", "{word}"]')
    assert (check.grade, check.area) == (Grade.WARN, "replies")
    assert f"rule 'hours': Telnyx answers {word!r} itself" in check.title


def test_other_keywords_are_no_trouble(desk: Desk) -> None:
    """Nothing is said of them."""
    assert checks(desk, KEY, *RULE, 'keywords = ["HOURS", "help me"]') == []


async def test_the_start_says_once_which_replies_are_lost(desk: Desk) -> None:
    """As an error, with the account and what to set; the receiver is made all the same."""
    await asyncio.to_thread(desk.write_sound, *DEFAULT)
    config = await asyncio.to_thread(load_config, desk.config, {})
    with structlog.testing.capture_logs() as lines:
        Application(config, frozenset(Role))
    (line,) = [line for line in lines if line["log_level"] in {"warning", "error"}]
    assert (line["event"], line["log_level"]) == ("replies_cannot_be_sent", "error")
    assert (line["account"], line["replies"]) == ("main", ("default_reply",))
    assert "set api_key in [accounts.main]" in line["advice"]
