"""What goes out for each operation: method, path, query, headers and body as Telnyx documents them."""

import inspect
import json
from typing import Any

import pytest

from providers.rest.operations import operations_of
from providers.rest.pages import Page, Pages
from providers.telnyx.client import TelnyxClient
from tests.support.rest_server import Recorded, Reply
from tests.support.telnyx_calls import KEY, MESSAGE_ID, NUMBER_ID, PROFILE_ID, SENT, THEIRS, example, telnyx_playing
from tests.support.telnyx_operations import CONTRACTS, Contract, given, of_ours
from tests.support.telnyx_operations import KEY as IDEMPOTENCY_KEY

LISTED = Reply({"data": [{"id": NUMBER_ID}], "meta": {"page_number": 2, "page_size": 50, "total_pages": 2}})


async def asked(contract: Contract) -> Recorded:
    """Return what our client sends for an operation."""
    async with telnyx_playing(LISTED if contract.listed else SENT) as (client, server):
        method = operations_of(client)[contract.name].method_of(client)
        found = method(**of_ours(contract))
        await (found.page() if isinstance(found, Pages) else found)
    (request,) = server.requests
    return request


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
async def test_what_goes_out(contract: Contract) -> None:
    """Method, path, query and body are the documented ones, with every parameter."""
    request = await asked(contract)
    assert (request.method, request.path) == (contract.method, f"/v2{contract.path}")
    assert request.query == tuple(contract.query)
    assert request.json() == contract.body


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
async def test_headers(contract: Contract) -> None:
    """The key goes as bearer; an idempotency key where Telnyx takes one; a type where there is a body."""
    headers = (await asked(contract)).headers
    assert headers["authorization"] == "Bearer KEY-of-a-test"
    assert headers["accept"] == "application/json"
    assert headers.get("idempotency-key") == (IDEMPOTENCY_KEY if contract.keyed else None)
    assert headers.get("content-type") == ("application/json" if contract.body is not None else None)


def test_contracts_hold_every_operation_and_parameter() -> None:
    """No operation and no parameter of the client is without a contract."""
    operations = operations_of(TelnyxClient(KEY))
    assert len(CONTRACTS) == 17
    assert set(operations) == {contract.name for contract in CONTRACTS}
    for contract in CONTRACTS:
        names = {parameter.name for parameter in operations[contract.name].parameters}
        assert names == set(contract.arguments), contract.name


def test_operations_tell_where_they_go() -> None:
    """The marks of the operations are the documented methods and paths, and each has a sentence."""
    operations = operations_of(TelnyxClient(KEY))
    for contract in CONTRACTS:
        operation = operations[contract.name]
        path = operation.endpoint.path.replace("{order_id}", contract.path.rpartition("/")[2])
        place = MESSAGE_ID if contract.path.startswith("/messages/") else NUMBER_ID
        assert (operation.endpoint.method, path.replace("{id}", place)) == (contract.method, contract.path)
        assert operation.summary.endswith(".")


def test_keys_are_taken_where_telnyx_takes_them() -> None:
    """Operations 1, 4, 5, 6, 7 and 8 take an idempotency key, and no other."""
    keyed = {
        name
        for name, operation in operations_of(TelnyxClient(KEY)).items()
        if "idempotency_key" in inspect.signature(operation.method_of(TelnyxClient(KEY))).parameters
    }
    assert keyed == {
        "send",
        "send_whatsapp",
        "send_group_mms",
        "send_long_code",
        "send_number_pool",
        "send_short_code",
    }


async def test_what_is_not_given_is_not_sent() -> None:
    """The smallest call has the smallest body."""
    async with telnyx_playing(SENT) as (client, server):
        await client.send(to=THEIRS)
    assert server.last.json() == {"to": THEIRS}


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ({}, {}),
        ({"messaging_profile_id": None}, {"messaging_profile_id": None}),
        ({"messaging_profile_id": ""}, {"messaging_profile_id": ""}),
        ({"messaging_profile_id": PROFILE_ID}, {"messaging_profile_id": PROFILE_ID}),
        ({"messaging_product": None}, {"messaging_product": None}),
        ({"tags": []}, {"tags": []}),
    ],
)
async def test_profile_missing_null_and_empty(arguments: dict[str, Any], body: dict[str, Any]) -> None:
    """A profile that is left out, null, empty or named are four different requests."""
    async with telnyx_playing(SENT) as (client, server):
        await client.update_number_settings(NUMBER_ID, **arguments)
    assert server.last.json() == body


async def test_id_in_a_path_is_encoded() -> None:
    """An id cannot lead to another path."""
    async with telnyx_playing(SENT) as (client, server):
        await client.retrieve_number_settings("../messages?x#é")
    assert server.last.path == "/v2/phone_numbers/..%2Fmessages%3Fx%23%C3%A9/messaging"


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("request_send_message", "send"),
        ("request_whatsapp_text_reply", "send_whatsapp"),
        ("request_whatsapp_template", "send_whatsapp"),
        ("request_update_number_messaging", "update_number_settings"),
        ("request_bulk_update", "create_bulk_update"),
    ],
)
async def test_published_request(name: str, operation: str) -> None:
    """What Telnyx publishes as a request is what our client sends for its fields."""
    body = example(name)
    async with telnyx_playing(SENT) as (client, server):
        arguments = given(body) | ({"id_": NUMBER_ID} if operation == "update_number_settings" else {})
        await operations_of(client)[operation].method_of(client)(**arguments)
    assert json.loads(server.last.body) == body


async def test_a_page_knows_its_place() -> None:
    """A list begins at the page that was asked for."""
    async with telnyx_playing(LISTED) as (client, _):
        page: Page[Any] = await client.list_number_settings(page_number=2, page_size=50).page()
    assert (page.place, page.next_place) == (2, None)
