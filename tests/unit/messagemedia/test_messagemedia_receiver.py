"""MessageMedia's webhooks through the real receiver: what is proved is stored, secrets are not."""

import json
from collections.abc import Mapping

from ingest.server import Endpoint
from providers.contract import Account
from providers.registry import provider
from schemas.topics import WEBHOOKS
from schemas.webhook import Webhook, webhook_from_record
from tests.support.messagemedia_webhooks import (
    KEY_ID,
    SHARED_SECRET,
    account_of,
    fixture_value,
    request_of,
    secret_account,
    signed_headers,
)
from tests.support.receiver import Bench, receiver, request_bytes

PROVIDER = provider("messagemedia")
BODY = json.dumps(fixture_value("report_callback")).encode()


def endpoint(account: Account) -> Endpoint:
    """Return an account as the receiver serves it."""
    return Endpoint(account, PROVIDER, PROVIDER.verifier(account))


def wire(body: bytes, headers: Mapping[str, str], **line: str) -> bytes:
    """Return a request as it goes over the wire."""
    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    return request_bytes(body, secret=None, headers=fields, **line)  # type: ignore[arg-type] # method and target are texts


def stored(bench: Bench) -> list[Webhook]:
    """Return the raw records."""
    return [webhook_from_record(record) for record in bench.memory.records if record.topic == WEBHOOKS.name]


async def test_a_signed_notification_is_stored() -> None:
    """Its raw record names the key, and keeps the signature: it can be verified again."""
    async with receiver(endpoints=[endpoint(account_of())]) as bench:
        answer = await bench.ask(wire(BODY, signed_headers(BODY, target="/webhooks/main"), target="/webhooks/main"))
        (webhook,) = stored(bench)
    assert answer.status == 200
    assert webhook.verified_key == f"rsa:{KEY_ID}"
    again = request_of(webhook.body, dict(webhook.headers), target=webhook.target)
    assert PROVIDER.verifier(account_of()).verify(again, 1_767_225_600).key == f"rsa:{KEY_ID}"


async def test_a_signed_get_is_stored() -> None:
    """Its variables are in the target, which is signed as it was sent."""
    target = "/webhooks/main?group=replies&replyId=5e1&sourceAddress=%2B61491570156&replyContent=a%20b"
    async with receiver(endpoints=[endpoint(account_of())]) as bench:
        answer = await bench.ask(
            wire(b"", signed_headers(b"", method="GET", target=target), method="GET", target=target)
        )
        (webhook,) = stored(bench)
    assert (answer.status, webhook.method, webhook.target) == (200, "GET", target)


async def test_a_shared_secret_never_reaches_a_record() -> None:
    """Neither in the raw record nor in an event."""
    headers = {"X-Hookline-Secret": SHARED_SECRET, "content-type": "application/json"}
    async with receiver(endpoints=[endpoint(secret_account())]) as bench:
        answer = await bench.ask(wire(BODY, headers))
        kept = list(bench.memory.records)
    assert answer.status == 200
    assert len(kept) == 2
    assert SHARED_SECRET not in repr(kept)
    assert "secret:x-hookline-secret#1" in repr(kept)


async def test_who_proves_nothing_gets_401() -> None:
    """And nothing is stored."""
    async with receiver(endpoints=[endpoint(account_of())]) as bench:
        answer = await bench.ask(wire(BODY, {}))
        assert (answer.status, stored(bench)) == (401, [])
        assert bench.refused("missing_signature") == 1


async def test_what_is_not_understood_is_answered_with_success() -> None:
    """Broken JSON of a template without escaping is kept."""
    body = b'{"replyContent": "He said "yes""}'
    async with receiver(endpoints=[endpoint(account_of())]) as bench:
        answer = await bench.ask(wire(body, signed_headers(body, target="/webhooks/main")))
        (webhook,) = stored(bench)
    assert (answer.status, webhook.body) == (200, body)


async def test_an_mms_of_megabytes_is_stored() -> None:
    """Its files stay in the raw record; the event only points to them."""
    value = fixture_value("reply_mms")
    value["attachments"][0]["content"] = "QUFB" * 700_000
    body = json.dumps(value).encode()
    async with receiver(endpoints=[endpoint(account_of())]) as bench:
        answer = await bench.ask(wire(body, signed_headers(body, target="/webhooks/main")))
        sizes = sorted(len(record.value or b"") for record in bench.memory.records)
    assert answer.status == 200
    assert sizes[0] < 2000
    assert sizes[1] == len(body)


async def test_another_method_is_refused() -> None:
    """MessageMedia could be told to use it; our setup tells it POST."""
    async with receiver(endpoints=[endpoint(account_of())]) as bench:
        answer = await bench.ask(wire(BODY, signed_headers(BODY, method="PUT"), method="PUT"))
    assert answer.status == 405
