"""Event Manager's deliveries through the receiver: what it hears, what is stored, what read-back decides."""

import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from ingest.receiver import Endpoint
from providers.contract import AccountError, Secret
from providers.syniverse import PROVIDER
from schemas.events import MessageReceived
from tests.support.receiver import receiver, request_bytes
from tests.support.syniverse import PAIR, account_of, own_body

MESSAGE = "/scg-external-api/api/v1/messaging/messages/MoaAAAAAAAAAAAAAAAAA03"
GENUINE = {
    "id": "MoaAAAAAAAAAAAAAAAAA03",
    "direction": "MO",
    "from_address": "+15555550142",
    "to_address": "66000",
    "state": "RECEIVED",
}
CREDENTIAL = b"Basic " + base64.b64encode(PAIR.encode())


def endpoint(**settings: Any) -> Endpoint:
    """Return an account that can be delivered to."""
    account = account_of(**settings)
    return Endpoint(account, PROVIDER, PROVIDER.verifier(account), PROVIDER.corroborator(account))


def delivery(body: bytes, credential: bytes = CREDENTIAL, method: str = "POST") -> bytes:
    """Return a delivery as it goes over the wire."""
    headers = ((b"Authorization", credential), (b"Content-Type", b"application/json; charset=UTF-8"))
    return request_bytes(body, method=method, target="/webhooks/scg", secret=None, headers=headers)


@asynccontextmanager
async def reading_back(url: str) -> AsyncGenerator[Endpoint]:
    """Give an account that reads back from an API at that URL."""
    each = endpoint(read_back=True, token=Secret("T", "env:T"), base_url=url, basic=(Secret(PAIR, "env:B"),))
    try:
        yield each
    finally:
        if each.corroborator is not None:
            await each.corroborator.close()


async def answer_with_read_back(answer: web.Response) -> int:
    """Return the status that a delivery gets where Syniverse's API gives that answer."""

    async def handler(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer T"
        return answer

    app = web.Application()
    app.router.add_get(MESSAGE, handler)
    async with (
        TestServer(app, host="127.0.0.1") as server,
        reading_back(str(server.make_url("/"))) as each,
        receiver(endpoints=[each]) as bench,
    ):
        found = await bench.ask(delivery(own_body("inbound_stop")))
        assert bool(bench.memory.webhooks) == (found.status == 200)
        return found.status


async def test_a_delivery_is_stored_and_answered() -> None:
    """200 with the body that the SDK's listener gives; the password reaches no record."""
    async with receiver(endpoints=[endpoint()]) as bench:
        found = await bench.ask(delivery(own_body("inbound_stop")))
        assert (found.status, found.body) == (200, b'{"status":"ok"}')
        (stored,) = bench.memory.webhooks
        assert (stored.body, stored.verified_key) == (own_body("inbound_stop"), "basic:1")
        assert stored.header("authorization") is None
        assert any(isinstance(each.event, MessageReceived) for each in bench.memory.events)


@pytest.mark.parametrize("body", [b"<event/>", b"not json", b'{"a":1,"a":2}', b"[]"])
async def test_what_is_not_understood_is_kept(body: bytes) -> None:
    """Never 400 or 415: whoever has the password is told that it is stored."""
    async with receiver(endpoints=[endpoint()]) as bench:
        assert (await bench.ask(delivery(body))).status == 200
        assert len(bench.memory.webhooks) == 1


async def test_a_wrong_password_is_challenged() -> None:
    """401 names the schemes; nothing is stored."""
    async with receiver(endpoints=[endpoint()]) as bench:
        found = await bench.ask(delivery(own_body("inbound_stop"), b"Basic eHg="))
        assert (found.status, found.headers["www-authenticate"]) == (401, PROVIDER.policy.challenge)
        assert bench.memory.webhooks == []


async def test_a_foreign_company_is_refused_like_a_stranger() -> None:
    """401 and not 403, whatever the specification's table says."""
    async with receiver(endpoints=[endpoint(company_ids=("1",))]) as bench:
        assert (await bench.ask(delivery(own_body("inbound_stop")))).status == 401
        assert bench.refused("wrong_company", "scg") == 1


async def test_get_is_no_delivery() -> None:
    """405, whatever the SDK's listener answers."""
    async with receiver(endpoints=[endpoint()]) as bench:
        assert (await bench.ask(delivery(b"", method="GET"))).status == 405


async def test_a_message_that_rest_confirms_is_stored() -> None:
    """The API tells the same."""
    assert await answer_with_read_back(web.json_response(GENUINE)) == 200


async def test_a_message_that_rest_contradicts_is_refused() -> None:
    """Another person wrote it."""
    assert await answer_with_read_back(web.json_response({**GENUINE, "from_address": "+15555550157"})) == 401


async def test_a_message_that_rest_does_not_know_is_refused() -> None:
    """It never was."""
    missing = web.json_response({"error_code": "4041", "error_description": "gone"}, status=404)
    assert await answer_with_read_back(missing) == 401


async def test_an_api_that_is_not_well_makes_the_sender_come_again() -> None:
    """503: nothing is trusted and nothing lost."""
    assert await answer_with_read_back(web.json_response({"error_code": "5000"}, status=500)) == 503


async def test_an_api_that_is_away_makes_the_sender_come_again() -> None:
    """The same where nobody listens."""
    async with (
        reading_back(f"http://127.0.0.1:{unused_port()}") as each,
        receiver(endpoints=[each]) as bench,
    ):
        assert (await bench.ask(delivery(own_body("inbound_stop")))).status == 503


def test_read_back_is_off_unless_it_is_wanted() -> None:
    """It costs a call for each event."""
    assert PROVIDER.corroborator(account_of()) is None
    assert PROVIDER.corroborator(account_of(read_back=False)) is None


def test_read_back_needs_a_token() -> None:
    """An account that could not ask does not start."""
    with pytest.raises(AccountError, match="token"):
        PROVIDER.corroborator(account_of(read_back=True))
