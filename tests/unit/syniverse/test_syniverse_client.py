"""Every operation of the client against its recorded contract, and what the whole client promises."""

from typing import Any

import pytest

from providers.contract import AccountError, Secret
from providers.credentials import SecretError
from providers.rest.errors import ApiError, AuthenticationError, LimitError, NotConnectedError
from providers.rest.operations import operations_of
from providers.syniverse.access import base_url_of, caller, client
from providers.syniverse.api.filters import (
    KeywordFilters,
    SenderIdFilters,
)
from providers.syniverse.api.models import (
    Message,
)
from providers.syniverse.api.people import Contact
from providers.syniverse.client import SyniverseClient
from tests.conftest import FakeClock
from tests.support.syniverse_api import (
    KEY,
    SCG,
    SECRET,
    SECRETS,
    TOKEN,
    FakeApi,
    Reply,
    example,
    fake_api,
    listed,
    quick,
    refusal,
)
from tests.support.syniverse_contracts import CONTRACTS, ITEM, NOW, Contract, called


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.operation)
async def test_operation_is_what_the_provider_documents(contract: Contract) -> None:
    """Method, path, query, headers and body of each operation are those of the specification."""
    async with fake_api() as api, api.client() as syniverse:
        api.will(*contract.replies)
        await called(syniverse, contract.operation, contract.arguments)
    assert tuple((one.method, one.path.removeprefix(SCG), one.parameters) for one in api.seen) == contract.requests
    for seen, body in zip(api.seen, contract.bodies or (None,) * len(api.seen), strict=True):
        assert seen.headers["authorization"] == "Bearer TOKEN-of-a-test"
        assert "auth-token" not in seen.headers
        if body is None:
            assert seen.body == b""
            assert "content-type" not in seen.headers
        elif isinstance(body, bytes):
            assert (seen.body, seen.headers["content-type"]) == (body, "application/octet-stream")
        else:
            assert (seen.json, seen.headers["content-type"]) == (body, "application/json")


async def test_every_operation_has_its_contract() -> None:
    """No operation is offered whose request no test has seen."""
    async with SyniverseClient(TOKEN) as syniverse:
        assert {contract.operation for contract in CONTRACTS} == set(operations_of(syniverse))


async def test_operations_name_what_they_call() -> None:
    """Each operation's documented endpoint is the last request that it makes."""
    async with fake_api() as api, api.client() as syniverse:
        for contract in CONTRACTS:
            api.seen.clear()
            api.will(*contract.replies)
            await called(syniverse, contract.operation, contract.arguments)
            endpoint = operations_of(syniverse)[contract.operation].endpoint
            assert endpoint.method == api.seen[-1].method
            names = [part for part in endpoint.path.split("/") if not part.startswith("{")]
            assert [part for part in names if part in api.seen[-1].path.split("/")] == names


async def test_summaries_are_sentences() -> None:
    """The help of the shell is made of them."""
    async with SyniverseClient(TOKEN) as syniverse:
        for operation in operations_of(syniverse).values():
            assert operation.summary.endswith("."), operation.name


async def test_typed_parameters_of_the_shell() -> None:
    """A resource's own class is what its operations take."""
    async with SyniverseClient(TOKEN) as syniverse:
        found = operations_of(syniverse)
    assert {one.name: one.hint for one in found["contacts.create"].parameters}["item"] is Contact
    assert {one.name: one.hint for one in found["messages.update"].parameters}["changes"] is Message
    assert {one.name: one.hint for one in found["keywords.list"].parameters}["filters"] is KeywordFilters
    assert "messages.replace" not in found


async def test_members_that_were_not_added_are_told() -> None:
    """A partial success names each id that failed, typed."""
    async with fake_api() as api, api.client() as syniverse:
        api.will(Reply(200, example("rest_group_contacts_partial_errors")))
        found = await syniverse.contact_group_members.add("g1", ["some_id1", "some_id2", "good"])
    assert dict(found.errors) == {
        "some_id1": "Unknown document: some_id1",
        "some_id2": "Unknown document: some_id2",
    }


@pytest.mark.parametrize("reply", [Reply(200, {}), Reply(204), Reply(200, b"")])
async def test_members_that_were_all_added_leave_no_errors(reply: Reply) -> None:
    """No errors, whatever form the success has."""
    async with fake_api() as api, api.client() as syniverse:
        api.will(reply)
        assert not (await syniverse.channel_sender_ids.add("c1", ["s1"])).errors


async def test_counts_of_a_request() -> None:
    """COMPLETED with a failure: the counters tell."""
    async with fake_api() as api, api.client() as syniverse:
        api.will(Reply(200, example("rest_message_request_completed_with_failure")))
        found = await syniverse.message_requests.counts("aaRXWwJdXFs3MsuidEmug2")
    assert (found.recipient_count, found.delivered_count, found.failed_count) == (1, 0, 1)


async def test_external_id_with_commas_finds_its_own_request_alone() -> None:
    """The server may read the commas as several values: what it gives beside is passed over."""
    wanted = "SessionID123456,msg001,20190712"
    async with fake_api() as api, api.client() as syniverse:
        api.will(listed({"id": "r1", "external_id": "msg001"}, {"id": "r2", "external_id": f" {wanted}"}))
        found = await syniverse.message_requests.find_by_external_id(wanted)
    assert found is not None
    assert found.id == "r2"
    assert api.seen[0].query == "external_id=SessionID123456%2Cmsg001%2C20190712&offset=0"


async def test_delete_by_filter_tells_how_many() -> None:
    """`del_qty` is how many there were; without a filter nothing is asked."""
    async with fake_api() as api, api.client() as syniverse:
        api.will(Reply(200, {"del_qty": 3}), Reply(204))
        assert (await syniverse.sender_ids.delete_by(SenderIdFilters(name=("x",)))).del_qty == 3
        assert (await syniverse.sender_ids.delete_by(SenderIdFilters(name=("x",)))).del_qty is None
        with pytest.raises(LimitError):
            await syniverse.sender_ids.delete_by(SenderIdFilters())
    assert len(api.seen) == 2


async def test_no_secret_in_any_error_or_repr() -> None:
    """Token, key and secret stand in no exception's text, nor in the repr of the client and its parts."""
    texts: list[str] = []
    async with fake_api() as api:
        syniverse = api.client(consumer_key=KEY, consumer_secret=SECRET)
        api.handler = lambda _: refusal(401, "401", "bad token")
        for contract in CONTRACTS:
            with pytest.raises(ApiError) as caught:
                await called(syniverse, contract.operation, contract.arguments)
            error: BaseException | None = caught.value
            while error is not None:
                texts += [str(error), repr(error), *getattr(error, "__notes__", [])]
                error = error.__cause__ or error.__context__
        await syniverse.close()
    texts += [repr(value) for value in vars(syniverse).values()]
    assert not [text for text in texts if any(secret in text for secret in SECRETS)]


async def test_no_connection_is_told_as_such() -> None:
    """Where nobody listens nothing was sent."""
    syniverse = SyniverseClient(TOKEN, base_url="http://127.0.0.1:9", tempo=quick(retries=0))
    with pytest.raises(NotConnectedError, match=r"^contacts.get: no connection$"):
        await syniverse.contacts.get("c1")
    await syniverse.close()


def test_credentials_are_references() -> None:
    """A token that stands in the program is refused, without showing it."""
    with pytest.raises(SecretError) as caught:
        SyniverseClient("b1624ffb-7360-375c-91a5-955cee069970")
    assert "b1624ffb" not in str(caught.value)


@pytest.mark.parametrize("given", [{"consumer_key": KEY}, {"consumer_secret": SECRET}])
def test_key_and_secret_go_together(given: dict[str, Any]) -> None:
    """One of them alone regenerates nothing."""
    with pytest.raises(LimitError):
        SyniverseClient(TOKEN, **given)


@pytest.mark.parametrize("validity", [-1, 1, 899, 10_000_000_000_000_000_000])
def test_validity_that_the_provider_refuses(validity: int) -> None:
    """900 seconds and more, or 0 for ever."""
    with pytest.raises(LimitError):
        SyniverseClient(TOKEN, consumer_key=KEY, consumer_secret=SECRET, token_validity=validity)


async def test_account_gives_its_client() -> None:
    """The settings of an account are the arguments of its client."""
    async with fake_api() as api, client(api.account(), quick()) as syniverse:
        api.will(ITEM)
        assert (await syniverse.contacts.get("i1")).version_number == 7


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"token": None}, "has no token"),
        ({"token": Secret(" ", "env:X")}, "has no token"),
        ({"token": Secret("two words", "env:X")}, "env:X holds characters"),
        ({"base_url": "ftp://x"}, "base_url"),
        ({"base_url": "http://[x"}, "base_url"),
        ({"consumer_key": KEY, "token_file": "x"}, "go together"),
        ({"token_validity": "soon"}, "token_validity"),
    ],
)
def test_account_that_cannot_call(settings: dict[str, Any], words: str) -> None:
    """An account says at the start what it lacks."""
    with pytest.raises(AccountError, match=words):
        client(FakeApi("http://x").account(**settings))


async def test_account_that_keeps_no_token_regenerates_none() -> None:
    """Without a file the new token would be lost, and the old one dead: one call asks nothing, a sender is refused."""
    async with fake_api() as api:
        account = api.account(consumer_key=KEY, consumer_secret=SECRET)
        async with client(account, quick()) as syniverse:
            api.handler = lambda _: refusal(401, "401")
            with pytest.raises(AuthenticationError):
                await syniverse.contacts.get("c1")
    assert len(api.seen) == 1
    with pytest.raises(AccountError, match="token_file"):
        caller(account)


def test_default_host() -> None:
    """Without `base_url` it is the provider's own host."""
    account = FakeApi("http://x").account(base_url=None)
    assert base_url_of(account) == "https://api.syniverse.com"
    assert FakeClock().now == NOW.timestamp()
