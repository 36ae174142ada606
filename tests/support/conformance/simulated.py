"""The provider's simulated cloud against what it is to test: verifier, normalizer, configuration."""

from pathlib import Path

import pytest

from hookline.configuration.config import load_config
from hookline.process.startup import endpoints_of
from providers.contract import LooksUp, SendStatus, Verdict
from providers.registry import cloud
from providers.simulation import Cloud, Forgery, Outgoing
from schemas.events import ConsentChanged, DeliveryUpdated, Event, InboundMessage, SendRequested
from tests.support.conformance.base import OfProvider
from tests.support.conformance.reading import assert_storable
from tests.support.simulated import NOW, SEED, account_of, api_of, request_of, told, webhook_of

STORIES = 80
"""Enough for several rounds of every provider's stories."""


class Simulated(OfProvider):
    """The simulator."""

    def made(self, seed: bytes | None = SEED) -> Cloud:
        """Return a cloud of the provider."""
        return cloud(self.case.provider.name, seed)

    def genuine(self, made: Cloud) -> list[Outgoing]:
        """Return what a cloud delivers, without the forged."""
        return [outgoing for outgoing in told(made, STORIES) if outgoing.forgery is None]

    def test_what_the_cloud_tells_is_proved_and_understood(self) -> None:
        """Every genuine delivery verifies, and is one event at least."""
        made = self.made()
        verifier = self.case.provider.verifier(account_of(made))
        for outgoing in self.genuine(made):
            request = request_of(made, outgoing)
            assert verifier.verify(request, NOW).verdict is Verdict.VERIFIED, outgoing.label
            assert_storable(self.events(made, outgoing))

    def test_the_cloud_tells_of_everything(self) -> None:
        """Messages on their way and at their end, what people write, and that they want no more."""
        made = self.made()
        found = [event for outgoing in self.genuine(made) for event in self.events(made, outgoing)]
        statuses = {event.status for event in found if isinstance(event, DeliveryUpdated)}
        assert {"sent", "delivered"} <= statuses
        assert any(isinstance(event, InboundMessage) for event in found)
        assert "opted_out" in {event.consent for event in found if isinstance(event, ConsentChanged)}

    @pytest.mark.parametrize("forgery", list(Forgery))
    def test_every_forgery_of_the_cloud_is_refused(self, forgery: Forgery) -> None:
        """Whatever the verifier is told to look at."""
        made = self.made()
        verifier = self.case.provider.verifier(account_of(made))
        request = request_of(made, self.genuine(made)[0], forgery=forgery)
        assert verifier.verify(request, NOW).verdict is not Verdict.VERIFIED

    def test_the_cloud_forges_now_and_then(self) -> None:
        """So that the demo shows refusals."""
        assert [outgoing for outgoing in told(self.made(), STORIES) if outgoing.forgery is not None]

    def test_another_cloud_is_not_trusted(self) -> None:
        """Each has keys and passwords of its own."""
        made, other = self.made(None), self.made(None)
        verifier = self.case.provider.verifier(account_of(other))
        request = request_of(made, self.genuine(made)[0])
        assert verifier.verify(request, NOW).verdict is not Verdict.VERIFIED

    def test_a_configuration_with_the_lines_of_the_cloud_starts(self, tmp_path: Path) -> None:
        """With its variables in the environment, for receiving, calling, polling and confirming."""
        made, path = self.made(), tmp_path / "hookline.toml"
        lines = made.account_lines("http://127.0.0.1:1", lambda name: f"env:{name}")
        path.write_text("\n".join(("[accounts.main]", *lines, "")), encoding="utf-8")
        config = load_config(path, made.environment())
        assert list(endpoints_of(config)) == ["main"]
        account = config.accounts["main"]
        for make in (self.case.provider.sender, self.case.provider.client, self.case.provider.polls):
            make(account)
        self.case.provider.confirmer(account)

    @pytest.mark.parametrize(
        "headers", [{}, {"authorization": "Bearer nobody"}, {"authorization": "Basic bm9ib2R5Og=="}]
    )
    def test_the_api_of_the_cloud_answers_nobody_else(self, headers: dict[str, str]) -> None:
        """Without credentials or with wrong ones there is no effect."""
        answer = self.made().answer("POST", "/messages", headers, b"{}", NOW)
        assert answer.status in {401, 403, 404}
        assert answer.effect is None

    async def test_what_was_sent_can_be_looked_up_where_the_sender_looks_up(self) -> None:
        """It is found under its command's id with the receipt's, nothing else is, and nothing is sent by it."""
        made = self.made()
        command = self.reply(made)
        async with api_of(made, lambda: NOW) as (api, base_url):
            sender = self.case.provider.sender(account_of(made, base_url))
            try:
                if not isinstance(sender, LooksUp):
                    return
                assert not sender.idempotent
                assert sender.settles >= 0
                body = sender.prepare(command)
                assert await sender.look_up(command.id, body) is None
                sent = await sender.send(command.id, body)
                assert sent.status is SendStatus.ACCEPTED
                found = await sender.look_up(command.id, body)
                assert found is not None
                assert (found.status, found.message_id) == (SendStatus.ACCEPTED, sent.message_id)
                assert await sender.look_up("another", body) is None
                assert len(api.effects) == 1
                await api.stop()
                unheard = await sender.look_up(command.id, body)
                assert unheard is not None
                assert unheard.status is SendStatus.RETRY
            finally:
                await sender.close()

    def reply(self, made: Cloud) -> SendRequested:
        """Return a command that answers a message which the cloud tells of."""
        told_of = (event for outgoing in self.genuine(made) for event in self.events(made, outgoing))
        question = next(event for event in told_of if isinstance(event, InboundMessage) and event.from_)
        return SendRequested(
            id="command-0",
            provider=question.provider,
            account="main",
            received_at=question.received_at,
            from_=question.to,
            to=str(question.from_),
            text="Open 9 to 17.",
            sender_id=question.sender_id,
        )

    def events(self, made: Cloud, outgoing: Outgoing) -> tuple[Event, ...]:
        """Return the events of a delivery to the cloud's own account."""
        webhook = webhook_of(self.case.provider.name, request_of(made, outgoing))
        return self.case.provider.normalize(webhook, account_of(made).settings)
