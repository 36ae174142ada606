"""What a provider's folder says of itself: policy, settings, words, the README, the written configuration."""

import re
from pathlib import Path

import pytest

from hookline import cli
from hookline.configuration.config import load_config
from hookline.configuration.template import variables
from ingest.body import FREE_BYTES
from ingest.publisher import GRACE
from providers.contract import Setting
from providers.registry import PROVIDERS
from schemas.topics import WEBHOOKS
from schemas.vocabulary import Consent, DeliveryStatus, FailureClass, RequestStatus
from tests.support.conformance.base import OfProvider

SECTIONS = (
    "Sources",
    "Set up",
    "What is verified",
    "Events",
    "Identity",
    "Deadlines and retries",
    "Polls and confirmations",
    "Sending",
    "Calls",
    "Opt-out",
    "Where the promises win",
    "Oddities",
    "Not done",
)
"""The sections of a provider's README, in this order and no others."""


class Facts(OfProvider):
    """The parts that are data."""

    def test_it_is_found_by_its_name(self) -> None:
        """In lower case, as it stands in configurations, paths and ids."""
        provider = self.case.provider
        assert re.fullmatch(r"[a-z][a-z0-9]{1,30}", provider.name)
        assert provider.title
        assert PROVIDERS[provider.name] is provider

    def test_the_answer_is_due_before_the_provider_gives_up(self) -> None:
        """The broker has its wait and its grace, then the answer has its way back."""
        policy = self.case.provider.policy
        assert policy.broker_wait > 0
        assert policy.broker_wait + GRACE < policy.answer_by < policy.deadline

    def test_a_sender_gets_at_least_the_deadline_for_its_body(self) -> None:
        """A limit below it would refuse who is still in time."""
        policy = self.case.provider.policy
        assert policy.deadline <= policy.body_wait < 60

    def test_a_body_has_a_limit_that_a_record_can_hold(self) -> None:
        """Half of it: the headers need room too. And a usual webhook does not meet the limit."""
        policy = self.case.provider.policy
        assert FREE_BYTES <= policy.body_limit <= WEBHOOKS.max_message_bytes // 2

    def test_the_answers_say_what_they_mean(self) -> None:
        """Success is a 2xx; the retry status is one that asks to come again, with a time to wait."""
        policy = self.case.provider.policy
        assert 200 <= policy.success_status < 300
        assert policy.retry_status == 429 or 500 <= policy.retry_status < 600
        assert 0 < policy.retry_after <= 3600

    def test_webhooks_come_by_methods_that_carry_them(self) -> None:
        """At least one, in capitals; those of the samples are among them."""
        policy = self.case.provider.policy
        assert policy.methods
        assert policy.methods <= {"GET", "POST", "PUT"}
        pushed = {sample.method for sample in self.case.samples if sample.polled is None}
        assert pushed <= policy.methods

    def test_names_of_secrets_are_plain(self) -> None:
        """Neither blanks nor line breaks: such a name would never be met and its value be stored."""
        policy = self.case.provider.policy
        names = policy.secret_headers | policy.secret_parameters
        assert [name for name in names if not name or name != name.strip() or not name.isprintable()] == []

    def test_the_readme_has_the_sections_that_all_have(self) -> None:
        """So that a reader finds the same thing in the same place at every provider."""
        assert sections_of(self.case.folder / "README.md") == SECTIONS

    def test_no_section_of_the_readme_is_empty(self) -> None:
        """A section with nothing to say says so."""
        text = (self.case.folder / "README.md").read_text(encoding="utf-8")
        parts = re.split(r"^## .+$", text, flags=re.MULTILINE)
        assert [part for part in parts if len(part.split()) < 3] == []

    def test_every_setting_is_explained(self) -> None:
        """In a line of its own, in the README, and for providers of this product on the page of settings."""
        settings = self.case.provider.settings
        readme = (self.case.folder / "README.md").read_text(encoding="utf-8")
        assert [item.name for item in every(settings) if not item.summary.strip()] == []
        assert [item.name for item in settings if f"`{item.name}`" not in readme] == []

    def test_some_setting_proves_senders(self) -> None:
        """Else an account without keys would not be told from one that only sends."""
        assert [item for item in self.case.provider.settings if item.proves]

    def test_the_steps_in_the_portal_are_told(self) -> None:
        """Each a sentence; one of them says where the webhook goes, or that setup sees to it."""
        steps = self.case.provider.portal_steps
        assert steps
        assert [step for step in steps if not step.strip().endswith(".")] == []
        assert any("/webhooks/ACCOUNT" in step or "setup ACCOUNT" in step for step in steps)

    def test_words_are_ours(self) -> None:
        """Every table has words, and each of them means one of our vocabulary."""
        words = self.case.provider.words
        assert words.statuses
        assert words.failures
        assert words.consents
        assert set(map(type, words.statuses.values())) == {DeliveryStatus}
        assert set(map(type, words.failures.values())) == {FailureClass}
        assert set(map(type, words.consents.values())) == {Consent}
        assert set(map(type, words.requests.values())) <= {RequestStatus}
        assert {Consent.OPTED_OUT, Consent.OPTED_IN} <= set(words.consents.values())
        assert {DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.FAILED} <= set(words.statuses.values())

    def test_the_written_configuration_loads(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """`hookline init` writes it; with its variables set there is nothing to complain of."""
        monkeypatch.chdir(tmp_path)
        assert cli.main(["init", self.case.provider.name]) == 0
        told = capsys.readouterr().out
        names = variables(self.case.provider)
        assert names
        assert all(f"export {name}=" in told for name in names)
        config = load_config(tmp_path / "hookline.toml", dict.fromkeys(names, "sample"))
        assert config.accounts["main"].provider == self.case.provider.name
        assert config.unresolved == {}


def sections_of(path: Path) -> tuple[str, ...]:
    """Return the headings of the second level of a page."""
    return tuple(re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE))


def every(settings: tuple[Setting, ...]) -> list[Setting]:
    """Return settings and the fields of those that are tables."""
    return [found for item in settings for found in (item, *every(item.fields))]
