"""Acme's client, sender, poll and confirmer against a server that records."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from providers.contract import Account, AccountError, Secret, SendStatus
from providers.rest.errors import LimitError, NotFoundError, UnreadableAnswerError
from providers.rest.transport import Tempo
from providers.roles import Confirmation, PollBatch
from schemas.events import SendRequested
from schemas.vocabulary import FailureClass
from tests.support.cases.acme import ACME_CASE
from tests.support.fourth import PROVIDER
from tests.support.fourth.client import LONGEST_TEXT, AcmeClient
from tests.support.fourth.confirming import MOST_IDS
from tests.support.provider_cases import NOW
from tests.support.rest_server import Reply, RestServer, rest_server

TOKEN = Secret("token of the test", "env:ACME_TOKEN")
EVENTS = b'{"events": [ {"id":"ev-1","type":"inbound","price":1.50} , {"id":"ev-2","type":"delivery"} ], "more": 0}'


def account_at(server: RestServer) -> Account:
    """Return an account whose API is that server."""
    return ACME_CASE.account(token=TOKEN, base_url=server.url, polls=("events",))


@asynccontextmanager
async def playing(*replies: Reply) -> AsyncGenerator[tuple[AcmeClient, RestServer]]:
    """Give a client, and the server that it calls."""
    async with rest_server(*replies) as server, AcmeClient(TOKEN, server.url, tempo=Tempo(retries=0)) as client:
        yield client, server


def command(from_: str | None = "+15555550100") -> SendRequested:
    """Return a command to send."""
    sample = ACME_CASE.events(ACME_CASE.story.reply)[0]
    return SendRequested(
        id="c1",
        provider="acme",
        account="main",
        received_at=sample.received_at,
        from_=from_,
        to="+15555550142",
        text="Open 9 to 17.",
    )


async def test_send_posts_the_text() -> None:
    """Method, path, headers and body."""
    async with playing(Reply({"id": "m-1", "state": "ACCEPTED"}, 201)) as (client, server):
        message = await client.send(to="+15555550142", text="Hello", from_="+15555550100")
        assert (message.id, message.state) == ("m-1", "ACCEPTED")
        assert (server.last.method, server.last.path) == ("POST", "/messages")
        assert server.last.headers["authorization"] == f"Bearer {TOKEN.value}"
        assert server.last.json() == {"to": "+15555550142", "text": "Hello", "from": "+15555550100"}


async def test_retrieve_asks_for_one_message() -> None:
    """Whatever signs its id has."""
    async with playing(Reply({"id": "a/b"})) as (client, server):
        assert (await client.retrieve(id="a/b")).id == "a/b"
        assert (server.last.method, server.last.path) == ("GET", "/messages/a%2Fb")


async def test_a_text_that_is_too_long_is_not_sent() -> None:
    """The limit is known before the call."""
    async with playing() as (client, server):
        with pytest.raises(LimitError):
            await client.send(to="+15555550142", text="x" * (LONGEST_TEXT + 1))
        assert server.requests == []


async def test_a_refusal_carries_the_code() -> None:
    """Of the provider."""
    async with playing(Reply({"error": {"code": "44", "title": "No such message"}}, 404)) as (client, _server):
        with pytest.raises(NotFoundError) as found:
            await client.retrieve(id="m-1")
        assert found.value.code == "44"


async def test_a_success_without_a_message_is_unreadable() -> None:
    """It is no message with nothing in it."""
    async with playing(Reply([])) as (client, _server):
        with pytest.raises(UnreadableAnswerError):
            await client.retrieve(id="m-1")


@pytest.mark.parametrize(
    ("reply", "status", "failure"),
    [
        (Reply({"id": "m-1"}, 201), SendStatus.ACCEPTED, None),
        (Reply({}, 201), SendStatus.UNKNOWN, None),
        (Reply({}, 429, {"retry-after": "3"}), SendStatus.RETRY, None),
        (Reply({}, 500), SendStatus.UNKNOWN, None),
        (Reply({}, drop=True), SendStatus.UNKNOWN, None),
        (Reply({"error": {"code": "32", "title": "Opted out"}}, 422), SendStatus.REFUSED, FailureClass.OPT_OUT),
    ],
)
async def test_what_an_answer_means_for_a_command(
    reply: Reply, status: SendStatus, failure: FailureClass | None
) -> None:
    """One of four ends."""
    async with rest_server(reply) as server:
        sender = PROVIDER.sender(account_at(server))
        receipt = await sender.send("c1", sender.prepare(command()))
        await sender.close()
        assert (receipt.status, receipt.failure_class) == (status, failure)
        assert receipt.retry_after == (3.0 if status is SendStatus.RETRY else None)


def test_a_command_without_our_number_cannot_be_prepared() -> None:
    """Acme chooses none."""
    sender = PROVIDER.sender(ACME_CASE.account(token=TOKEN))
    with pytest.raises(ValueError, match="no number"):
        sender.prepare(command(None))


async def test_a_poll_gives_the_items_as_they_stand_and_confirms_them_when_stored() -> None:
    """Byte for byte; nothing is confirmed before."""
    async with rest_server(Reply(EVENTS), Reply({})) as server:
        (poll,) = PROVIDER.polls(account_at(server))
        batch = await poll.check()
        assert [item.body for item in batch.items] == [
            b'{"id":"ev-1","type":"inbound","price":1.50}',
            b'{"id":"ev-2","type":"delivery"}',
        ]
        assert batch.again_after == 0
        assert len(server.requests) == 1
        await poll.stored(batch)
        await poll.close()
        assert (server.last.path, server.last.json()) == ("/events/confirm", {"ids": ["ev-1", "ev-2"]})


async def test_more_than_a_call_takes_is_confirmed_in_several() -> None:
    """The documented limit holds here too."""
    found = {"events": [{"id": f"ev-{at}"} for at in range(MOST_IDS + 1)]}
    async with rest_server(Reply(found), Reply({}), Reply({})) as server:
        (poll,) = PROVIDER.polls(account_at(server))
        await poll.stored(await poll.check())
        await poll.close()
        assert [len(request.json()["ids"]) for request in server.requests[1:]] == [MOST_IDS, 1]


@pytest.mark.parametrize("body", [b'{"events": []}', b"{}"])
async def test_an_empty_poll_confirms_nothing(body: bytes) -> None:
    """And waits for its usual time."""
    async with rest_server(Reply(body)) as server:
        (poll,) = PROVIDER.polls(account_at(server))
        batch = await poll.check()
        assert batch == PollBatch(token=())
        await poll.stored(batch)
        await poll.close()
        assert len(server.requests) == 1


async def test_a_poll_whose_answer_is_no_object_fails() -> None:
    """It is not an empty list."""
    async with rest_server(Reply(b"[]")) as server:
        (poll,) = PROVIDER.polls(account_at(server))
        with pytest.raises(UnreadableAnswerError):
            await poll.check()
        await poll.close()


async def test_a_polled_item_is_the_event_that_was_pushed() -> None:
    """With the id of the push (P8)."""
    story = ACME_CASE.story
    async with rest_server(Reply(json.dumps({"events": [json.loads(story.reply.body)]}).encode())) as server:
        (poll,) = PROVIDER.polls(account_at(server))
        (item,) = (await poll.check()).items
        await poll.close()
    assert (json.loads(item.body), item.target) == (json.loads(story.reply.body), "/events")


async def test_confirmations_go_out_together_and_not_too_many() -> None:
    """50 ids are documented."""
    async with rest_server(Reply({})) as server:
        confirmer = PROVIDER.confirmer(account_at(server))
        assert confirmer is not None
        await confirmer.confirm([Confirmation("event", "ev-1"), Confirmation("event", "ev-2")])
        assert server.last.json() == {"ids": ["ev-1", "ev-2"]}
        with pytest.raises(LimitError):
            await confirmer.confirm([Confirmation("event", str(at)) for at in range(MOST_IDS + 1)])
        await confirmer.close()


@pytest.mark.parametrize("settings", [{}, {"token": TOKEN, "confirm": False}])
def test_an_account_may_confirm_nothing(settings: dict[str, Any]) -> None:
    """Without a token, or by its wish."""
    assert PROVIDER.confirmer(ACME_CASE.account(**settings)) is None


def test_a_poll_that_is_none_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(AccountError, match="events"):
        PROVIDER.polls(ACME_CASE.account(token=TOKEN, polls=("letters",)))


def test_a_failure_has_its_class() -> None:
    """By the code; what is delivered has none."""
    failed, done = (
        ACME_CASE.events(sample, now=NOW)[0] for sample in (ACME_CASE.samples[0], ACME_CASE.story.delivered)
    )
    assert getattr(failed, "failure_class", None) == FailureClass.PERMANENT
    assert getattr(done, "failure_class", "none") is None
