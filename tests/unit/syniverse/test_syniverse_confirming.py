"""Confirmations: what there is to confirm, and marking it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from providers.contract import AccountError
from providers.rest.errors import NotFoundError, ProviderFaultError, RefusedError
from providers.roles import Confirmation, PartlyConfirmedError
from providers.syniverse.confirming import BATCH_SIZE, SyniverseConfirmer, confirmer
from providers.syniverse.marking import SIDE_BY_SIDE
from schemas.events import DeliveryUpdated, MessageReceived, MessageReplied
from tests.support.syniverse_api import SCG, FakeApi, Reply, Seen, fake_api, refusal

COMMON: dict[str, Any] = {
    "id": "e1",
    "provider": "syniverse",
    "account": "main",
    "message_id": "m1",
    "received_at": datetime(2026, 1, 1, tzinfo=UTC),
}
RECEIVED = MessageReceived(**COMMON)
IDLE = FakeApi("http://127.0.0.1:1")


def confirmer_of(api: FakeApi, **settings: Any) -> SyniverseConfirmer:
    """Return the confirmer of an account."""
    found = confirmer(api.account(**settings))
    assert found is not None
    return found


def of(*ids: str) -> list[Confirmation]:
    """Return confirmations of inbound messages."""
    return [Confirmation("inbound", ident) for ident in ids]


def test_inbound_messages_are_confirmed() -> None:
    """Received or replied, by the provider's id."""
    found = confirmer_of(IDLE)
    assert found.confirmation(RECEIVED) == Confirmation("inbound", "m1")
    assert found.confirmation(MessageReplied(**COMMON)) == Confirmation("inbound", "m1")


def test_all_else_is_not() -> None:
    """Delivery events, other providers' messages, and one without an id leave nothing to do."""
    found = confirmer_of(IDLE)
    assert found.confirmation(DeliveryUpdated(**COMMON, status="delivered")) is None
    assert found.confirmation(replace(RECEIVED, provider="telnyx")) is None
    assert found.confirmation(replace(RECEIVED, message_id=None)) is None


async def test_batch_is_marked() -> None:
    """Each message is read, then marked with its version; the same one twice is one."""
    async with fake_api() as api:
        found = confirmer_of(api)
        api.handler = lambda _: Reply(200, {"state": "RECEIVED", "version_number": 4})
        await found.confirm(of("m1", "m2", "m1"))
        await found.close()
    posts = [one for one in api.seen if one.method == "POST"]
    assert {one.path for one in posts} == {f"{SCG}/messaging/messages/m1", f"{SCG}/messaging/messages/m2"}
    assert [one.json for one in posts] == [{"state": "PROCESSED", "version_number": 4}] * 2


async def test_marked_already_is_no_error() -> None:
    """To confirm twice does no harm, and writes nothing."""
    async with fake_api() as api:
        found = confirmer_of(api)
        api.handler = lambda _: Reply(200, {"state": "PROCESSED", "version_number": 4})
        await found.confirm(of("m1"))
        await found.close()
    assert [one.method for one in api.seen] == ["GET"]


async def test_message_that_is_not_there_is_a_refusal_of_that_one() -> None:
    """The others are marked all the same, and need not be asked for again to find out which it was."""

    def handler(seen: Seen) -> Reply:
        return refusal(404, "4040") if seen.path.endswith("gone") else Reply(200, {"version_number": 1})

    async with fake_api() as api:
        found = confirmer_of(api)
        api.handler = handler
        with pytest.raises(PartlyConfirmedError) as caught:
            await found.confirm(of("gone", "m1"))
        await found.close()
    assert [(one.id, error.status) for one, error in caught.value.refused.items()] == [("gone", 404)]
    assert [one.path for one in api.seen if one.method == "POST"] == [f"{SCG}/messaging/messages/m1"]


@pytest.mark.parametrize("reply", [refusal(404, "4046"), Reply(404, b"<html>"), Reply(404, {"detail": "Not Found"})])
async def test_404_that_tells_of_no_message_is_a_refusal_of_all(reply: Reply) -> None:
    """A token that is spent, or another server at the base URL: none of these messages is gone."""

    def handler(seen: Seen) -> Reply:
        return reply if seen.path.endswith("m2") else Reply(200, {"version_number": 1})

    async with fake_api() as api:
        found = confirmer_of(api)
        api.handler = handler
        with pytest.raises(NotFoundError):
            await found.confirm(of("m1", "m2"))
        await found.close()


async def test_what_may_pass_is_told_before_a_refusal() -> None:
    """A batch with both is worth another try."""

    def handler(seen: Seen) -> Reply:
        return refusal(404, "4040") if seen.path.endswith("gone") else Reply(200, b"<html>")

    async with fake_api() as api:
        found = confirmer_of(api)
        api.handler = handler
        with pytest.raises(Exception, match="no JSON object") as caught:
            await found.confirm(of("gone", "m1"))
        await found.close()
    assert not isinstance(caught.value, RefusedError)


async def test_fault_stops_the_rest_of_the_batch() -> None:
    """A provider that is down is not asked for every message of a batch."""
    async with fake_api() as api:
        found = confirmer_of(api)
        found._client.transport._tempo = replace(found._client.transport._tempo, retries=0)
        api.handler = lambda _: Reply(500, {})
        with pytest.raises(ProviderFaultError):
            await found.confirm(of(*(f"m{number}" for number in range(BATCH_SIZE))))
        await found.close()
    assert len(api.seen) <= SIDE_BY_SIDE


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_operation_that_is_refused_as_such_is_asked_for_no_more(status: int) -> None:
    """Where the provider does not know the operation there is nothing to confirm."""

    def handler(seen: Seen) -> Reply:
        return refusal(status, "405") if seen.method == "POST" else Reply(200, {"version_number": 1})

    async with fake_api() as api:
        found = confirmer_of(api)
        api.handler = handler
        await found.confirm(of("m1"))
        asked = len(api.seen)
        await found.confirm(of("m2"))
        await found.close()
    assert len(api.seen) == asked


def test_account_may_want_none() -> None:
    """`confirm = false`, or an account that cannot call."""
    assert confirmer(IDLE.account(confirm=False)) is None
    assert confirmer(IDLE.account(token=None)) is None
    assert confirmer_of(IDLE).batch_size == BATCH_SIZE
    with pytest.raises(AccountError):
        confirmer(IDLE.account(base_url="x"))
