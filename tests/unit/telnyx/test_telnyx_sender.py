"""Sending through Telnyx, against a server on the loopback."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from providers.contract import AccountError, Secret, SendReceipt, SendStatus
from providers.rest.answers import LONGEST_PAUSE
from providers.telnyx.answers import receipt_of
from providers.telnyx.sending import TelnyxSender, sender
from schemas.events import SendRequested
from tests.support.telnyx import NOW, account_of

KEY = Secret("KEY-of-a-test", "env:TELNYX_API_KEY")
BODY = b'{"from":"+17735550100","to":"+13125550101","text":"Open 9 to 17."}'
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def telnyx_answering(handler: Handler, timeout: float = 5.0) -> AsyncGenerator[TelnyxSender]:
    """Serve the send API by a handler and give a sender for it."""
    app = web.Application()
    app.router.add_post("/v2/messages", handler)
    async with TestServer(app, host="127.0.0.1") as server:
        client = TelnyxSender(str(server.make_url("/v2")), KEY, timeout)
        try:
            yield client
        finally:
            await client.close()


def receipt(status: int, value: Any = None, headers: dict[str, str] | None = None) -> SendReceipt:
    """Return what an answer with that status and JSON value means."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return receipt_of(status, headers or {}, body, NOW)


def errors(code: str, title: str = "") -> dict[str, Any]:
    """Return an answer with one error."""
    return {"errors": [{"code": code, "title": title, "detail": title}]}


async def test_call_as_telnyx_wants_it() -> None:
    """One POST carries the exact bytes, the key as bearer and the command's id as idempotency key."""
    seen: list[tuple[bytes, dict[str, str]]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((await request.read(), {name.lower(): value for name, value in request.headers.items()}))
        return web.json_response({"data": {"id": "5e5e-message"}})

    async with telnyx_answering(handler) as client:
        found = await client.send("c0ffee", BODY)
    ((body, headers),) = seen
    assert (found.status, found.message_id, found.http_status) == (SendStatus.ACCEPTED, "5e5e-message", 200)
    assert body == BODY
    assert headers["authorization"] == "Bearer KEY-of-a-test"
    assert headers["idempotency-key"] == "c0ffee"
    assert headers["content-type"] == "application/json"


def test_prepared_body_holds_nothing_else() -> None:
    """The body is who, to whom and what: a webhook_url in it would say who receives the events."""
    command = SendRequested(
        id="c0ffee",
        provider="telnyx",
        account="main",
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        from_="+17735550100",
        to="+13125550101",
        text="Żółć \ud83d",
    )
    client = TelnyxSender("https://api.telnyx.com/v2", KEY)
    assert json.loads(client.prepare(command)) == {"from": "+17735550100", "to": "+13125550101", "text": "Żółć ?"}
    assert client.prepare(command) == client.prepare(command)
    assert client.idempotent


async def test_redirect_is_not_followed() -> None:
    """A redirect would carry the key elsewhere: the call is refused as a matter of configuration."""

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"location": "/v2/elsewhere"})

    async with telnyx_answering(handler) as client:
        found = await client.send("c0ffee", BODY)
    assert (found.status, found.failure_class, found.reason) == (SendStatus.REFUSED, "configuration", "redirected")


async def test_no_connection_means_ask_again() -> None:
    """Where nobody listens nothing was sent."""
    client = TelnyxSender(f"http://127.0.0.1:{unused_port()}/v2", KEY)
    found = await client.send("c0ffee", BODY)
    await client.close()
    assert (found.status, found.reason) == (SendStatus.RETRY, "not_connected")


async def test_timeout_after_sending_is_unknown() -> None:
    """An answer that does not come in time may stand for a message that was sent."""
    done = asyncio.Event()

    async def handler(_request: web.Request) -> web.Response:
        await done.wait()
        return web.Response()

    async with telnyx_answering(handler, timeout=0.1) as client:
        found = await client.send("c0ffee", BODY)
        done.set()
    assert (found.status, found.reason) == (SendStatus.UNKNOWN, "timeout")


async def test_lost_connection_after_sending_is_unknown() -> None:
    """A connection that breaks before the answer tells nothing about the effect."""

    async def handler(request: web.Request) -> web.Response:
        await request.read()
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with telnyx_answering(handler) as client:
        found = await client.send("c0ffee", BODY)
    assert (found.status, found.reason) == (SendStatus.UNKNOWN, "connection_lost")


async def test_cut_answer_body_keeps_the_status() -> None:
    """A refusal whose body breaks off is a refusal still."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=400, headers={"content-length": "1000"})
        await response.prepare(request)
        await response.write(b'{"errors"')
        assert request.transport is not None
        request.transport.abort()
        return response

    async with telnyx_answering(handler) as client:
        found = await client.send("c0ffee", BODY)
    assert (found.status, found.http_status) == (SendStatus.REFUSED, 400)


async def test_id_that_is_no_idempotency_key_is_not_sent() -> None:
    """Telnyx documents what a key may hold; anything else could end in two messages."""
    found = await TelnyxSender("http://127.0.0.1:9", KEY).send("a b\r\n", BODY)
    assert (found.status, found.reason) == (SendStatus.REFUSED, "invalid_command_id")


async def test_close_without_a_call() -> None:
    """A sender that never sent can be closed, twice too, and says nothing is sent where nobody listens."""
    client = TelnyxSender(f"http://127.0.0.1:{unused_port()}/v2", KEY)
    await client.close()
    await client.close()
    assert (await client.send("c0ffee", BODY)).reason == "not_connected"
    await client.close()


@pytest.mark.parametrize(
    ("status", "body", "expected", "failure_class"),
    [
        (200, {"data": {"id": "5e5e"}}, "accepted", None),
        (202, {"data": {"id": "5e5e"}}, "accepted", None),
        (200, {"data": {}}, "unknown", None),
        (200, b"<html>", "unknown", None),
        (429, errors("10011"), "retry", None),
        (429, errors("40333"), "refused", "configuration"),
        (425, b"", "retry", None),
        (503, errors("10037"), "retry", None),
        (500, b"oops", "unknown", None),
        (500, errors("10007"), "unknown", None),
        (502, b"<html>", "unknown", None),
        (504, b"", "unknown", None),
        (408, b"", "unknown", None),
        (409, b"", "unknown", None),
        (400, errors("40318"), "retry", None),
        (422, {"errors": [{"code": "40318"}, {"code": "40310"}]}, "refused", "permanent"),
        (400, errors("40300", "Blocked due to STOP message"), "refused", "opt_out"),
        (400, errors("40300", "The from number is not assigned to a profile"), "refused", "configuration"),
        (422, errors("40310"), "refused", "permanent"),
        (422, errors("49999"), "refused", "permanent"),
        (401, {"code": "10009", "title": "Authentication failed"}, "refused", "configuration"),
        (403, b"not json", "refused", "configuration"),
        (404, {"code": "10005", "title": "Resource not found"}, "refused", "permanent"),
        (400, [1], "refused", "permanent"),
    ],
)
def test_what_an_answer_means(status: int, body: object, expected: str, failure_class: str | None) -> None:
    """Status and code together tell whether to be content, to ask again or to give up."""
    found = receipt(status, body)
    assert (found.status, found.failure_class, found.http_status) == (expected, failure_class, status)


def test_bare_error_object_is_read() -> None:
    """Some calls answer one error without a list around it."""
    (error,) = receipt(404, {"code": "10005", "title": "Resource not found"}).errors
    assert (error.code, error.title) == ("10005", "Resource not found")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": format_datetime(datetime.fromtimestamp(NOW + 30, UTC), usegmt=True)}, 30.0),
        ({"retry-after": format_datetime(datetime.fromtimestamp(NOW - 30, UTC), usegmt=True)}, 0.0),
        ({"retry-after": "999999"}, LONGEST_PAUSE),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"x-ratelimit-reset": "12"}, 12.0),
        ({"x-ratelimit-reset": str(NOW + 12)}, 12.0),
        ({"retry-after": "3", "x-ratelimit-reset": "12"}, 3.0),
    ],
)
def test_when_to_ask_again(headers: dict[str, str], seconds: float | None) -> None:
    """The pause comes from the answer, as a number or a date, and has a cap."""
    assert receipt(429, errors("10011"), headers).retry_after == seconds


def test_sender_of_an_account() -> None:
    """An account with a key can send, and the key may have a line end."""
    assert sender(account_of(api_key=Secret("KEY1\n", "file:key"))).idempotent


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "no api_key"),
        ({"api_key": Secret(" ", "env:X")}, "no api_key"),
        ({"api_key": Secret("KEY\x00two", "env:X")}, "env:X"),
        ({"api_key": KEY, "base_url": "ftp://x"}, "base_url"),
        ({"api_key": KEY, "base_url": "nonsense"}, "base_url"),
        ({"api_key": KEY, "base_url": "http://[x"}, "base_url"),
    ],
)
def test_account_that_cannot_send(settings: dict[str, Any], words: str) -> None:
    """What keeps an account from sending is said, without the key."""
    with pytest.raises(AccountError, match=words) as caught:
        sender(account_of(**settings))
    assert "two" not in str(caught.value)
