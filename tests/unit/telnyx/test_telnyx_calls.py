"""What comes of a call: errors, repeats, pages, and the older path of bulk updates."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp.test_utils import unused_port

from providers.contract import AccountError, Secret
from providers.credentials import SecretError
from providers.rest.errors import (
    ApiError,
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
from providers.rest.operations import operations_of
from providers.rest.transport import Tempo
from providers.telnyx.client import TelnyxClient, client
from providers.telnyx.numbers import BULK_UPDATES, SLASHED_BULK_UPDATES
from tests.support.rest_server import Recorded, Reply
from tests.support.telnyx import account_of
from tests.support.telnyx_calls import (
    KEY,
    MESSAGE_ID,
    NUMBER_ID,
    OURS,
    PROFILE_ID,
    SENT,
    THEIRS,
    example,
    refusal,
    telnyx_playing,
)

Asking = Callable[[TelnyxClient], Awaitable[Any]]
UPDATED = Reply({"data": {"order_id": "o-1", "success": [OURS]}})


def page(number: int, of: int, *ids: str) -> Reply:
    """Return one page of a list."""
    meta = {"page_number": number, "page_size": 2, "total_pages": of, "total_results": 2 * of}
    return Reply({"data": [{"id": name} for name in ids], "meta": meta})


def schedule(client: TelnyxClient) -> Awaitable[Any]:
    """Schedule a message: a write without an idempotency key."""
    return client.schedule(to=THEIRS, from_=OURS, text="Hi")


WITHOUT_KEY: dict[str, Asking] = {
    "schedule": schedule,
    "cancel_scheduled": lambda client: client.cancel_scheduled(MESSAGE_ID),
    "update_number_settings": lambda client: client.update_number_settings(NUMBER_ID, tags=["a"]),
    "create_bulk_update": lambda client: client.create_bulk_update(messaging_profile_id="", numbers=[OURS]),
}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RefusedError),
        (401, AuthenticationError),
        (402, RefusedError),
        (403, AuthenticationError),
        (404, NotFoundError),
        (409, ConflictError),
        (422, RefusedError),
        (429, RateLimitedError),
        (500, ProviderFaultError),
    ],
)
async def test_refusal_is_typed(status: int, kind: type[RefusedError]) -> None:
    """A refusal has its status, and Telnyx's code and words; its text, which may be logged, leaves the words out."""
    async with telnyx_playing(refusal(status, "10002", "Invalid phone number"), retries=0) as (client, _):
        with pytest.raises(kind) as caught:
            await client.retrieve(MESSAGE_ID)
    assert (caught.value.status, caught.value.code) == (status, "10002")
    assert caught.value.errors[0].title == "Invalid phone number"
    assert str(caught.value) == f"retrieve: status {status}, code 10002"


async def test_bare_error_object_is_read() -> None:
    """Some calls answer an error without a list around it."""
    async with telnyx_playing(Reply({"code": "10005", "title": "Resource not found"}, 404)) as (client, _):
        with pytest.raises(NotFoundError) as caught:
            await client.cancel_scheduled(MESSAGE_ID)
    assert caught.value.code == "10005"


async def test_error_that_is_no_json() -> None:
    """A proxy's page in between is a refusal without a code."""
    async with telnyx_playing(Reply(b"<html>Bad request</html>", 400)) as (client, _):
        with pytest.raises(RefusedError) as caught:
            await client.send(to=THEIRS)
    assert (caught.value.status, caught.value.code, caught.value.errors) == (400, None, ())


async def test_error_text_holds_no_number_and_no_secret() -> None:
    """Telnyx quotes numbers in its words; an error's text goes into logs."""
    words = {"code": "40300", "title": f"Number {OURS} is blocked", "detail": f"from {OURS} to {THEIRS}"}
    async with telnyx_playing(Reply({"errors": [words]}, 403)) as (client, _):
        with pytest.raises(ApiError) as caught:
            await client.send(to=THEIRS, from_=OURS, text="secret words")
    for hidden in (OURS, THEIRS, OURS[1:], KEY.value, "secret words"):
        assert hidden not in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"data": []}', b'{"data": null}', b"{}"])
async def test_success_that_is_not_what_is_documented(body: bytes) -> None:
    """A success whose body holds no object is not taken for one."""
    async with telnyx_playing(Reply(body)) as (client, _):
        with pytest.raises(UnreadableAnswerError):
            await client.send(to=THEIRS)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"data": {}}', b"{}"])
async def test_list_that_is_none(body: bytes) -> None:
    """A list whose body holds no list is not taken for an empty one."""
    async with telnyx_playing(Reply(body)) as (client, _):
        with pytest.raises(UnreadableAnswerError):
            await client.list_opt_outs().page()


@pytest.mark.parametrize(
    "trouble",
    [Reply(drop=True), Reply(status=500), Reply(status=502), Reply(status=408), refusal(429, "10011", retry_after="0")],
    ids=["dropped", "500", "502", "408", "429"],
)
async def test_repeat_has_the_same_bytes_and_key(trouble: Reply) -> None:
    """A send whose end is not known is made again as the same request; Telnyx then has one message."""
    async with telnyx_playing(trouble, SENT) as (client, server):
        found = await client.send(to=THEIRS, from_=OURS, text="Hi")
    first, second = server.requests
    assert found.id == MESSAGE_ID
    assert first.body == second.body
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


async def test_key_of_ours_is_a_uuid_and_new_for_each_call() -> None:
    """Without a key given the client makes one, for each call another."""
    async with telnyx_playing(SENT, SENT) as (client, server):
        await client.send(to=THEIRS)
        await client.send(to=THEIRS)
    keys = [request.headers["idempotency-key"] for request in server.requests]
    assert len(set(keys)) == 2
    assert [uuid.UUID(key).version for key in keys] == [4, 4]


@pytest.mark.parametrize("name", WITHOUT_KEY)
@pytest.mark.parametrize(
    "trouble", [Reply(drop=True), Reply(status=500), Reply(status=408)], ids=["dropped", "500", "408"]
)
async def test_write_without_key_is_made_once(name: str, trouble: Reply) -> None:
    """Where Telnyx takes no key, a write whose end is not known is not made again."""
    async with telnyx_playing(trouble, SENT) as (client, server):
        with pytest.raises(ApiError):
            await WITHOUT_KEY[name](client)
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", WITHOUT_KEY)
async def test_write_that_was_not_begun_is_made_again(name: str) -> None:
    """Too many calls means that nothing was done."""
    async with telnyx_playing(refusal(429, "10011", retry_after="0"), SENT) as (client, server):
        await WITHOUT_KEY[name](client)
    assert len(server.requests) == 2


async def test_no_answer_in_time() -> None:
    """A write that is not answered in time may have had its effect, and says so."""
    async with telnyx_playing(Reply(hang=True), timeout=0.2) as (client, server):
        with pytest.raises(OutcomeUnknownError, match=r"schedule: no answer within 0\.2 s"):
            await schedule(client)
    assert len(server.requests) == 1


async def test_spend_limit_is_not_asked_again() -> None:
    """429 with code 40333 lasts until tomorrow."""
    async with telnyx_playing(refusal(429, "40333", "Spend limit", retry_after="0"), SENT) as (client, server):
        with pytest.raises(RateLimitedError) as caught:
            await client.send(to=THEIRS)
    assert caught.value.code == "40333"
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", ["rest_error_10011_rate_limited", "rest_error_40333_spend_limit"])
async def test_published_429(name: str) -> None:
    """Of the two published answers with 429, one is asked again."""
    async with telnyx_playing(Reply(example(name), 429, {"retry-after": "0"}), SENT) as (client, server):
        if name.endswith("spend_limit"):
            with pytest.raises(RateLimitedError):
                await client.send(to=THEIRS)
        else:
            await client.send(to=THEIRS)
    assert len(server.requests) == (1 if name.endswith("spend_limit") else 2)


async def test_retry_after_is_carried() -> None:
    """How long Telnyx asks to wait stands in the error; what is too long is not waited for."""
    async with telnyx_playing(refusal(429, "10011", retry_after="120"), SENT) as (client, server):
        with pytest.raises(RateLimitedError) as caught:
            await client.send(to=THEIRS)
    assert caught.value.retry_after == 120
    assert len(server.requests) == 1


async def test_redirect_is_not_followed() -> None:
    """A redirect would carry the key elsewhere."""
    async with telnyx_playing(Reply(status=307, headers={"location": "/v2/elsewhere"}), SENT) as (client, server):
        with pytest.raises(RefusedError):
            await client.retrieve(MESSAGE_ID)
    assert len(server.requests) == 1


async def test_nobody_listens() -> None:
    """Where no connection comes about nothing was sent."""
    async with TelnyxClient(KEY, f"http://127.0.0.1:{unused_port()}", tempo=Tempo(retries=0)) as telnyx:
        with pytest.raises(NotConnectedError):
            await telnyx.send(to=THEIRS)


async def test_list_goes_through_its_pages() -> None:
    """Iterating asks for page after page, until the last one."""
    async with telnyx_playing(page(1, 3, "a", "b"), page(2, 3, "c", "d"), page(3, 3, "e")) as (client, server):
        found = [item.id async for item in client.list_number_settings(page_size=2)]
    assert found == ["a", "b", "c", "d", "e"]
    assert [dict(request.query)["page[number]"] for request in server.requests] == ["1", "2", "3"]
    assert {dict(request.query)["page[size]"] for request in server.requests} == {"2"}


async def test_list_ends_with_an_empty_page() -> None:
    """An empty page is the last one, whatever the number of pages says."""
    async with telnyx_playing(page(1, 9, "a"), page(2, 9)) as (client, server):
        found = [item.id async for item in client.list_number_settings()]
    assert (found, len(server.requests)) == (["a"], 2)


async def test_list_without_meta_ends_with_an_empty_page() -> None:
    """Where nothing says how many pages there are, they are asked for until one is empty."""
    async with telnyx_playing(Reply({"data": [{"id": "a"}]}), Reply({"data": []})) as (client, server):
        found = [item.id async for item in client.list_number_settings()]
    assert (found, len(server.requests)) == (["a"], 2)


async def test_page_access() -> None:
    """One page can be asked for by its number, and knows the total."""
    async with telnyx_playing(page(2, 3, "c")) as (client, server):
        found = await client.list_mobile_number_settings().page(2)
    assert (found.place, found.next_place, found.total) == (2, 3, 6)
    assert dict(server.last.query)["page[number]"] == "2"


async def test_list_is_asked_again_after_trouble() -> None:
    """To read is safe: a page that failed is asked for again."""
    async with telnyx_playing(Reply(status=500), page(1, 1, "a")) as (client, server):
        found = [item async for item in client.list_opt_outs()]
    assert (len(found), len(server.requests)) == (1, 2)


def paths(requests: list[Recorded]) -> list[tuple[str, str]]:
    """Return method and path of each request."""
    return [(request.method, request.path.removeprefix("/v2")) for request in requests]


@pytest.mark.parametrize(
    ("method", "rest", "ask"),
    [
        ("POST", "", WITHOUT_KEY["create_bulk_update"]),
        ("GET", "/o-1", lambda client: client.retrieve_bulk_update("o-1")),
    ],
    ids=["create", "retrieve"],
)
async def test_bulk_update_at_the_older_path(method: str, rest: str, ask: Asking) -> None:
    """Where the path of today is not found, the slashed one is asked once, with the same body."""
    async with telnyx_playing(refusal(404, "10005"), UPDATED) as (client, server):
        found = await ask(client)
    assert found.order_id == "o-1"
    assert paths(server.requests) == [(method, BULK_UPDATES + rest), (method, SLASHED_BULK_UPDATES + rest)]
    assert server.requests[0].body == server.requests[1].body


async def test_bulk_update_that_is_nowhere() -> None:
    """Two times 404 is the first error: an order that does not exist is looked for twice at most."""
    async with telnyx_playing(refusal(404, "10005", "No order"), refusal(404, "10006", "No path")) as (client, server):
        with pytest.raises(NotFoundError) as caught:
            await client.retrieve_bulk_update("o-1")
    assert (caught.value.code, len(server.requests)) == ("10005", 2)


async def test_bulk_update_at_a_path_of_the_operator() -> None:
    """A path that is configured is the only one."""
    async with telnyx_playing(refusal(404, "10005"), bulk_updates_path="/elsewhere") as (client, server):
        with pytest.raises(NotFoundError):
            await client.retrieve_bulk_update("o-1")
    assert paths(server.requests) == [("GET", "/elsewhere/o-1")]


async def test_bulk_update_that_is_refused_is_not_made_elsewhere() -> None:
    """Only 404 leads to the older path."""
    async with telnyx_playing(refusal(422, "10015")) as (client, server):
        with pytest.raises(RefusedError):
            await client.create_bulk_update(messaging_profile_id=PROFILE_ID, numbers=[OURS])
    assert len(server.requests) == 1


def test_client_of_an_account() -> None:
    """An account's key, URL and bulk path make its client."""
    made = client(account_of(api_key=KEY, base_url="http://127.0.0.1:1/v2/", bulk_updates_path="/b"))
    assert (made._transport.base_url, made._bulk_updates_path) == ("http://127.0.0.1:1/v2", "/b")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "no api_key"),
        ({"api_key": Secret("KEY\x00two", "env:X")}, "env:X"),
        ({"api_key": KEY, "base_url": "ftp://x"}, "base_url"),
    ],
)
def test_account_that_cannot_call(settings: dict[str, Any], words: str) -> None:
    """What keeps an account from calling is said, without the key."""
    with pytest.raises(AccountError, match=words) as caught:
        client(account_of(**settings))
    assert "two" not in str(caught.value)


def test_key_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is given as a reference; a bare key in a program is refused."""
    monkeypatch.setenv("HOOKLINE_TEST_KEY", "KEY-from-there")
    assert "KEY-from-there" not in repr(vars(TelnyxClient("env:HOOKLINE_TEST_KEY")))
    with pytest.raises(SecretError):
        TelnyxClient("KEY-bare")


def test_client_without_arguments_takes_the_usual_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the other providers' clients do."""
    monkeypatch.delenv("TELNYX_API_KEY", raising=False)
    with pytest.raises(SecretError, match="TELNYX_API_KEY is not set"):
        TelnyxClient()
    monkeypatch.setenv("TELNYX_API_KEY", "KEY-from-there")
    assert operations_of(TelnyxClient())


@pytest.mark.parametrize(
    ("key", "url"), [("K\nX", "https://x"), ("", "https://x"), ("K", "ftp://x"), ("K", "http://[x")]
)
def test_client_that_cannot_be(key: str, url: str) -> None:
    """A key or URL that cannot be one is refused when the client is made."""
    with pytest.raises(AccountError):
        TelnyxClient(Secret(key, "env:X"), base_url=url)
