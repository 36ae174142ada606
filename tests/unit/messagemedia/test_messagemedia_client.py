"""Every operation of MessageMedia's API as the provider documents it: method, path, query, headers, body, answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from providers.messagemedia.api.models import Authorisation, Message, MessageWebhook, NewMessage, SignatureKey
from providers.messagemedia.client import MessageMediaClient
from providers.rest.operations import operations_of
from tests.support.messagemedia_api import BASIC, Reply, api_answering, client_of, example

ID = "877c19ef-fa2e-4cec-827a-e1df9b5509f7"
KEY_ID = "7ca628a8-08b0-4e42-aeb8-960b37049c31"
NUMBERS = ("+61491570156", "+61491570157")
QUEUED = {"message_id": ID, "status": "queued"}


@dataclass(frozen=True)
class Contract:
    """One operation: what our client is asked, what goes out, what comes back."""

    ask: Callable[[MessageMediaClient], Awaitable[Any]]
    line: tuple[str, str, Any]
    reply: Reply
    result: Any = None


async def first_page(pages: Any) -> Any:
    """Return the items of a list's first page."""
    return (await pages.page()).items


CONTRACTS = {
    "send": Contract(
        lambda client: client.send(content="Hi", destination_number=NUMBERS[0]),
        ("POST", "/v1/messages", {"messages": [{"content": "Hi", "destination_number": NUMBERS[0]}]}),
        Reply({"messages": [QUEUED]}, 202),
        Message(message_id=ID, status="queued"),
    ),
    "send_many": Contract(
        lambda client: client.send_many([NewMessage(content="Hi", destination_number=one) for one in NUMBERS]),
        ("POST", "/v1/messages", {"messages": [{"content": "Hi", "destination_number": one} for one in NUMBERS]}),
        Reply({"messages": [QUEUED, {"message_id": "2", "status": "queued"}]}, 202),
        (Message(message_id=ID, status="queued"), Message(message_id="2", status="queued")),
    ),
    "get_message": Contract(
        lambda client: client.get_message(ID),
        ("GET", f"/v1/messages/{ID}", None),
        Reply({"message_id": ID, "status": "enroute", "format": "SMS"}),
        Message(message_id=ID, status="enroute", format="SMS"),
    ),
    "cancel_message": Contract(
        lambda client: client.cancel_message(ID),
        ("PUT", f"/v1/messages/{ID}", {"status": "cancelled"}),
        Reply(None),
        Message(),
    ),
    "get_credits": Contract(
        lambda client: client.get_credits(), ("GET", "/v1/messaging/credits", None), Reply({"credits": 7})
    ),
    "check_replies": Contract(
        lambda client: client.check_replies(), ("GET", "/v1/replies", None), Reply({"replies": []}), ()
    ),
    "confirm_replies": Contract(
        lambda client: client.confirm_replies(["a", "b"]),
        ("POST", "/v1/replies/confirmed", {"reply_ids": ["a", "b"]}),
        Reply(b"accepted", 202, {"Content-Type": "text/plain"}),
    ),
    "check_delivery_reports": Contract(
        lambda client: client.check_delivery_reports(),
        ("GET", "/v1/delivery_reports", None),
        Reply({"delivery_reports": []}),
        (),
    ),
    "confirm_delivery_reports": Contract(
        lambda client: client.confirm_delivery_reports(("a",)),
        ("POST", "/v1/delivery_reports/confirmed", {"delivery_report_ids": ["a"]}),
        Reply(None, 202),
    ),
    "webhooks.create": Contract(
        lambda client: client.webhooks.create(
            url="https://hooks.example/mm",
            method="POST",
            encoding="JSON",
            events=("RECEIVED_SMS",),
            headers={"x-secret": "s"},
            template="{}",
            read_timeout=5000,
            retries=3,
            retry_delay=30,
        ),
        (
            "POST",
            "/v1/webhooks/messages",
            {
                "url": "https://hooks.example/mm",
                "method": "POST",
                "encoding": "JSON",
                "events": ["RECEIVED_SMS"],
                "headers": {"x-secret": "s"},
                "template": "{}",
                "read_timeout": 5000,
                "retries": 3,
                "retry_delay": 30,
            },
        ),
        Reply({"id": "w1", "retries": 3}, 201),
        MessageWebhook(id="w1", retries=3),
    ),
    "webhooks.list": Contract(
        lambda client: first_page(client.webhooks.list()),
        ("GET", "/v1/webhooks/messages?page=0&page_size=20", None),
        Reply({"page": 0, "pageSize": 20, "pageData": [{"id": "w1", "events": ["RECEIVED_SMS"]}]}),
        (MessageWebhook(id="w1", events=("RECEIVED_SMS",)),),
    ),
    "webhooks.update": Contract(
        lambda client: client.webhooks.update("w1", url="https://hooks.example/new", events=["FAILED_DR"]),
        ("PATCH", "/v1/webhooks/messages/w1", {"url": "https://hooks.example/new", "events": ["FAILED_DR"]}),
        Reply({"id": "w1"}),
        MessageWebhook(id="w1"),
    ),
    "webhooks.delete": Contract(
        lambda client: client.webhooks.delete("w/1"), ("DELETE", "/v1/webhooks/messages/w%2F1", None), Reply(None, 204)
    ),
    "signature_keys.create": Contract(
        lambda client: client.signature_keys.create(digest="SHA224"),
        ("POST", "/v1/iam/signature_keys", {"digest": "SHA224", "cipher": "RSA"}),
        Reply({"key_id": KEY_ID, "public_key": "MIG", "enabled": False}, 201),
        SignatureKey(key_id=KEY_ID, public_key="MIG", enabled=False),
    ),
    "signature_keys.list": Contract(
        lambda client: first_page(client.signature_keys.list()),
        ("GET", "/v1/iam/signature_keys?page=1&page_size=20", None),
        Reply([{"key_id": KEY_ID}]),
        (SignatureKey(key_id=KEY_ID),),
    ),
    "signature_keys.get": Contract(
        lambda client: client.signature_keys.get(KEY_ID),
        ("GET", f"/v1/iam/signature_keys/{KEY_ID}", None),
        Reply({"key_id": KEY_ID}),
        SignatureKey(key_id=KEY_ID),
    ),
    "signature_keys.get_enabled": Contract(
        lambda client: client.signature_keys.get_enabled(),
        ("GET", "/v1/iam/signature_keys/enabled", None),
        Reply({"key_id": KEY_ID, "enabled": True}),
        SignatureKey(key_id=KEY_ID, enabled=True),
    ),
    "signature_keys.enable": Contract(
        lambda client: client.signature_keys.enable(KEY_ID),
        ("PATCH", "/v1/iam/signature_keys/enabled", {"key_id": KEY_ID}),
        Reply(None),
        SignatureKey(),
    ),
    "signature_keys.disable": Contract(
        lambda client: client.signature_keys.disable(),
        ("DELETE", "/v1/iam/signature_keys/enabled", None),
        Reply(None, 204),
    ),
    "signature_keys.delete": Contract(
        lambda client: client.signature_keys.delete(KEY_ID),
        ("DELETE", f"/v1/iam/signature_keys/{KEY_ID}", None),
        Reply(None),
    ),
    "blacklist.list": Contract(
        lambda client: first_page(client.blacklist.list()),
        ("GET", "/v1/number_authorisation/mt/blacklist", None),
        Reply({"uri": "/v1", "numbers": list(NUMBERS)}),
        NUMBERS,
    ),
    "blacklist.add": Contract(
        lambda client: client.blacklist.add(NUMBERS),
        ("POST", "/v1/number_authorisation/mt/blacklist", {"numbers": list(NUMBERS)}),
        Reply({"uri": "/v1", "numbers": list(NUMBERS)}, 201),
        NUMBERS,
    ),
    "blacklist.remove": Contract(
        lambda client: client.blacklist.remove(NUMBERS[0]),
        ("DELETE", f"/v1/number_authorisation/mt/blacklist/{NUMBERS[0]}", None),
        Reply(b"deleted", 200, {"Content-Type": "text/plain"}),
    ),
    "blacklist.is_authorised": Contract(
        lambda client: client.blacklist.is_authorised(NUMBERS),
        ("GET", f"/v1/number_authorisation/is_authorised/{NUMBERS[0]},{NUMBERS[1]}", None),
        Reply({"uri": "/v1", "numbers": [{"number": NUMBERS[0], "authorised": False}]}),
        (Authorisation(number=NUMBERS[0], authorised=False),),
    ),
}


@pytest.mark.parametrize("name", CONTRACTS)
async def test_operation_as_the_provider_documents_it(name: str) -> None:
    """One request goes out as documented, with the key, and its answer comes back typed."""
    contract = CONTRACTS[name]
    async with api_answering(contract.reply) as api, client_of(api.url) as client:
        found = await contract.ask(client)
    seen = api.only
    assert seen.line == contract.line
    assert seen.headers["authorization"] == BASIC
    assert seen.headers["accept"] == "application/json"
    assert ("content-type" in seen.headers) == bool(seen.body)
    assert "account" not in seen.headers
    if contract.result is not None:
        assert found == contract.result


def test_every_operation_has_a_contract() -> None:
    """What the shell offers is what is tested, and the marks name the paths that the calls take."""
    found = operations_of(client_of("http://127.0.0.1:9"))
    assert found.keys() == CONTRACTS.keys()
    for name, operation in found.items():
        method, target, _ = CONTRACTS[name].line
        assert operation.endpoint.method == method
        assert target.startswith(operation.endpoint.path.partition("{")[0])
        assert operation.summary.endswith(".")
        assert "Raises" not in operation.summary


async def test_message_with_every_property() -> None:
    """Every property of the provider's page goes out, times in UTC with milliseconds."""
    wanted = example("rest_send_messages_request_full")["messages"]
    moment = datetime(2016, 11, 3, 11, 49, 2, 807000, UTC)
    async with api_answering(Reply({"messages": [QUEUED, QUEUED]}, 202)) as api, client_of(api.url) as client:
        await client.send_many(
            [
                NewMessage(
                    content=one["content"],
                    destination_number=one["destination_number"],
                    format=one["format"],
                    source_number=one["source_number"],
                    source_number_type=one["source_number_type"],
                    callback_url=one["callback_url"],
                    delivery_report=one["delivery_report"],
                    scheduled=moment,
                    message_expiry_timestamp=moment,
                    metadata=one["metadata"],
                    media=tuple(one.get("media", ())),
                    subject=one.get("subject"),
                )
                for one in wanted
            ]
        )
    assert api.only.json == {"messages": wanted}


async def test_one_message_takes_every_property_too() -> None:
    """What `send` is given goes into the message under its own name."""
    given: dict[str, Any] = {
        "content": "Look",
        "destination_number": NUMBERS[0],
        "format": "MMS",
        "source_number": NUMBERS[1],
        "source_number_type": "INTERNATIONAL",
        "callback_url": "https://hooks.example/mm",
        "delivery_report": False,
        "metadata": {"k": "v"},
        "media": ["https://files.example/a.png"],
        "subject": "A picture",
    }
    times: dict[str, Any] = {
        "scheduled": datetime(2026, 1, 1, tzinfo=UTC),
        "message_expiry_timestamp": datetime(2026, 1, 2, tzinfo=UTC),
    }
    async with api_answering(Reply({"messages": [QUEUED]}, 202)) as api, client_of(api.url) as client:
        await client.send(**given, **times)
    (message,) = api.only.json["messages"]
    assert message == given | {
        "scheduled": "2026-01-01T00:00:00.000Z",
        "message_expiry_timestamp": "2026-01-02T00:00:00.000Z",
    }


async def test_published_answers_are_read() -> None:
    """Status, reports, replies, keys and webhooks that the provider published come back as typed values."""
    replies = (
        "rest_get_message_status_response_200",
        "rest_check_delivery_reports_response_200",
        "rest_check_delivery_reports_response_rejected",
        "rest_check_replies_response_200",
        "rest_check_replies_response_unsolicited",
        "rest_signature_key_create_response_201",
        "rest_signature_key_list_response_200",
        "rest_webhook_create_response_201",
        "rest_webhook_list_response_200",
        "rest_send_messages_response_202_sparse",
    )
    answers = [Reply(example(name)) for name in replies]
    async with api_answering(*answers) as api, client_of(api.url) as client:
        message = await client.get_message(ID)
        reports = await client.check_delivery_reports()
        (rejected,) = await client.check_delivery_reports()
        answered = await client.check_replies()
        (unsolicited,) = await client.check_replies()
        key = await client.signature_keys.create()
        keys = (await client.signature_keys.list().page()).items
        webhook = await client.webhooks.create(
            url="http://webhook.com", method="POST", encoding="JSON", events=["ENROUTE_DR"]
        )
        webhooks = [one async for one in client.webhooks.list()]
        sent = await client.send(content="Hello, World!", destination_number=NUMBERS[0])
    assert (message.status, message.scheduled) == ("enroute", datetime(2016, 11, 3, 11, 49, 2, 807000, UTC))
    assert [one.billing_units for one in reports] == [1, 1]
    assert reports[0].vendor_account_id is not None
    assert reports[0].vendor_account_id.account_id == "MyAccount"
    assert (rejected.status, rejected.callback_url, rejected.metadata) == ("rejected", None, {})
    assert [one.content for one in answered] == ["My first reply!", "My second reply!"]
    assert unsolicited.message_id is None
    assert (key.digest, key.enabled, (key.public_key or "")[:4]) == ("SHA224", False, "MIGf")
    assert [one.enabled for one in keys] == [True, False]
    assert webhook == webhooks[0]
    assert (webhook.read_timeout, webhook.retries, webhook.retry_delay) == (5000, 3, 30)
    assert sent.status == "queued"


async def test_credits_keep_what_was_answered() -> None:
    """The shape of the credits is not published: all of it is kept."""
    async with api_answering(Reply({"credits": 7})) as api, client_of(api.url) as client:
        assert (await client.get_credits()).raw == {"credits": 7}


async def test_webhooks_come_page_by_page() -> None:
    """Pages count from 0 and end with one that is not full, by the size that the provider says it gave."""
    pages = [
        Reply({"page": 0, "pageSize": 2, "pageData": [{"id": "1"}, {"id": "2"}]}),
        Reply({"page": 1, "pageSize": 2, "pageData": [{"id": "3"}]}),
    ]
    async with api_answering(*pages) as api, client_of(api.url) as client:
        found = [webhook.id async for webhook in client.webhooks.list(page_size=50)]
    assert found == ["1", "2", "3"]
    assert [seen.target for seen in api.seen] == [
        "/v1/webhooks/messages?page=0&page_size=50",
        "/v1/webhooks/messages?page=1&page_size=50",
    ]


async def test_signature_keys_come_page_by_page() -> None:
    """Pages count from 1; the answer is a bare list."""
    async with api_answering(Reply([{"key_id": "1"}, {"key_id": "2"}]), Reply([])) as api, client_of(api.url) as client:
        found = [key.key_id async for key in client.signature_keys.list(page_size=2)]
    assert found == ["1", "2"]
    assert [seen.target.partition("?")[2] for seen in api.seen] == ["page=1&page_size=2", "page=2&page_size=2"]


async def test_short_page_of_signature_keys_is_not_the_last() -> None:
    """A provider that gives smaller pages than it was asked for is asked on, until a page is empty."""
    pages = [Reply([{"key_id": str(one)} for one in ids]) for ids in (range(10), range(10, 15), ())]
    async with api_answering(*pages) as api, client_of(api.url) as client:
        found = [key.key_id async for key in client.signature_keys.list()]
    assert found == [str(one) for one in range(15)]
    assert len(api.seen) == 3


async def test_page_of_signature_keys_that_repeats_ends_the_list() -> None:
    """A provider that gives all keys on every page has said all with the first; a second reading gives them again."""
    async with api_answering(Reply([{"key_id": "1"}])) as api, client_of(api.url) as client:
        keys = client.signature_keys.list()
        found = [[key.key_id async for key in keys] for _ in range(2)]
    assert found == [["1"], ["1"]]
    assert len(api.seen) == 4


async def test_blacklist_comes_by_token() -> None:
    """Each page names the token of the next; a token that comes again ends the list."""
    pages = [
        Reply({"numbers": ["+61491570156"], "pagination": {"page": "t 1"}}),
        Reply({"numbers": ["+61491570157"], "pagination": {"page": "t2"}}),
        Reply({"numbers": ["+61491570110"], "pagination": {"page": "t2"}}),
    ]
    async with api_answering(*pages) as api, client_of(api.url) as client:
        found = [number async for number in client.blacklist.list()]
    assert found == ["+61491570156", "+61491570157", "+61491570110"]
    assert [seen.target.partition("?")[2] for seen in api.seen] == ["", "token=t%201", "token=t2"]


async def test_published_blacklist_page_is_read() -> None:
    """The published page names a next one; the list ends where that is empty."""
    listed = example("rest_blacklist_list_response_200")
    async with api_answering(Reply(listed), Reply({"numbers": []})) as api, client_of(api.url) as client:
        found = [number async for number in client.blacklist.list()]
    assert found == listed["numbers"]
    assert api.seen[1].target.endswith("?token=0")
