"""Sending a command through MessageMedia: what goes out, and what each answer means for the command."""

import asyncio
import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import AccountError, SendReceipt, SendStatus
from providers.messagemedia.api.answers import receipt_of
from providers.messagemedia.sending import MessageMediaSender, sender
from providers.rest.answers import LONGEST_PAUSE, Answer
from providers.rest.transport import Tempo
from schemas.events import SendRequested
from tests.support.messagemedia_api import BASIC, Reply, account_at, api_answering, client_of, example

NOW = 1_767_225_600.0
NUMBER = "+61491570156"
BODY = b'{"messages":[{"content":"Open 9 to 17.","destination_number":"+61491570156"}]}'
SENT = Reply({"messages": [{"message_id": "m1", "status": "queued"}]}, 202)


def command(**changed: Any) -> SendRequested:
    """Return a command to send a text."""
    fields: dict[str, Any] = {
        "id": "c0ffee",
        "provider": "messagemedia",
        "account": "mm",
        "received_at": datetime(2026, 1, 1, tzinfo=UTC),
        "to": NUMBER,
        "text": "Open 9 to 17.",
    }
    return SendRequested(**(fields | changed))


def receipt(status: int, value: Any = None, headers: dict[str, str] | None = None) -> SendReceipt:
    """Return what an answer with that status and JSON value means."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return receipt_of(Answer(status, headers or {}, body), NOW)


def test_prepared_body() -> None:
    """The body is the text and who gets it, asks for reports, and carries the command's id into them."""
    found = sender(account_at("https://api.messagemedia.com")).prepare(command())
    assert json.loads(found) == {
        "messages": [
            {
                "content": "Open 9 to 17.",
                "destination_number": NUMBER,
                "delivery_report": True,
                "metadata": {"hookline_command": "c0ffee"},
            }
        ]
    }


def test_prepared_body_with_our_number_and_callback() -> None:
    """A command may name our number, an account where its reports go; the same command gives the same bytes."""
    made = sender(account_at("https://api.messagemedia.com", callback_url="https://hooks.example/mm"))
    (message,) = json.loads(made.prepare(command(from_="+61491570157")))["messages"]
    assert message["source_number"] == "+61491570157"
    assert message["callback_url"] == "https://hooks.example/mm"
    assert made.prepare(command()) == made.prepare(command())
    assert not made.idempotent


def test_half_an_emoji_is_sent_as_a_question_mark() -> None:
    """A lone surrogate has no bytes; it must not cost the message."""
    (message,) = json.loads(sender(account_at("https://x")).prepare(command(text="Hi \ud83d")))["messages"]
    assert message["content"] == "Hi ?"


@pytest.mark.parametrize("changed", [{"text": ""}, {"text": "x" * 5001}, {"to": "12345"}, {"to": "Shop"}])
def test_what_messagemedia_would_refuse_is_not_prepared(changed: dict[str, str]) -> None:
    """A text or a number outside the documented limits never becomes a call."""
    with pytest.raises(ValueError, match=r"content|destination_number"):
        sender(account_at("https://api.messagemedia.com")).prepare(command(**changed))


async def test_call_as_messagemedia_wants_it() -> None:
    """One POST carries the exact bytes."""
    async with api_answering(SENT) as api:
        made = sender(account_at(api.url, sub_account="Shop_7"))
        found = await made.send("c0ffee", BODY)
        await made.close()
    seen = api.only
    assert (found.status, found.message_id, found.http_status) == (SendStatus.ACCEPTED, "m1", 202)
    assert (seen.method, seen.target, seen.body) == ("POST", "/v1/messages", BODY)
    assert (seen.headers["authorization"], seen.headers["account"]) == (BASIC, "Shop_7")
    assert seen.headers["content-type"] == "application/json"


async def test_call_is_made_once() -> None:
    """A fault is told, not tried again: nobody knows whether the message went out."""
    async with api_answering(Reply(b"", 500), SENT) as api:
        made = sender(account_at(api.url))
        found = await made.send("c0ffee", BODY)
        await made.close()
    assert (found.status, found.reason, len(api.seen)) == (SendStatus.UNKNOWN, "provider_unwell", 1)


async def test_no_connection_means_ask_again() -> None:
    """Where nobody listens nothing was sent; a sender that never sent can be closed twice."""
    made = sender(account_at(f"http://127.0.0.1:{unused_port()}"))
    found = await made.send("c0ffee", BODY)
    await made.close()
    await made.close()
    assert (found.status, found.reason) == (SendStatus.RETRY, "not_connected")


async def test_timeout_after_sending_is_unknown() -> None:
    """An answer that does not come in time may stand for a message that was sent."""
    done = asyncio.Event()

    async def wait(_request: web.Request) -> web.Response:
        await done.wait()
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/messages", wait)
    async with TestServer(app, host="127.0.0.1") as server:
        made = MessageMediaSender(client_of(str(server.make_url("")), tempo=Tempo(timeout=0.1)))
        found = await made.send("c0ffee", BODY)
        await made.close()
        done.set()
    assert (found.status, found.reason) == (SendStatus.UNKNOWN, "timeout")


async def test_lost_connection_after_sending_is_unknown() -> None:
    """A connection that breaks before the answer tells nothing about the effect."""

    async def abort(request: web.Request) -> web.Response:
        await request.read()
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/messages", abort)
    async with TestServer(app, host="127.0.0.1") as server:
        made = sender(account_at(str(server.make_url(""))))
        found = await made.send("c0ffee", BODY)
        await made.close()
    assert (found.status, found.reason) == (SendStatus.UNKNOWN, "connection_lost")


@pytest.mark.parametrize(
    ("status", "body", "headers", "expected", "failure_class"),
    [
        (202, SENT.value, {}, "accepted", None),
        (200, SENT.value, {}, "accepted", None),
        (202, {"messages": []}, {}, "unknown", None),
        (202, {"messages": [{}]}, {}, "unknown", None),
        (202, b"<html>", {}, "unknown", None),
        (302, b"", {}, "refused", "configuration"),
        (400, {"message": "Request failed to parse correctly."}, {}, "refused", "permanent"),
        (400, b"<html>", {}, "refused", "permanent"),
        (401, {"message": "Invalid authentication credentials"}, {}, "refused", "configuration"),
        (403, {"message": "Invalid authentication credentials"}, {}, "refused", "configuration"),
        (404, {"message": "Resource not found."}, {}, "refused", "permanent"),
        (408, b"", {}, "unknown", None),
        (413, b"", {}, "refused", "permanent"),
        (422, {"message": "TLS 1.3"}, {}, "refused", "configuration"),
        (425, b"", {}, "retry", None),
        (429, b"", {}, "retry", None),
        (429, b"", {"retry-after": "7"}, "retry", None),
        (500, b"oops", {}, "unknown", None),
        (502, b"<html>", {}, "unknown", None),
        (503, b"", {"retry-after": "7"}, "retry", None),
        (503, b"", {}, "unknown", None),
        (504, b"", {}, "unknown", None),
    ],
)
def test_what_an_answer_means(
    status: int, body: object, headers: dict[str, str], expected: str, failure_class: str | None
) -> None:
    """The status tells whether to be content, to ask again or to give up, and whose fault it is."""
    found = receipt(status, body, headers)
    assert (found.status, found.failure_class, found.http_status) == (expected, failure_class, status)
    assert found.retry_after == (7.0 if headers else None)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (format_datetime(datetime.fromtimestamp(NOW + 30, UTC), usegmt=True), 30.0),
        ("999999", LONGEST_PAUSE),
    ],
)
def test_when_to_ask_again(value: str, seconds: float) -> None:
    """The pause comes from the answer, as a number or a date, and has a cap."""
    assert receipt(429, b"", {"retry-after": value}).retry_after == seconds


def test_published_refusal_is_told() -> None:
    """The provider's message and the property that it names are in the receipt."""
    said = example("rest_send_messages_error_400")
    (error,) = receipt(400, said).errors
    assert (error.title, error.detail) == (said["message"], said["details"][0])


def test_published_acceptance_is_read() -> None:
    """The published answer has the message's id."""
    found = receipt(202, example("rest_send_messages_response_202"))
    assert found.message_id == "877c19ef-fa2e-4cec-827a-e1df9b5509f7"


def test_account_without_credentials_cannot_send() -> None:
    """What is missing is said."""
    with pytest.raises(AccountError, match="no api_secret"):
        sender(account_at("https://api.messagemedia.com", api_secret=None))


def test_callback_that_is_no_url() -> None:
    """It would spoil every command: the account is refused instead."""
    with pytest.raises(AccountError, match="callback_url"):
        sender(account_at("https://api.messagemedia.com", callback_url="hooks.example"))


@given(
    status=st.integers(100, 599),
    body=st.binary() | st.builds(lambda inner: b'{"messages":[' + inner + b"]}", st.binary()),
    wait=st.text(max_size=12),
)
def test_answer_of_any_bytes_has_a_meaning(status: int, body: bytes, wait: str) -> None:
    """Whatever is answered, it is one of the four outcomes; accepted is nothing without an id."""
    found = receipt_of(Answer(status, {"retry-after": wait}, body), NOW)
    assert found.http_status == status
    assert (found.status is SendStatus.ACCEPTED) == (found.message_id is not None)
    assert found.status is not SendStatus.RETRY or status in {425, 429, 503}


@pytest.mark.parametrize(
    "value", [None, 7, "text", [], {"messages": 7}, {"messages": ["m1"]}, {"messages": [{"message_id": 7}]}]
)
def test_success_of_another_shape_is_unknown(value: object) -> None:
    """The message is out, and nobody knows its id."""
    assert receipt(202, value).reason == "no_message_id"
