"""The setup command: a plan first, nothing changed without a word, safe to repeat; keys are kept."""

import asyncio
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from hookline import cli
from hookline.commands import setup as command
from hookline.errors import CommandError
from hookline.keeping import keeper
from providers.contract import Account
from providers.registry import provider
from providers.roles import SetupRequest, SetupStep, StepKind
from tests.support.front import Desk

URL = "https://hooks.example.com/webhooks/main"


@dataclass
class Scripted:
    """A setup with one thing to do, until it is done."""

    request: SetupRequest | None = None
    done: bool = False
    closed: int = 0
    refuses: Exception | None = None
    manual: list[SetupStep] = field(default_factory=list)

    async def plan(self) -> Sequence[SetupStep]:
        """Return what is to be done."""
        if self.done:
            return [SetupStep(StepKind.KEEP, "webhook", "is as it should be"), *self.manual]
        return [SetupStep(StepKind.CREATE, "webhook", f"to {URL}", self._create), *self.manual]

    async def _create(self) -> Sequence[str]:
        if self.refuses:
            raise self.refuses
        self.done = True
        assert self.request is not None
        return [await self.request.keep("main.pub", "the key")]

    async def close(self) -> None:
        """Note it."""
        self.closed += 1


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scripted:
    """Give a setup in Telnyx's place, and a configuration beside which keys are kept."""
    made = Scripted()

    def make(_account: Account, request: SetupRequest) -> Scripted:
        made.request = request
        return made

    telnyx = replace(provider("telnyx"), setup=make)
    monkeypatch.setattr(command, "provider", lambda _name: telnyx)
    monkeypatch.chdir(tmp_path)
    Desk(tmp_path).write_sound()
    return made


def test_without_a_word_only_the_plan_is_shown(scripted: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is changed."""
    assert cli.main(["setup", "main", "--url", URL]) == 0
    text = capsys.readouterr().out
    assert "+ webhook" in text
    assert "--apply carries it out" in text
    assert (scripted.done, scripted.closed) == (False, 1)


def test_apply_carries_it_out_and_keeps_what_is_shown_once(
    scripted: Scripted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And tells the reference to write into the configuration."""
    assert cli.main(["setup", "main", "--url", URL, "--apply"]) == 0
    assert scripted.done
    assert "file:keys/main.pub" in capsys.readouterr().out
    assert (tmp_path / "keys" / "main.pub").read_text() == "the key\n"


def test_it_is_safe_to_repeat(scripted: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    """The second time there is nothing to be done."""
    cli.main(["setup", "main", "--url", URL, "--apply"])
    assert cli.main(["setup", "main", "--url", URL, "--apply"]) == 0
    assert "Nothing to be done by us" in capsys.readouterr().out
    assert scripted.closed == 3


def test_a_step_that_fails_ends_it_with_the_reason(scripted: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    """And the connections are closed."""
    scripted.refuses = CommandError("the provider says no")
    assert cli.main(["setup", "main", "--url", URL, "--apply"]) == 1
    assert "the provider says no" in capsys.readouterr().err
    assert scripted.closed == 2


def test_steps_by_hand_are_told(scripted: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    """With what to do."""
    scripted.manual = [SetupStep(StepKind.MANUAL, "ask support", "to whitelist the domain\nby ticket")]
    cli.main(["setup", "main", "--url", URL])
    assert "! ask support\n      to whitelist the domain\n      by ticket\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://hooks.example.com/webhooks/main", True),
        (URL, False),
        ("HTTPS://hooks.example.com/webhooks/main", False),
        ("http://localhost:8080/webhooks/main", False),
        ("http://127.0.0.1:8080/webhooks/main", False),
        ("http://[::1]:8080/webhooks/main", False),
        ("http://10.0.0.1/webhooks/main", True),
    ],
)
def test_plain_http_is_pointed_out(
    scripted: Scripted, capsys: pytest.CaptureFixture[str], url: str, *, told: bool
) -> None:
    """Whoever the provider is; on the loopback nothing travels."""
    assert not scripted.done
    cli.main(["setup", "main", "--url", url])
    assert ("! https\n      The public URL is not https" in capsys.readouterr().out) is told


@pytest.mark.parametrize("url", ["https://hooks.example.com", f"{URL}?x=1", f"{URL}#x", "ftp://x/webhooks/main"])
def test_a_url_that_cannot_be_the_accounts_is_refused(scripted: Scripted, url: str) -> None:
    """Before anybody is called."""
    try:
        status = cli.main(["setup", "main", "--url", url])
    except SystemExit as end:
        status = int(str(end.code))
    assert status == 2
    assert scripted.request is None


@pytest.mark.may_block
async def test_a_kept_file_is_its_owners_alone(tmp_path: Path) -> None:
    """And so is its folder."""
    await keeper(tmp_path)("a.pub", "text")
    assert stat.S_IMODE((tmp_path / "keys" / "a.pub").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


@pytest.mark.may_block
async def test_a_kept_file_is_never_overwritten(tmp_path: Path) -> None:
    """The same text again is no harm; another would lose what is shown once."""
    keep = keeper(tmp_path)
    assert await keep("a.pub", "text") == await keep("a.pub", "text") == "file:keys/a.pub"
    with pytest.raises(CommandError, match="cannot be written"):
        await keep("a.pub", "another")
    assert (tmp_path / "keys" / "a.pub").read_text() == "text\n"


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "x" * 200, "a b"])
@pytest.mark.may_block
async def test_a_name_cannot_lead_elsewhere(tmp_path: Path, name: str) -> None:
    """Names come from the provider's answer."""
    with pytest.raises(CommandError, match="no name for a file"):
        await keeper(tmp_path)(name, "text")
    assert await asyncio.to_thread(os.listdir, tmp_path) == []
