"""What MessageMedia documents as refused is refused before a call, and what is just allowed goes out."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest

from providers.messagemedia.api.models import NewMessage
from providers.messagemedia.client import MessageMediaClient
from providers.rest.errors import LimitError
from tests.support.messagemedia_api import KEY, SECRET, Reply, api_answering, client_of

NUMBER = "+61491570156"
NOBODY = "http://127.0.0.1:9"
URL = "https://hooks.example/mm"
Ask = Callable[[MessageMediaClient], Awaitable[Any]]


def send(**changed: Any) -> Ask:
    """Return the sending of one message that differs from a sendable one."""
    return lambda client: client.send(**({"content": "Hi", "destination_number": NUMBER} | changed))


def create(**changed: Any) -> Ask:
    """Return the creation of a webhook that differs from a possible one."""
    good: dict[str, Any] = {"url": URL, "method": "POST", "encoding": "JSON", "events": ["RECEIVED_SMS"]}
    return lambda client: client.webhooks.create(**(good | changed))


REFUSED: dict[str, tuple[Ask, str]] = {
    "no content": (send(content=""), "content"),
    "long content": (send(content="x" * 5001), "content"),
    "no plus": (send(destination_number="61491570156"), "destination_number"),
    "short number": (send(destination_number="+6149157"), "destination_number"),
    "long number": (send(destination_number="+6149157015612345"), "destination_number"),
    "national number": (send(destination_number="+0491570156"), "destination_number"),
    "foreign digits": (send(destination_number="+6149157\u0660\u0661\u0665\u0666"), "destination_number"),
    "line end": (send(destination_number=f"{NUMBER}\n"), "destination_number"),
    "unknown format": (send(format="RCS"), "format"),
    "unknown source type": (send(source_number="+61491570157", source_number_type="LONG"), "source_number_type"),
    "source type alone": (send(source_number_type="INTERNATIONAL"), "source_number_type"),
    "many metadata": (send(metadata={str(one): "v" for one in range(11)}), "metadata"),
    "long metadata key": (send(metadata={"k" * 101: "v"}), "metadata"),
    "long metadata value": (send(metadata={"k": "v" * 257}), "metadata"),
    "metadata that is no text": (send(metadata={"k": 7}), "metadata"),
    "header that is no text": (create(headers={"x": 7}), "headers"),
    "media without MMS": (send(media=["https://files.example/a.png"]), "media"),
    "subject without MMS": (send(format="SMS", subject="Hi"), "subject"),
    "long subject": (send(format="MMS", subject="x" * 65), "subject"),
    "media that is no URL": (send(format="MMS", media=["a.png"]), "media"),
    "callback that is no URL": (send(callback_url="hooks.example"), "callback_url"),
    "callback with a broken host": (send(callback_url="http://[x"), "callback_url"),
    "time without a zone": (send(scheduled=datetime(2026, 1, 1)), "scheduled"),  # noqa: DTZ001 - that is the test
    "no messages": (lambda client: client.send_many([]), "messages"),
    "101 messages": (
        lambda client: client.send_many([NewMessage(content="Hi", destination_number=NUMBER)] * 101),
        "messages",
    ),
    "a bad one among good ones": (
        lambda client: client.send_many([NewMessage(content="Hi", destination_number=NUMBER), NewMessage()]),
        "content",
    ),
    "no message id": (lambda client: client.get_message(""), "message_id"),
    "no message to cancel": (lambda client: client.cancel_message(""), "message_id"),
    "two dots for a message": (lambda client: client.get_message(".."), "message_id"),
    "a dot to cancel": (lambda client: client.cancel_message("."), "message_id"),
    "two dots for a webhook": (lambda client: client.webhooks.delete(".."), "webhook_id"),
    "two dots for a key": (lambda client: client.signature_keys.get(".."), "key_id"),
    "blanks for a key": (lambda client: client.signature_keys.delete(" "), "key_id"),
    "no reply ids": (lambda client: client.confirm_replies([]), "reply_ids"),
    "101 reply ids": (lambda client: client.confirm_replies(["a"] * 101), "reply_ids"),
    "an empty reply id": (lambda client: client.confirm_replies(["a", ""]), "reply_ids"),
    "one text for ids": (lambda client: client.confirm_replies("abc"), "reply_ids"),
    "one text for events": (create(events="FAILED_DR"), "events"),
    "one text for numbers": (lambda client: client.blacklist.add(NUMBER), "numbers"),
    "101 report ids": (lambda client: client.confirm_delivery_reports(["a"] * 101), "delivery_report_ids"),
    "long webhook URL": (create(url=f"{URL}/{'x' * 1000}"), "url"),
    "webhook over ftp": (create(url="ftp://hooks.example"), "url"),
    "unknown method": (create(method="HEAD"), "method"),
    "unknown encoding": (create(encoding="YAML"), "encoding"),
    "no events": (create(events=[]), "events"),
    "unknown event": (create(events=["READ_DR"]), "events"),
    "long header name": (create(headers={"x" * 201: "v"}), "headers"),
    "long header value": (create(headers={"x": "v" * 1001}), "headers"),
    "content type": (create(headers={"Content-type": "text/plain"}), "headers"),
    "6 retries": (create(retries=6), "retries"),
    "4 seconds between": (create(retry_delay=4), "retry_delay"),
    "61 seconds between": (create(retry_delay=61), "retry_delay"),
    "a minute and more": (create(read_timeout=60_001), "read_timeout"),
    "nothing to change": (lambda client: client.webhooks.update("w1"), "no property"),
    "change to no events": (lambda client: client.webhooks.update("w1", events=[]), "events"),
    "no webhook id": (lambda client: client.webhooks.delete(""), "webhook_id"),
    "unknown digest": (lambda client: client.signature_keys.create(digest="SHA1"), "digest"),
    "unknown cipher": (lambda client: client.signature_keys.create(cipher="EC"), "cipher"),
    "no key id": (lambda client: client.signature_keys.enable(""), "key_id"),
    "no key to delete": (lambda client: client.signature_keys.delete(""), "key_id"),
    "11 numbers": (lambda client: client.blacklist.add([NUMBER] * 11), "numbers"),
    "no numbers": (lambda client: client.blacklist.is_authorised([]), "numbers"),
    "no number": (lambda client: client.blacklist.remove("0491570156"), "number"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_refused_before_the_call(case: str) -> None:
    """Nothing goes out, and the error names the property, never its value."""
    ask, words = REFUSED[case]
    async with client_of(NOBODY) as client:
        with pytest.raises(LimitError, match=words) as caught:
            await ask(client)
    assert NUMBER not in str(caught.value)
    assert URL not in str(caught.value)


WRONG: Any = 5
WRONG_TYPES: dict[str, tuple[Ask, str]] = {
    "content": (send(content=WRONG), "content"),
    "number": (send(destination_number=WRONG), "destination_number"),
    "format": (send(format=WRONG), "format"),
    "source": (send(source_number=WRONG), "source_number"),
    "callback": (send(callback_url=WRONG), "callback_url"),
    "time": (send(scheduled="2026-01-01T00:00:00Z"), "scheduled"),
    "metadata": (send(metadata=WRONG), "metadata"),
    "media": (send(format="MMS", media=WRONG), "media"),
    "one medium": (send(format="MMS", media=[WRONG]), "media"),
    "subject": (send(format="MMS", subject=0), "subject"),
    "messages": (lambda client: client.send_many(WRONG), "messages"),
    "one message": (lambda client: client.send_many([WRONG]), "messages"),
    "message id": (lambda client: client.get_message(WRONG), "message_id"),
    "reply ids": (lambda client: client.confirm_replies(WRONG), "reply_ids"),
    "one reply id": (lambda client: client.confirm_replies([WRONG]), "reply_ids"),
    "url": (create(url=WRONG), "url"),
    "events": (create(events=WRONG), "events"),
    "headers": (create(headers=WRONG), "headers"),
    "retries": (create(retries="3"), "retries"),
    "numbers": (lambda client: client.blacklist.add(WRONG), "numbers"),
    "one number": (lambda client: client.blacklist.is_authorised([WRONG]), "numbers"),
    "key to enable": (lambda client: client.signature_keys.enable(WRONG), "key_id"),
}


@pytest.mark.parametrize("case", WRONG_TYPES)
async def test_value_of_a_wrong_type(case: str) -> None:
    """A value of another type than documented is a LimitError as well, and nothing goes out."""
    ask, words = WRONG_TYPES[case]
    async with api_answering() as api, client_of(api.url) as client:
        with pytest.raises(LimitError, match=words):
            await ask(client)
    assert api.seen == []


ALLOWED: dict[str, Ask] = {
    "longest content": send(content="ż" * 5000),
    "shortest number": send(destination_number="+61491570"),
    "longest number": send(destination_number="+614915701561234"),
    "ten pairs": send(metadata={f"{one:0>100}": "v" * 256 for one in range(10)}),
    "longest subject": send(format="MMS", subject="x" * 64, media=["http://files.example/a.gif"]),
    "100 messages": lambda client: client.send_many([NewMessage(content="Hi", destination_number=NUMBER)] * 100),
    "100 ids": lambda client: client.confirm_replies([str(one) for one in range(100)]),
    "patient webhook": create(retries=5, retry_delay=60, read_timeout=60_000, headers={"x" * 200: "v" * 1000}),
    "impatient webhook": create(retries=0, retry_delay=5),
    "10 numbers": lambda client: client.blacklist.add([NUMBER] * 10),
}


@pytest.mark.parametrize("case", ALLOWED)
async def test_the_limit_itself_is_allowed(case: str) -> None:
    """What the page just allows is asked of the provider."""
    count = 100 if case == "100 messages" else 1
    async with api_answering(Reply({"messages": [{"message_id": "1"}] * count})) as api, client_of(api.url) as client:
        await ALLOWED[case](client)
    assert len(api.seen) == 1


@pytest.mark.parametrize("lists", ["webhooks", "signature_keys"])
def test_page_size_of_nothing_is_refused(lists: str) -> None:
    """A page holds at least one item."""
    with pytest.raises(LimitError, match="page_size"):
        getattr(client_of(NOBODY), lists).list(page_size=0)


@pytest.mark.parametrize("sub_account", ["", " ", "a\r\nb", "żółć"])
def test_sub_account_that_no_header_carries(sub_account: str) -> None:
    """A sub-account's id has to fit into a header, whichever way it is given."""
    with pytest.raises(LimitError, match="sub_account"):
        MessageMediaClient(KEY, SECRET, NOBODY, sub_account=sub_account)
    with pytest.raises(LimitError, match="sub_account"):
        client_of(NOBODY).for_sub_account(sub_account)
