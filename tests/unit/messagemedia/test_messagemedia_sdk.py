"""MessageMedia's own SDK as a peer: for each operation that it has, it sends what our client sends.

Known deviations of the SDK: it signs with hmac-sha1, names the digest `x-Content-MD5`, and signs every request with a
body as POST.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from message_media_messages.configuration import Configuration
from message_media_messages.message_media_messages_client import MessageMediaMessagesClient
from message_media_messages.models.cancel_scheduled_message_request import CancelScheduledMessageRequest
from message_media_messages.models.confirm_delivery_reports_as_received_request import (
    ConfirmDeliveryReportsAsReceivedRequest,
)
from message_media_messages.models.confirm_replies_as_received_request import ConfirmRepliesAsReceivedRequest
from message_media_messages.models.message import Message
from message_media_messages.models.send_messages_request import SendMessagesRequest

from providers.messagemedia.api.authorization import Authentication, Hmac
from providers.messagemedia.api.models import NewMessage
from providers.messagemedia.client import MessageMediaClient
from tests.support.messagemedia_api import KEY, SECRET, Reply, Seen, api_answering, client_of

ID = "877c19ef-fa2e-4cec-827a-e1df9b5509f7"
FULL: dict[str, Any] = {
    "content": "Look 😀",
    "destination_number": "+61491570156",
    "format": "MMS",
    "source_number": "+61491570157",
    "source_number_type": "INTERNATIONAL",
    "callback_url": "https://hooks.example/mm",
    "delivery_report": True,
    "metadata": {"k": "v"},
    "media": ["https://files.example/a.png"],
    "subject": "A picture",
}
EMPTY = Reply({"messages": [{"message_id": ID}], "replies": [], "delivery_reports": []})
Peer = Callable[[Any], Any]
Ours = Callable[[MessageMediaClient], Any]

OPERATIONS: dict[str, tuple[Peer, Ours]] = {
    "send": (
        lambda sdk: sdk.messages.send_messages(as_request(Message(**FULL))),
        lambda client: client.send_many([NewMessage(**FULL)]),
    ),
    "status": (lambda sdk: sdk.messages.get_message_status(ID), lambda client: client.get_message(ID)),
    "cancel": (
        lambda sdk: sdk.messages.cancel_scheduled_message(ID, CancelScheduledMessageRequest(status="cancelled")),
        lambda client: client.cancel_message(ID),
    ),
    "credits": (lambda sdk: sdk.messages.check_credits_remaining(), lambda client: client.get_credits()),
    "check replies": (lambda sdk: sdk.replies.check_replies(), lambda client: client.check_replies()),
    "confirm replies": (
        lambda sdk: sdk.replies.confirm_replies_as_received(ConfirmRepliesAsReceivedRequest(reply_ids=["a", "b"])),
        lambda client: client.confirm_replies(["a", "b"]),
    ),
    "check reports": (
        lambda sdk: sdk.delivery_reports.check_delivery_reports(),
        lambda client: client.check_delivery_reports(),
    ),
    "confirm reports": (
        lambda sdk: sdk.delivery_reports.confirm_delivery_reports_as_received(
            ConfirmDeliveryReportsAsReceivedRequest(delivery_report_ids=["a"])
        ),
        lambda client: client.confirm_delivery_reports(["a"]),
    ),
}


def as_request(*messages: Any) -> Any:
    """Return the SDK's request for those messages."""
    request = SendMessagesRequest()
    request.messages = list(messages)
    return request


@pytest.fixture(autouse=True)
def _configuration_is_global() -> Iterator[None]:
    """Put back what the SDK keeps for the whole process."""
    names = ("base_uri", "basic_auth_user_name", "basic_auth_password", "hmac_auth_user_name", "hmac_auth_password")
    before = {name: getattr(Configuration, name) for name in names}
    yield
    for name, value in before.items():
        setattr(Configuration, name, value)


async def both(name: str, *, hmac: bool) -> tuple[Seen, Seen]:
    """Return what the SDK sends for an operation, and what our client sends."""
    theirs, ours = OPERATIONS[name]
    async with api_answering(EMPTY) as api:
        Configuration.base_uri = api.url
        sdk = MessageMediaMessagesClient(KEY.value, SECRET.value, use_hmac_authentication=hmac)
        await asyncio.to_thread(theirs, sdk)
        client = client_of(api.url, authentication="hmac-sha1" if hmac else "basic")
        await ours(client)
        await client.close()
        # The SDK keeps its connections for the whole process.
        await asyncio.to_thread(sdk.messages.http_client.session.close)
    peer, own = api.seen
    return peer, own


@pytest.mark.parametrize("name", OPERATIONS)
async def test_same_call(name: str) -> None:
    """Method, path, credentials, media types and JSON are the same."""
    peer, own = await both(name, hmac=False)
    if name == "send":
        # It writes out what is not set, as null.
        peer_messages = [
            {key: value for key, value in one.items() if value is not None} for one in peer.json["messages"]
        ]
        assert peer_messages == own.json["messages"]
    else:
        assert peer.json == own.json
    assert (peer.method, peer.target) == (own.method, own.target)
    for header in ("authorization", "accept"):
        assert peer.headers[header] == own.headers[header]
    assert peer.headers.get("content-type", "").partition(";")[0] == own.headers.get("content-type", "")


def said(seen: Seen) -> dict[str, str]:
    """Return the parts of an HMAC authorization."""
    scheme, _, rest = seen.headers["authorization"].partition(" ")
    assert scheme == "hmac"
    return {key: value.strip('"') for key, _, value in (part.partition("=") for part in rest.split(", "))}


@pytest.mark.parametrize("name", OPERATIONS)
async def test_same_signature_but_for_known_deviations(name: str) -> None:
    """Our signing over the SDK's own header names, and its POST for every body, gives its signature."""
    peer, own = await both(name, hmac=True)
    names = said(peer)["headers"].split(" ")
    assert names == (["date", "x-Content-MD5", "request-line"] if peer.body else ["date", "request-line"])
    signed = {header: peer.headers[header.lower()] for header in names[:-1]}
    request_line = f"{'POST' if peer.body else 'GET'} {peer.target} HTTP/1.1"
    proof = Hmac(KEY, SECRET, Authentication.HMAC_SHA1)
    assert proof.authorization(signed, request_line) == peer.headers["authorization"]
    assert {key: said(peer)[key] for key in ("username", "algorithm")} == {
        key: said(own)[key] for key in ("username", "algorithm")
    }
