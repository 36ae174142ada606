"""Settings of accounts that are more than one text: tables, paths, lists of one, words of a list."""

from pathlib import Path
from typing import Any

import pytest

from hookline.configuration.config import ConfigError, load_config
from providers.contract import Secret
from tests.support.front import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a folder to work in."""
    return Desk(tmp_path)


def settings_of(desk: Desk, provider: str, *lines: str, **environment: str) -> Any:
    """Return the settings of one account, `a`."""
    desk.write("[accounts.a]", f"provider = '{provider}'", *lines)
    return load_config(desk.config, environment).accounts["a"].settings


def test_a_table_holds_its_own_settings_and_defaults(desk: Desk) -> None:
    """Secrets among them are references."""
    lines = ("keys = [{id = 'k1', public_key = 'env:KEY'}, {id = 'k2', digest = 'SHA512', public_key = 'MIIB'}]",)
    first, second = settings_of(desk, "messagemedia", *lines, KEY="MIIA")["keys"]
    assert (first["id"], first["digest"], first["public_key"]) == ("k1", "SHA256", Secret("MIIA", "env:KEY"))
    assert (second["digest"], second["public_key"].value) == ("SHA512", "MIIB")


@pytest.mark.parametrize(
    "line",
    [
        "secret_header = 'env:HUSH'",
        "secret_header = ['env:HUSH']",
        "secret_header = {value = 'env:HUSH'}",
        "secret_header = [{value = 'env:HUSH'}]",
    ],
)
def test_one_alone_is_a_list_of_one(desk: Desk, line: str) -> None:
    """As a reference or as a table."""
    (found,) = settings_of(desk, "messagemedia", line, HUSH="hush")["secret_header"]
    value = found if isinstance(found, Secret) else found["value"]
    assert value == Secret("hush", "env:HUSH")


def test_a_table_of_texts_may_have_any_names(desk: Desk) -> None:
    """Ours to theirs."""
    found = settings_of(desk, "messagemedia", "field_names = {message_id = 'mtId', content = 'body'}")
    assert found["field_names"] == {"message_id": "mtId", "content": "body"}


def test_numbers_may_be_written_as_numbers(desk: Desk) -> None:
    """Where the provider's ids are some."""
    assert settings_of(desk, "syniverse", "company_ids = [1500, '1501']")["company_ids"] == ("1500", "1501")


def test_a_path_begins_at_the_configuration(desk: Desk) -> None:
    """Its default names the account."""
    assert settings_of(desk, "syniverse")["token_file"] == str(desk.folder / "var" / "a.token")
    assert settings_of(desk, "syniverse", "token_file = 'x/y'")["token_file"] == str(desk.folder / "x" / "y")
    assert settings_of(desk, "syniverse", "token_file = '/x/y'")["token_file"] == "/x/y"


@pytest.mark.parametrize(
    ("provider", "line", "said"),
    [
        ("messagemedia", "polls = ['everything']", "'everything' is not one of delivery_reports, replies, blacklist"),
        ("messagemedia", "keys = [{id = 'k', colour = 'red'}]", "unknown key 'colour'"),
        ("messagemedia", "secret_header = {value = 'plain'}", "secrets come from the environment or a file"),
        ("messagemedia", "field_names = {message_id = 7}", "expected a text in quotes"),
        ("syniverse", "basic = ['user:password']", "secrets come from the environment or a file"),
        ("syniverse", "read_back = 'yes'", "expected true or false"),
    ],
)
def test_what_is_wrong_is_told(desk: Desk, provider: str, line: str, said: str) -> None:
    """With its line."""
    with pytest.raises(ConfigError, match=r":3: ") as found:
        settings_of(desk, provider, line)
    assert said in str(found.value)
