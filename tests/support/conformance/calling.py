"""What a provider's API offers, and what is done there: operations, polls, confirmations."""

import pytest

from hookline.calling.catalogue import operations_of_provider
from hookline.calling.parser import operation_parser
from hookline.docs_providers import operations_page, words_page
from providers.contract import AccountError
from providers.rest.operations import operations_of
from tests.support.conformance.base import OfProvider
from tests.support.provider_cases import NOW

MOST_AT_ONCE = 100
"""Ids a confirmation: the smallest documented limit of all providers."""


class Calling(OfProvider):
    """The client, the polls and the confirmer; nobody is called here."""

    async def test_a_client_is_made_of_an_account(self) -> None:
        """With every operation that the catalogue has, which is made without an account."""
        client = self.case.provider.client(self.case.account(**self.case.credentials))
        try:
            offered = operations_of(client)
        finally:
            await client.close()
        assert offered
        assert list(offered) == list(operations_of_provider(self.case.provider))

    def test_a_client_needs_credentials(self) -> None:
        """And a sender too: an account that only receives has neither."""
        account = self.case.account()
        with pytest.raises(AccountError, match="main"):
            self.case.provider.client(account)
        with pytest.raises(AccountError, match="main"):
            self.case.provider.sender(account)

    def test_every_operation_can_be_typed(self) -> None:
        """The shell offers it with a line of help, and knows how to write each of its parameters."""
        for operation in operations_of_provider(self.case.provider).values():
            parser = operation_parser("main", operation)
            assert operation.endpoint.method in {"GET", "POST", "PUT", "PATCH", "DELETE"}
            assert operation.endpoint.path.startswith("/")
            assert operation.summary.endswith("."), operation.name
            assert operation.endpoint.path in parser.format_help()

    def test_every_operation_and_word_is_on_the_pages(self) -> None:
        """Those that set the providers side by side."""
        provider = self.case.provider
        operations, words = operations_page(""), words_page("")
        assert [name for name in operations_of_provider(provider) if f"| `{name}` |" not in operations] == []
        assert provider.title in words

    def test_what_is_polled_is_asked_for(self) -> None:
        """Without being asked, nothing is polled; with it, each poll has the name that was asked for."""
        provider = self.case.provider
        setting = next((item for item in provider.settings if item.name == "polls"), None)
        assert list(provider.polls(self.case.account(**self.case.credentials))) == []
        if setting is not None:
            wanted = self.case.account(**self.case.credentials, polls=setting.choices)
            assert [poll.name for poll in provider.polls(wanted)] == list(setting.choices)
            assert all(poll.every > 0 for poll in provider.polls(wanted))

    def test_polls_need_credentials(self) -> None:
        """An account that wants polls and cannot make them says so at the start."""
        setting = next((item for item in self.case.provider.settings if item.name == "polls"), None)
        if setting is None:
            return
        with pytest.raises(AccountError, match="main"):
            self.case.provider.polls(self.case.account(polls=setting.choices))

    async def test_what_is_confirmed_is_named_by_the_provider(self) -> None:
        """A kind and an id for each event that the provider waits for, the same for a repeat, and batches bounded."""
        confirmer = self.case.provider.confirmer(self.case.account(**self.case.credentials))
        if confirmer is None:
            return
        try:
            assert 0 < confirmer.batch_size <= MOST_AT_ONCE
            for sample in self.case.samples:
                found = [confirmer.confirmation(event) for event in self.case.events(sample)]
                assert found == [confirmer.confirmation(event) for event in self.case.events(sample, now=NOW + 60)]
                assert all(each is None or (each.kind and each.id) for each in found)
            assert any(
                confirmer.confirmation(event) for sample in self.case.samples for event in self.case.events(sample)
            )
        finally:
            await confirmer.close()
