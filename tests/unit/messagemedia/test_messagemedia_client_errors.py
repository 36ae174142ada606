"""How MessageMedia's client fails, what it repeats, and for whom it calls."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from providers.contract import AccountError, Secret
from providers.credentials import SecretError
from providers.messagemedia import access
from providers.messagemedia.client import MessageMediaClient
from providers.rest.errors import (
    AuthenticationError,
    ConflictError,
    NotConnectedError,
    NotFoundError,
    OutcomeUnknownError,
    ProviderFaultError,
    RateLimitedError,
    RefusedError,
    UnreadableAnswerError,
)
from providers.rest.transport import Tempo
from tests.support.messagemedia_api import BASIC, KEY, SECRET, Reply, account_at, api_answering, client_of, example

NUMBER = "+61491570156"
SENT = Reply({"messages": [{"message_id": "1", "status": "queued"}]}, 202)
NO_WAIT = {"Retry-After": "0"}


@pytest.mark.parametrize(
    ("status", "name", "error"),
    [
        (400, "rest_send_messages_error_400", RefusedError),
        (400, "rest_error_400_unparsable", RefusedError),
        (400, "rest_cancel_message_error_400", RefusedError),
        (400, "rest_webhook_error_400", RefusedError),
        (400, "rest_signature_key_error_400", RefusedError),
        (401, "rest_error_invalid_credentials", AuthenticationError),
        (403, "rest_signature_key_error_403", AuthenticationError),
        (404, "rest_error_404", NotFoundError),
        (404, "rest_signature_key_error_404", NotFoundError),
        (404, "rest_signature_key_error_404_none_enabled", NotFoundError),
        (409, "rest_webhook_error_409", ConflictError),
        (422, "rest_error_404", RefusedError),
        (429, "rest_error_404", RateLimitedError),
    ],
)
async def test_published_error_is_typed(status: int, name: str, error: type[RefusedError]) -> None:
    """The exception's class is by status; the provider's words and details are in it."""
    said = example(name)
    reply = Reply(said, status, {"Retry-After": "60"})
    async with api_answering(reply) as api, client_of(api.url) as client:
        with pytest.raises(RefusedError) as caught:
            await client.cancel_message("m1")
    (told,) = caught.value.errors
    assert type(caught.value) is error
    assert (caught.value.status, told.title) == (status, said["message"])
    assert told.detail == ("; ".join(said["details"]) if "details" in said else None)
    assert "cancel_message" in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"message": 7}', b'{"details": "x", "message": ""}'])
async def test_error_body_of_another_kind(body: bytes) -> None:
    """A proxy's page, or nothing at all, is a refusal all the same."""
    async with api_answering(Reply(body, 400)) as api, client_of(api.url) as client:
        with pytest.raises(RefusedError) as caught:
            await client.get_message("m1")
    assert caught.value.status == 400
    assert all(error.title is None for error in caught.value.errors)


async def test_redirect_is_not_followed() -> None:
    """A redirect would carry the key elsewhere."""
    async with api_answering(Reply(None, 307, {"Location": "/elsewhere"})) as api, client_of(api.url) as client:
        with pytest.raises(RefusedError, match="307"):
            await client.get_credits()
    assert len(api.seen) == 1


async def test_read_is_repeated_after_a_fault() -> None:
    """Reading twice does no harm: a 500 is tried again."""
    async with api_answering(Reply(b"", 500), Reply({"replies": []})) as api, client_of(api.url) as client:
        assert await client.check_replies() == ()
    assert len(api.seen) == 2


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.confirm_replies(["a"]),
        lambda client: client.signature_keys.enable("k"),
        lambda client: client.signature_keys.delete("k"),
        lambda client: client.webhooks.delete("w"),
        lambda client: client.webhooks.update("w", encoding="JSON"),
        lambda client: client.blacklist.remove(NUMBER),
    ],
)
async def test_repeatable_change_is_repeated(ask: object) -> None:
    """Confirming, enabling, changing and deleting have the effect of once."""
    async with api_answering(Reply(b"", 502), Reply({})) as api, client_of(api.url) as client:
        await ask(client)  # type: ignore[operator]
    assert len(api.seen) == 2


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.send(content="Hi", destination_number=NUMBER),
        lambda client: client.cancel_message("m1"),
        lambda client: client.signature_keys.create(),
        lambda client: client.webhooks.create(url="http://x", method="GET", encoding="XML", events=["FAILED_DR"]),
    ],
)
async def test_change_in_doubt_is_not_repeated(ask: object) -> None:
    """What may have had its effect is not done a second time."""
    async with api_answering(Reply(b"", 502)) as api, client_of(api.url) as client:
        with pytest.raises(ProviderFaultError):
            await ask(client)  # type: ignore[operator]
    assert len(api.seen) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_send_that_was_not_begun_is_repeated(status: int) -> None:
    """429, and 503 with Retry-After, say that nothing was done."""
    async with api_answering(Reply(b"", status, NO_WAIT), SENT) as api, client_of(api.url) as client:
        assert (await client.send(content="Hi", destination_number=NUMBER)).message_id == "1"
    assert [seen.body for seen in api.seen] == [api.seen[0].body] * 2


async def test_no_connection() -> None:
    """Where nobody listens nothing was sent, and that is said."""
    async with client_of(f"http://127.0.0.1:{unused_port()}") as client:
        with pytest.raises(NotConnectedError, match="send: no connection"):
            await client.send(content="Hi", destination_number=NUMBER)


async def test_answer_that_does_not_come() -> None:
    """After the deadline nobody knows what came of a send."""
    done = asyncio.Event()

    async def wait(_request: web.Request) -> web.Response:
        await done.wait()
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/messages", wait)
    async with TestServer(app, host="127.0.0.1") as server:
        async with client_of(str(server.make_url("")), tempo=Tempo(timeout=0.1)) as client:
            with pytest.raises(OutcomeUnknownError, match=r"0\.1 s"):
                await client.send(content="Hi", destination_number=NUMBER)
        done.set()


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(b"<html>"), "no JSON object"),
        (Reply([]), "no JSON object"),
        (Reply({}), "no list messages"),
        (Reply({"messages": []}), "1 messages sent, 0 answered"),
    ],
)
async def test_success_that_is_not_what_is_documented(reply: Reply, words: str) -> None:
    """A success without the ids is told apart from a refusal: the message is out."""
    async with api_answering(reply) as api, client_of(api.url) as client:
        with pytest.raises(UnreadableAnswerError, match=words):
            await client.send(content="Hi", destination_number=NUMBER)


@pytest.mark.parametrize("body", [b"<html>signed out</html>", b"[]", b"7"])
@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.cancel_message("m"),
        lambda client: client.get_credits(),
        lambda client: client.signature_keys.enable("k"),
    ],
    ids=["cancel_message", "get_credits", "signature_keys.enable"],
)
async def test_page_of_a_proxy_is_no_success(ask: Callable[[MessageMediaClient], Awaitable[Any]], body: bytes) -> None:
    """A 200 with something else than a JSON object does not count as done."""
    async with api_answering(Reply(body)) as api, client_of(api.url) as client:
        with pytest.raises(UnreadableAnswerError, match="no JSON object"):
            await ask(client)


async def test_lists_that_are_none() -> None:
    """A list of keys, webhooks or numbers that is no list is not taken for an empty one."""
    async with api_answering(Reply({"pageData": {}})) as api, client_of(api.url) as client:
        with pytest.raises(UnreadableAnswerError):
            await client.webhooks.list().page()
        with pytest.raises(UnreadableAnswerError):
            await client.signature_keys.list().page()
        with pytest.raises(UnreadableAnswerError):
            await client.blacklist.list().page()


@pytest.mark.parametrize("name", ["check_replies", "check_delivery_reports"])
async def test_refused_check_says_that_it_may_be_off(name: str) -> None:
    """Checking was off by default: a 403 tells whom to ask."""
    async with api_answering(Reply({"message": "Forbidden"}, 403)) as api, client_of(api.url) as client:
        with pytest.raises(AuthenticationError, match=r"off by default.*support"):
            await getattr(client, name)()


async def test_wrong_key_is_not_called_off_by_default() -> None:
    """A 401 is about the key alone."""
    refusal = Reply({"message": "Invalid authentication credentials"}, 401)
    async with api_answering(refusal) as api, client_of(api.url) as client:
        with pytest.raises(AuthenticationError) as caught:
            await client.check_replies()
    assert "off by default" not in str(caught.value)


async def test_half_an_emoji_does_not_cost_the_page() -> None:
    """JSON's grammar allows half a surrogate pair: the replies around it are read all the same."""
    body = b'{"replies":[{"reply_id":"r1","content":"Hi \\ud83d"},{"reply_id":"r2"}]}'
    async with api_answering(Reply(body)) as api, client_of(api.url) as client:
        found = await client.check_replies()
    assert [(one.reply_id, one.content) for one in found] == [("r1", "Hi \ufffd"), ("r2", None)]


async def test_calls_for_a_sub_account() -> None:
    """Calls for a sub-account carry its id and the parent's key; the parent's own calls do not."""
    async with api_answering(Reply({"replies": []})) as api, client_of(api.url) as client:
        other = client.for_sub_account("Shop_7")
        await other.check_replies()
        await other.webhooks.delete("w1")
        await client.check_replies()
    assert [seen.headers.get("account") for seen in api.seen] == ["Shop_7", "Shop_7", None]
    assert {seen.headers["authorization"] for seen in api.seen} == {BASIC}


async def test_client_of_one_sub_account() -> None:
    """A client can be made for a sub-account from the start, and leave it for another."""
    async with api_answering(Reply({"replies": []})) as api, client_of(api.url, sub_account="Shop_7") as client:
        await client.check_replies()
        await client.for_sub_account("Shop_8").check_replies()
    assert [seen.headers["account"] for seen in api.seen] == ["Shop_7", "Shop_8"]


async def test_credentials_by_reference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Key and secret come from the environment or a file, a line end apart."""
    (tmp_path / "secret").write_text(f"{SECRET.value}\n")
    monkeypatch.setenv("MESSAGEMEDIA_API_KEY", KEY.value)
    monkeypatch.chdir(tmp_path)
    async with api_answering(Reply({"replies": []})) as api:
        # A file is read where a client is made, which is no work for the loop.
        client = await asyncio.to_thread(MessageMediaClient, api_secret="file:secret", base_url=api.url)
        await client.check_replies()
        await client.close()
    assert api.only.headers["authorization"] == BASIC


def test_secret_in_the_program_is_refused() -> None:
    """A credential that stands in a program ends up in its repository."""
    with pytest.raises(SecretError) as caught:
        MessageMediaClient("API_KEY_12345678", SECRET)
    assert "API_KEY_12345678" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"api_key": None}, "no api_key"),
        ({"api_secret": Secret(" ", "env:X")}, "no api_secret"),
        ({"api_key": Secret('a"b', "env:X")}, "env:X"),
        ({"api_key": Secret("a:b", "env:X")}, "env:X"),
        ({"api_secret": Secret("two words", "env:X")}, "env:X"),
        ({"base_url": "ftp://x"}, "base_url"),
        ({"base_url": "http://[x"}, "base_url"),
        ({"authentication": "digest"}, "authentication"),
        ({"sub_account": "a\nb"}, "sub_account"),
    ],
)
def test_account_that_cannot_call(settings: dict[str, object], words: str) -> None:
    """What keeps an account from calling is said with its name, without the secret."""
    with pytest.raises(AccountError, match=words) as caught:
        access.client(account_at("https://api.messagemedia.com", **settings))
    assert "'mm'" in str(caught.value)
    assert "two words" not in str(caught.value)


async def test_client_of_an_account() -> None:
    """An account's settings say how its client proves itself and for whom it calls."""
    async with api_answering(Reply({"replies": []})) as api:
        client = access.client(account_at(api.url, authentication="hmac-sha1", sub_account="Shop_7"))
        await client.check_replies()
        await client.close()
    headers = api.only.headers
    assert headers["account"] == "Shop_7"
    assert headers["authorization"].startswith('hmac username="API_KEY_12345678", algorithm="hmac-sha1"')


def test_account_with_credentials() -> None:
    """Key and secret together are what an account calls with."""
    assert access.has_credentials(account_at("https://x"))
    assert not access.has_credentials(account_at("https://x", api_secret=None))


def test_nothing_shows_a_secret() -> None:
    """Neither the proof nor a webhook's headers can be read off a text of them."""
    client = client_of("http://127.0.0.1:9")
    assert SECRET.value not in repr(vars(client.calls.transport)["_credentials"])
