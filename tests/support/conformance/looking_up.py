"""Asking a provider how a message stands: the news that a push would have brought, under ids that stay the same."""

from collections.abc import Sequence

import pytest

from providers.contract import AccountError
from providers.registry import cloud
from providers.rest.errors import AuthenticationError, UnreadableAnswerError
from providers.roles import Lookup, Polled
from schemas.events import DeliveryUpdated, Event, SendRequested
from schemas.times import from_millis
from tests.support.conformance.base import OfProvider
from tests.support.conformance.reading import assert_storable
from tests.support.rest_server import Reply, rest_server
from tests.support.simulated import NOW, SEED, account_of, api_of, polled

OURS, PERSON = "+17735550100", "+15550100123"
NOBODYS = "00000000-0000-4000-8000-000000000000"


class LookingUp(OfProvider):
    """The lookup, against the provider's own cloud. A provider without one has nothing to hold here."""

    async def test_a_message_is_looked_up_to_its_end(self) -> None:
        """What was sent and never told of is found delivered, to whom it went, the same events each time."""
        made, now = cloud(self.case.provider.name, SEED), [NOW]
        async with api_of(made, lambda: now[0]) as (_, base_url):
            account = account_of(made, base_url)
            lookup = self.case.provider.lookup(account)
            if lookup is None:
                return
            sender = self.case.provider.sender(account)
            receipt = await sender.send("c" * 32, sender.prepare(_command()))
            assert receipt.message_id is not None
            now[0] += 60
            first, again = [self._events(await lookup.look_up(receipt.message_id)) for _ in range(2)]
            await sender.close()
            await lookup.close()
        assert_storable(first)
        news = [event for event in first if isinstance(event, DeliveryUpdated)]
        assert [(event.status, event.to) for event in news] == [("delivered", PERSON)]
        assert receipt.message_id in {news[0].message_id, news[0].request_id}
        assert [event.id for event in first] == [event.id for event in again]

    async def test_a_message_that_is_not_there_is_none(self) -> None:
        """An answer of its own: nobody asks again."""
        made = cloud(self.case.provider.name, SEED)
        async with api_of(made) as (_, base_url):
            lookup = self.case.provider.lookup(account_of(made, base_url))
            if lookup is not None:
                assert await lookup.look_up(NOBODYS) is None
                await lookup.close()

    @pytest.mark.parametrize(
        "body",
        [
            b"<h1>404 Not Found</h1>",
            b'{"detail": "Not Found"}',
            b'{"message": "no Route matched with those values"}',
            b'{"code": 404, "title": "Not Found"}',
            b'{"errors": [{"code": "404", "title": "Not Found"}]}',
            b'{"error_code": "NOT_FOUND", "error_description": "Not Found"}',
            b"",
            b"[]",
        ],
    )
    async def test_a_404_of_any_web_server_is_an_error(self, body: bytes) -> None:
        """A base URL that leads elsewhere must not make every message one that the provider has no more."""
        made = cloud(self.case.provider.name, SEED)
        async with rest_server(*[Reply(body, 404)] * 2) as server:
            lookup = self.case.provider.lookup(account_of(made, server.url))
            if lookup is not None:
                with pytest.raises(UnreadableAnswerError, match="base_url"):
                    await lookup.look_up(NOBODYS)
                await lookup.close()

    async def test_a_refused_credential_is_an_error(self) -> None:
        """No message is gone for that."""
        made, other = cloud(self.case.provider.name, SEED), cloud(self.case.provider.name, bytes(32))
        async with api_of(other) as (_, base_url):
            lookup: Lookup | None = self.case.provider.lookup(account_of(made, base_url))
            if lookup is not None:
                with pytest.raises(AuthenticationError):
                    await lookup.look_up(NOBODYS)
                await lookup.close()

    def test_a_lookup_needs_credentials(self) -> None:
        """An account that only receives cannot ask."""
        if self.case.provider.lookup(self.case.account(**self.case.credentials)) is not None:
            with pytest.raises(AccountError, match="main"):
                self.case.provider.lookup(self.case.account())

    def _events(self, found: Sequence[Polled] | None) -> tuple[Event, ...]:
        assert found is not None
        provider = self.case.provider
        return tuple(
            event for item in found for event in provider.normalize(polled(provider.name, item.target, item.body), {})
        )


def _command() -> SendRequested:
    return SendRequested(
        id="c" * 32,
        provider="any",
        account="main",
        received_at=from_millis(int(NOW * 1000)),
        from_=OURS,
        to=PERSON,
        text="Open 9 to 17.",
    )
