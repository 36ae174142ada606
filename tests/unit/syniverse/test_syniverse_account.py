"""An account of Syniverse as a configuration file has it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hookline.configuration.config import load_config
from hookline.configuration.template import config_text, variables
from providers.contract import Account, Verdict
from providers.registry import PROVIDERS
from providers.syniverse import PROVIDER
from tests.support.syniverse import NOW, basic, envelope, request_of, written

ENVIRONMENT = {"OLD": "ess:old", "NEW": "new", "TOKEN": "issued", "API": "api-token", "KEY": "k", "SECRET": "s"}
EVERY_SETTING = """
[accounts.scg]
provider = "syniverse"
basic = ["env:OLD", {username = "ess", password = "env:NEW"}]
bearer = ["env:TOKEN"]
mtls = {header = "X-Client-Cert", values = ["CN=ess"], proxies = ["192.0.2.0/24", "2001:db8::/32"]}
company_ids = ["1500"]
application_ids = ["304"]
consent_managed_by = "SCG"
read_back = true
token = "env:API"
consumer_key = "env:KEY"
consumer_secret = "env:SECRET"
token_file = "token.json"
token_validity = 3600
sender = "channel:C"
base_url = "https://api.example"
token_path = "/refresh"
polls = ["inbound", "statuses", "consent"]
poll_every = 30
poll_lookback = 3600
confirm = true
"""


async def account_in(folder: Path, text: str) -> Account:
    """Return the account that a configuration names."""
    path = folder / "hookline.toml"
    await asyncio.to_thread(path.write_text, text, encoding="utf-8")
    config = await asyncio.to_thread(load_config, path, ENVIRONMENT)
    assert config.unresolved == {}
    return config.accounts["scg"]


async def test_every_setting_is_taken(tmp_path: Path) -> None:
    """The whole configuration makes every part of an account."""
    account = await account_in(tmp_path, EVERY_SETTING)
    assert {setting.name for setting in PROVIDER.settings} == set(account.settings)
    parts: list[Any] = [PROVIDER.sender(account), PROVIDER.client(account), *PROVIDER.polls(account)]
    parts += [PROVIDER.confirmer(account), PROVIDER.corroborator(account)]
    assert len(parts) == 7
    for part in parts:
        await part.close()


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        (basic("ess:old"), "basic:1"),
        (basic("ess:new"), "basic:2"),
        ({"Authorization": "Bearer issued"}, "bearer:1"),
        ({"X-Client-Cert": "CN=ess"}, "mtls:1"),
    ],
)
async def test_every_proof_of_a_file_verifies(tmp_path: Path, headers: dict[str, str], key: str) -> None:
    """References, tables and literals mean what they mean in code."""
    account = await account_in(tmp_path, EVERY_SETTING)
    body = written(envelope(message_id="m", new_state="SENT", company_id=1500, application_id=304))
    found = PROVIDER.verifier(account).verify(request_of(headers, body), NOW)
    assert (found.verdict, found.key) == (Verdict.VERIFIED, key)


async def test_defaults(tmp_path: Path) -> None:
    """A password is all that receiving needs."""
    account = await account_in(tmp_path, '[accounts.scg]\nprovider = "syniverse"\nbasic = ["env:OLD"]\n')
    assert PROVIDER.verifier(account).verify(request_of(basic("ess:old")), NOW).verdict is Verdict.VERIFIED
    assert account.settings["consent_managed_by"] == "USER"
    assert PROVIDER.corroborator(account) is None
    assert not PROVIDER.polls(account)
    assert PROVIDER.confirmer(account) is None


def test_a_new_configuration_needs_one_variable() -> None:
    """The password; everything else is a comment."""
    assert variables(PROVIDER) == ("SYNIVERSE_BASIC",)
    assert "# mtls = {header = " in config_text(PROVIDER)


def test_the_provider_is_registered() -> None:
    """Under its own name."""
    assert PROVIDERS["syniverse"] is PROVIDER


def test_the_readme_has_the_sections_that_every_provider_has() -> None:
    """The same headings in the same order, so that people find their way."""
    folder = Path(__file__).parents[3] / "providers"
    headings = [
        [line for line in (folder / name / "README.md").read_text(encoding="utf-8").splitlines() if line[:3] == "## "]
        for name in ("syniverse", "telnyx")
    ]
    assert headings[0] == headings[1]
