"""Content of attachments: the token in the path, a new one when it has expired, bounds."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from providers.rest.errors import NotFoundError, OutcomeUnknownError, UnreadableAnswerError
from providers.syniverse.client import SyniverseClient
from tests.support.syniverse_api import (
    KEY,
    SECRET,
    TOKEN,
    FakeApi,
    Reply,
    example,
    fake_api,
    quick,
    refusal,
)

CONTENT = "/scg-attachment/api/v1/messaging/attachments"
EXPIRED = refusal(404, "4046", "Access token expired")


def made(token: str) -> Reply:
    """Return the answer that gives a token."""
    return Reply(200, {"id": token})


def content_calls(api: FakeApi) -> list[tuple[str, str]]:
    """Return method and path of the calls for content."""
    return [(one.method, one.path) for one in api.seen if one.path.startswith(CONTENT)]


async def test_upload_makes_its_token() -> None:
    """A token of the attachment, then the bytes under it."""
    async with fake_api() as api, api.client() as client:
        api.will(made("t1"), Reply(200, {}))
        await client.attachments.upload("NHb8GCcdKO2vNowhjbUKL6", b"\x00\xffjpeg")
    assert api.seen[0].json == example("request_attachment_access_token")
    assert content_calls(api) == [("POST", f"{CONTENT}/t1/content")]
    assert api.seen[1].body == b"\x00\xffjpeg"
    assert api.seen[1].headers["content-type"] == "application/octet-stream"


async def test_download_gives_the_bytes() -> None:
    """What is stored comes back byte for byte."""
    async with fake_api() as api, api.client() as client:
        api.will(made("t1"), Reply(200, b"\x00\xff\r\n"))
        assert await client.attachments.download("a1") == b"\x00\xff\r\n"
    assert content_calls(api) == [("GET", f"{CONTENT}/t1/content")]


async def test_expired_token_of_an_attachment_is_replaced_once() -> None:
    """Code 4046 here is about the attachment's token, so ours is not regenerated."""
    async with fake_api() as api, api.client(consumer_key=KEY, consumer_secret=SECRET) as client:
        api.will(EXPIRED, made("t2"), Reply(200, b"x"))
        assert await client.attachments.download("a1", token="t1") == b"x"
    assert content_calls(api) == [("GET", f"{CONTENT}/t1/content"), ("GET", f"{CONTENT}/t2/content")]
    assert len(api.seen) == 3


async def test_new_token_that_is_expired_too_is_told() -> None:
    """One new token is enough."""
    async with fake_api() as api, api.client() as client:
        api.will(made("t1"), EXPIRED, made("t2"), EXPIRED)
        with pytest.raises(NotFoundError) as caught:
            await client.attachments.upload("a1", b"x")
    assert caught.value.code == "4046"
    assert len(api.seen) == 4
    assert "t2" not in str(caught.value)


async def test_attachment_that_is_not_there_is_told() -> None:
    """Another 404 brings no new token."""
    async with fake_api() as api, api.client() as client:
        api.will(made("t1"), refusal(404, "4040"))
        with pytest.raises(NotFoundError):
            await client.attachments.download("a1")
    assert len(api.seen) == 2


async def test_dead_token_of_the_application_is_regenerated_for_content_too() -> None:
    """401 on content means our own token."""
    async with fake_api() as api, api.client(consumer_key=KEY, consumer_secret=SECRET) as client:
        api.will(refusal(401, "401"), Reply(200, {"accessToken": "NEW"}), Reply(200, b"x"))
        assert await client.attachments.download("a1", token="t1") == b"x"
    assert api.seen[-1].headers["authorization"] == "Bearer NEW"


async def test_token_path_of_the_sdks_without_an_answer() -> None:
    """The Swagger documents 204 there, which names no token."""
    async with fake_api() as api, api.client() as client:
        api.will(Reply(204))
        with pytest.raises(UnreadableAnswerError, match="no id"):
            await client.attachments.access_token("a1")


async def test_content_that_is_too_large_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: a file beyond the limit is no file cut short."""
    monkeypatch.setattr("providers.rest.transport.ANSWER_LIMIT", 1000)
    async with fake_api() as api, api.client() as client:
        api.will(Reply(200, b"x" * 1_000_000))
        with pytest.raises(UnreadableAnswerError, match="too large"):
            await client.attachments.download("a1", token="t1")


async def test_content_that_breaks_off_is_told() -> None:
    """Half a picture is none."""

    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-length": "1000"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    app = web.Application()
    app.router.add_get("/{tail:.*}", half)
    async with TestServer(app, host="127.0.0.1") as server:
        client = SyniverseClient(TOKEN, base_url=str(server.make_url("")).rstrip("/"), tempo=quick(retries=0))
        with pytest.raises((UnreadableAnswerError, OutcomeUnknownError)):
            await client.attachments.download("a1", token="t1")
        await client.close()


async def test_upload_whose_answer_is_lost_is_not_repeated() -> None:
    """What an upload in two halves would leave is not documented."""
    calls: list[str] = []

    async def silent(request: web.Request) -> web.Response:
        calls.append(request.path)
        await request.read()
        assert request.transport is not None
        request.transport.abort()
        await asyncio.sleep(0)
        return web.Response()

    app = web.Application()
    app.router.add_post("/{tail:.*}", silent)
    async with TestServer(app, host="127.0.0.1") as server:
        client = SyniverseClient(TOKEN, base_url=str(server.make_url("")).rstrip("/"), tempo=quick())
        with pytest.raises(OutcomeUnknownError):
            await client.attachments.upload("a1", b"x", token="t1")
        await client.close()
    assert len(calls) == 1
