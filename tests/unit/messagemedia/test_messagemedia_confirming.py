"""What is confirmed at MessageMedia: reports and replies that are stored, whichever way they came."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from providers.contract import AccountError, Secret
from providers.messagemedia.confirming import DELIVERY_REPORT, REPLY, MessageMediaConfirmer, confirmer
from providers.messagemedia.normalize import normalize
from providers.rest.errors import LimitError, RefusedError
from providers.roles import Confirmation
from schemas.events import DeliveryUpdated
from schemas.vocabulary import Ingress
from schemas.webhook import Webhook
from tests.support.messagemedia_api import Reply, account_at, api_answering, client_of, example

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
REPLY_BODY = b'{"reply_id":"r1","source_number":"+61491570156","content":"STOP"}'
OPT_OUT_BODY = b'{"event":"opt_out","notification_id":"n1","source_number":"+61491570156","content":"STOP"}'


def confirmations(body: bytes, target: str = "/webhooks/mm", content_type: str = JSON, **fields: Any) -> list[Any]:
    """Return what there is to confirm for each event of a webhook."""
    webhook = Webhook(
        provider="messagemedia",
        account="mm",
        target=target,
        headers=(("content-type", content_type),),
        body=body,
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        **({"method": "POST"} | fields),
    )
    found = confirmer(account_at("https://x"))
    assert found is not None
    return [found.confirmation(event) for event in normalize(webhook)]


@pytest.mark.parametrize(
    ("name", "kind", "member"),
    [
        ("callback_delivery_report", DELIVERY_REPORT, "delivery_report_id"),
        ("webhook_delivery_report", DELIVERY_REPORT, "delivery_report_id"),
        ("callback_sms_reply", REPLY, "reply_id"),
        ("callback_mms_reply", REPLY, "reply_id"),
        ("webhook_sms_received", REPLY, "reply_id"),
    ],
)
def test_pushed_event_is_confirmed(name: str, kind: str, member: str) -> None:
    """A report or reply that was pushed is confirmed by its own id."""
    value = example(name)
    assert confirmations(json.dumps(value).encode()) == [Confirmation(kind, value[member])]


def test_event_of_another_provider_is_not_confirmed() -> None:
    """Whatever account it names."""
    found = confirmer(account_at("https://x"))
    assert found is not None
    fields: dict[str, Any] = {"id": "1", "provider": "telnyx", "account": "mm"}
    event = DeliveryUpdated(
        **fields, received_at=datetime(2026, 1, 1, tzinfo=UTC), provider_event_id="e", status="sent"
    )
    assert found.confirmation(event) is None


def test_polled_event_is_confirmed() -> None:
    """A polled item is confirmed by the same id as a pushed one."""
    poll = {"method": "GET", "ingress": Ingress.POLL}
    (report,) = confirmations(b'{"delivery_report_id":"d1","message_id":"m"}', "/v1/delivery_reports", **poll)
    message, consent = confirmations(REPLY_BODY, "/v1/replies", **poll)
    assert (report, message, consent) == (Confirmation(DELIVERY_REPORT, "d1"), Confirmation(REPLY, "r1"), None)


def test_reply_with_a_stop_word_is_confirmed_once() -> None:
    """Of its two events the message is confirmed, the consent is not."""
    assert confirmations(REPLY_BODY) == [Confirmation(REPLY, "r1"), None]


def test_opt_out_notification_stands_in_no_queue() -> None:
    """Its id is no reply's, in JSON and in a form."""
    form = b"notification_id=n1&source_number=%2B61491570156&content=STOP"
    assert confirmations(OPT_OUT_BODY) == [None, None]
    assert confirmations(form, content_type=FORM) == [None, None]


def test_form_and_query_are_confirmed_too() -> None:
    """A webhook with another encoding names its report or reply as well."""
    form = b"delivery_report_id=d1&message_id=m1&status=delivered"
    query = "/webhooks/mm?reply_id=r1&source_number=%2B61491570156&content=Hi"
    assert confirmations(form, content_type=FORM) == [Confirmation(DELIVERY_REPORT, "d1")]
    assert confirmations(b"", query, method="GET") == [Confirmation(REPLY, "r1")]


def test_nothing_to_confirm() -> None:
    """A report without an id, an entry of the blacklist and what nobody understands are not confirmed."""
    listing = b'{"number":"+61491570156","listed":true}'
    poll = {"method": "GET", "ingress": Ingress.POLL}
    assert confirmations(b'{"message_id":"m1","status":"delivered"}') == [None]
    assert confirmations(listing, "/v1/number_authorisation/mt/blacklist", **poll) == [None]
    assert confirmations(b"<html>") == [None]


@pytest.mark.parametrize(
    ("kind", "path", "member"),
    [
        (DELIVERY_REPORT, "/v1/delivery_reports/confirmed", "delivery_report_ids"),
        (REPLY, "/v1/replies/confirmed", "reply_ids"),
    ],
)
async def test_confirming_a_batch(kind: str, path: str, member: str) -> None:
    """One call confirms a batch of one kind, each id once."""
    async with api_answering(Reply(None, 202)) as api:
        found = MessageMediaConfirmer(client_of(api.url))
        await found.confirm([Confirmation(kind, one) for one in ("a", "b", "a")])
        await found.close()
    assert api.only.line == ("POST", path, {member: ["a", "b"]})


async def test_batch_of_101_is_refused() -> None:
    """A call takes 100 ids: that is the size of a batch."""
    found = MessageMediaConfirmer(client_of("http://127.0.0.1:9"))
    assert found.batch_size == 100
    with pytest.raises(LimitError):
        await found.confirm([Confirmation(REPLY, str(one)) for one in range(101)])


async def test_refusal_is_told() -> None:
    """Ids that the provider does not take are the caller's to sort out."""
    async with api_answering(Reply({"message": "Bad Request"}, 400)) as api:
        found = MessageMediaConfirmer(client_of(api.url))
        with pytest.raises(RefusedError):
            await found.confirm([Confirmation(REPLY, "a")])
        await found.close()


def test_account_that_wants_no_confirming() -> None:
    """An account can leave the queues to somebody else, and one without credentials has to."""
    assert confirmer(account_at("https://x", confirm=False)) is None
    assert confirmer(account_at("https://x", api_key=None)) is None
    assert confirmer(account_at("https://x", confirm=True)) is not None


def test_account_with_a_broken_key() -> None:
    """A key that cannot be one is an error, not a wish for nothing."""
    with pytest.raises(AccountError, match="api_key"):
        confirmer(account_at("https://x", api_key=Secret(" ", "env:X")))
