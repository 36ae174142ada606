"""Confirmations: what there is to confirm, and marking it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from providers.contract import AccountError
from providers.rest.errors import (
    ApiError,
    ConflictError,
    NotFoundError,
    ProviderFaultError,
    RefusedError,
    UnreadableAnswerError,
)
from providers.roles import Confirmation, PartlyConfirmedError
from providers.syniverse.confirming import BATCH_SIZE, SyniverseConfirmer, confirmer
from providers.syniverse.marking import SIDE_BY_SIDE, is_final
from schemas.events import DeliveryUpdated, MessageReceived, MessageReplied, ProviderError
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


FOREIGN = [Reply(404, b"<html>"), Reply(404, {"detail": "Not Found"})]


@pytest.mark.parametrize("ids", [("m2",), ("m1", "m2")])
@pytest.mark.parametrize(
    ("reply", "error"), [(refusal(404, "4046"), NotFoundError), *((each, UnreadableAnswerError) for each in FOREIGN)]
)
async def test_404_that_tells_of_no_message_is_trouble_of_all(
    reply: Reply, error: type[ApiError], ids: Sequence[str]
) -> None:
    """A token that is spent, or another server at the base URL: none of these messages is gone."""

    def handler(seen: Seen) -> Reply:
        return reply if seen.path.endswith("m2") else Reply(200, {"version_number": 1})

    async with fake_api() as api:
        found = confirmer_of(api)
        api.handler = handler
        with pytest.raises(error) as caught:
            await found.confirm(of(*ids))
        await found.close()
    assert type(caught.value) is error


SPENT = refusal(404, "4046")


@pytest.mark.parametrize(
    ("method", "reply"),
    [
        *(("GET", each) for each in (*FOREIGN, SPENT, Reply(405, b"<html>"), refusal(405, "405"))),
        *(("POST", each) for each in (*FOREIGN, SPENT)),
    ],
)
async def test_passing_refusal_turns_nothing_off(method: str, reply: Reply) -> None:
    """Only the POST can be what Syniverse does not offer, and only its own 404 says so."""
    passing = [reply]

    def handler(seen: Seen) -> Reply:
        trouble = passing if seen.method == method else []
        return trouble.pop() if trouble else Reply(200, {"state": "RECEIVED", "version_number": 1})

    async with fake_api() as api:
        found = confirmer_of(api)
        api.handler = handler
        with pytest.raises(ApiError) as caught:
            await found.confirm(of("m1"))
        assert not isinstance(caught.value, PartlyConfirmedError)
        await found.confirm(of("m1"))
        await found.close()
    assert [one.method for one in api.seen][-2:] == ["GET", "POST"]


@pytest.mark.parametrize(("status", "code"), [(400, "400"), (409, "1011"), (410, "410"), (412, "412"), (422, "4220")])
async def test_refusal_of_one_message_names_it(status: int, code: str) -> None:
    """Whatever it is: the others of the batch are marked, and do not wait for it."""

    def handler(seen: Seen) -> Reply:
        refused = seen.method == "POST" and seen.path.endswith("m1")
        return refusal(status, code) if refused else Reply(200, {"version_number": 1})

    async with fake_api() as api:
        found = confirmer_of(api)
        api.handler = handler
        with pytest.raises(PartlyConfirmedError) as caught:
            await found.confirm(of("m1", "m2", "m3"))
        await found.close()
    assert [(one.id, error.status) for one, error in caught.value.refused.items()] == [("m1", status)]


@pytest.mark.parametrize(
    "error",
    [
        ConflictError(409, (ProviderError(code="1001"),)),
        ConflictError(409, (ProviderError(code="4090"),)),
        *(RefusedError(status, ()) for status in (406, 408, 410, 412)),
    ],
)
def test_refusal_that_may_pass_is_not_final(error: RefusedError) -> None:
    """A message that somebody else changes at the time, a token that is renewed, another server's words."""
    assert not is_final(error)


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
    """Where the provider does not know the operation all are refused, by one refusal, and none counts as confirmed."""

    def handler(seen: Seen) -> Reply:
        return refusal(status, str(status)) if seen.method == "POST" else Reply(200, {"version_number": 1})

    refusals = list[RefusedError]()
    async with fake_api() as api:
        found = confirmer_of(api)
        found._client.transport._tempo = replace(found._client.transport._tempo, retries=0)
        api.handler = handler
        for ident in ("m1", "m2"):
            with pytest.raises(PartlyConfirmedError) as caught:
                await found.confirm(of(ident))
            refusals += caught.value.refused.values()
        await found.close()
    assert {one.path for one in api.seen} == {f"{SCG}/messaging/messages/m1"}
    assert [error.status for error in refusals] == [status, status]
    assert refusals[0] is refusals[1]


async def test_refusal_of_the_operation_after_it_was_taken_is_a_passing_one() -> None:
    """What one message was marked by is offered: the next one is asked for again."""
    async with fake_api() as api:
        found = confirmer_of(api)
        well = api.handler = lambda _: Reply(200, {"state": "RECEIVED", "version_number": 1})
        await found.confirm(of("m1"))
        api.handler = lambda seen: Reply(405, b"<html>") if seen.method == "POST" else well(seen)
        with pytest.raises(RefusedError) as caught:
            await found.confirm(of("m2"))
        api.handler = well
        await found.confirm(of("m2"))
        await found.close()
    assert not is_final(caught.value)
    assert [one.method for one in api.seen] == ["GET", "POST"] * 3


def test_account_may_want_none() -> None:
    """`confirm = false`, or an account that cannot call."""
    assert confirmer(IDLE.account(confirm=False)) is None
    assert confirmer(IDLE.account(token=None)) is None
    assert confirmer_of(IDLE).batch_size == BATCH_SIZE
    with pytest.raises(AccountError):
        confirmer(IDLE.account(base_url="x"))
