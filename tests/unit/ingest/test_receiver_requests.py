"""What the receiver takes, and that it keeps every byte of it."""

import gzip
from datetime import UTC, datetime

import pytest

from ingest.capture import CREDENTIALS
from providers.redaction import SECRET_PARAMETERS
from schemas.events import MessageReceived, WebhookUnrecognized
from tests.support.receiver import NOW, body_of, chunked, receiver, request_bytes, until
from tests.support.sample_provider import SECRET, endpoint, with_policy

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_webhook_by_get_may_carry_long_texts_in_its_query() -> None:
    """5000 characters of Chinese, percent-encoded, are 45 kB."""
    target = "/webhooks/main?text=" + "%E4%BD%A0" * 5000
    async with receiver() as bench:
        assert (await bench.ask(request_bytes(method="GET", target=target, length=False))).status == 202
        assert [webhook.target for webhook in bench.memory.webhooks] == [target]


async def test_a_proved_webhook_is_stored_and_answered_with_the_success_status() -> None:
    """The answer is exactly the provider's success status, with an empty body."""
    async with receiver() as bench:
        answer = await bench.ask(request_bytes(body_of()))
        assert (answer.status, answer.body) == (202, b"")
        assert [webhook.body for webhook in bench.memory.webhooks] == [body_of()]
        assert bench.value("webhooks_total", account="main", outcome="stored") == 1


async def test_raw_record_and_events_go_into_one_append() -> None:
    """One webhook with three recipients is one append of four records."""
    async with receiver() as bench:
        await bench.ask(request_bytes(body_of("+1", "+2", "+3")))
        assert bench.memory.batches == [4]
        assert [delivered.event.TYPE for delivered in bench.memory.events] == [MessageReceived.TYPE] * 3
        assert bench.value("events_total", account="main", type="messaging.message.received") == 3


async def test_events_name_the_raw_record_that_they_came_from() -> None:
    """`ce_webhookid` of every event is the id of the raw record."""
    async with receiver() as bench:
        await bench.ask(request_bytes(body_of("+1", "+2")))
        (webhook,) = bench.memory.webhooks
        assert {delivered.envelope.webhook_id for delivered in bench.memory.events} == {webhook.id}


async def test_the_raw_record_tells_where_it_came_from() -> None:
    """Provider, account, tenant, method, target, peer, key and time are kept."""
    async with receiver() as bench:
        await bench.ask(request_bytes(body_of(), target="/webhooks/main?x=1&y=%20"))
        (webhook,) = bench.memory.webhooks
        assert (webhook.provider, webhook.account, webhook.tenant) == ("sample", "main", "acme")
        assert (webhook.method, webhook.target) == ("POST", "/webhooks/main?x=1&y=%20")
        assert (webhook.peer, webhook.verified_key, webhook.ingress) == ("127.0.0.1", "shared", "push")
        assert webhook.received_at == datetime.fromtimestamp(NOW, UTC)


async def test_headers_keep_order_repeats_and_foreign_bytes() -> None:
    """Names come in lower case; all else is as it was sent, byte for byte."""
    sent = ((b"X-One", b"a"), (b"X-Odd", b"caf\xe9 \xff\xfe"), (b"X-One", b"b"), (b"x-utf", "é".encode()))
    async with receiver() as bench:
        assert (await bench.ask(request_bytes(body_of(), headers=sent))).status == 202
        kept = [
            (name.encode(), value.encode("utf-8", "surrogateescape"))
            for name, value in bench.memory.webhooks[0].headers
            if name.startswith("x-")
        ]
        assert kept == [(name.lower(), value) for name, value in sent]


async def test_credentials_never_reach_the_record() -> None:
    """Authorization, cookies and the provider's secret headers are left out; the verifier has seen them."""
    secrets = tuple((name.title().encode(), b"k1") for name in CREDENTIALS)
    async with receiver() as bench:
        assert (await bench.ask(request_bytes(body_of(), headers=secrets))).status == 202
        stored = repr(bench.memory.records)
        assert not [secret for secret in ("k1", SECRET) if secret in stored]
        assert [name for name, _ in bench.memory.webhooks[0].headers] == ["host", "content-length"]


def test_common_names_of_secrets_are_listed() -> None:
    """What proxies and people call them."""
    assert {"x-secret", "x-auth", "x-original-authorization", "x-forwarded-authorization"} <= CREDENTIALS
    assert {"key", "pwd", "auth", "signature_secret", "token", "api_key"} <= SECRET_PARAMETERS


@pytest.mark.parametrize("name", ["TOKEN", "t%6Fken", *sorted(SECRET_PARAMETERS)])
async def test_secret_parameters_are_redacted_however_they_are_spelled(name: str) -> None:
    """The value goes, its place and the other parameters stay."""
    async with receiver() as bench:
        target = f"/webhooks/main?a=1&{name}=hidden&b=2"
        await bench.ask(request_bytes(body_of(), target=target))
        assert bench.memory.webhooks[0].target == f"/webhooks/main?a=1&{name}=REDACTED&b=2"
        assert "hidden" not in repr(bench.memory.records)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("http://user:s3cret@hooks.example/webhooks/main", "http://hooks.example/webhooks/main"),
        ("HTTP://s3cret@hooks.example/webhooks/main?a=b@c", "HTTP://hooks.example/webhooks/main?a=b@c"),
        ("http://a@s3cret:b@hooks.example/webhooks/main", "http://hooks.example/webhooks/main"),
        ("http://hooks.example/webhooks/main?at=a@b", "http://hooks.example/webhooks/main?at=a@b"),
    ],
)
async def test_credentials_of_an_absolute_target_never_reach_the_record(sent: str, kept: str) -> None:
    """What stands before the host goes, all else stays."""
    async with receiver() as bench:
        assert (await bench.ask(request_bytes(body_of(), target=sent))).status == 202
        assert bench.memory.webhooks[0].target == kept
        assert "s3cret" not in repr(bench.memory.records)


async def test_a_body_and_a_query_of_the_same_bytes_are_two_webhooks() -> None:
    """By GET and by POST, the ids differ."""
    async with receiver() as bench:
        await bench.ask(request_bytes(b"a=1"))
        await bench.ask(request_bytes(method="GET", target="/webhooks/main?a=1", length=False))
        first, second = bench.memory.webhooks
        assert first.id != second.id


async def test_the_verifier_sees_what_the_record_does_not_keep() -> None:
    """A sender that is proved by a secret parameter alone is proved."""
    async with receiver() as bench:
        answer = await bench.ask(request_bytes(body_of(), secret=None, target=f"/webhooks/main?token={SECRET}"))
        assert answer.status == 202
        assert SECRET not in repr(bench.memory.records)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (TRACE, TRACE.decode()),
        (TRACE.upper(), None),
        (TRACE.replace(b"00-", b"ff-", 1), None),
        (b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01", None),
        (b"nonsense", None),
    ],
)
async def test_only_a_valid_trace_parent_travels_on(sent: bytes, kept: str | None) -> None:
    """Raw record and event carry it; a wrong one stays among the headers as sent."""
    async with receiver() as bench:
        await bench.ask(request_bytes(body_of(), headers=[(b"traceparent", sent)]))
        assert bench.memory.webhooks[0].traceparent == kept
        assert bench.memory.events[0].envelope.traceparent == kept
        assert bench.memory.webhooks[0].header("traceparent") == sent.decode()


@pytest.mark.parametrize("kind", [b"text/plain", b"application/x-www-form-urlencoded", b"", b"\xff/\xfe"])
async def test_the_content_type_does_not_matter(kind: bytes) -> None:
    """What is proved is stored, whatever it calls itself."""
    async with receiver() as bench:
        assert (await bench.ask(request_bytes(body_of(), headers=[(b"Content-Type", kind)]))).status == 202
        assert len(bench.memory.webhooks) == 1


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"nonsense"])
async def test_an_encoded_body_is_kept_as_sent(coding: bytes) -> None:
    """Nothing is decompressed: a signature is over the bytes on the wire."""
    body = gzip.compress(body_of(), mtime=0)
    async with receiver() as bench:
        assert (await bench.ask(request_bytes(body, headers=[(b"Content-Encoding", coding)]))).status == 202
        assert bench.memory.webhooks[0].body == body


async def test_a_chunked_body_is_put_together() -> None:
    """Chunks are transport; the record has the body."""
    body = body_of()
    head = request_bytes(headers=[(b"Transfer-Encoding", b"chunked")], length=False)
    async with receiver() as bench:
        assert (await bench.ask(head + chunked(body[:7], body[7:]))).status == 202
        assert bench.memory.webhooks[0].body == body


async def test_an_empty_body_is_a_webhook_too() -> None:
    """It is stored with an event that says it is not understood."""
    async with receiver() as bench:
        assert (await bench.ask(request_bytes(b""))).status == 202
        assert [delivered.event.TYPE for delivered in bench.memory.events] == [WebhookUnrecognized.TYPE]


async def test_get_is_taken_where_the_policy_has_it() -> None:
    """A webhook by GET keeps its query as its content."""
    async with receiver() as bench:
        assert (await bench.ask(request_bytes(method="GET", target="/webhooks/main?id=5", length=False))).status == 202
        assert bench.memory.webhooks[0].method == "GET"


async def test_a_sender_that_waits_for_100_continue_is_told_to_go_on() -> None:
    """The body is asked for, and the answer follows."""
    body = body_of()
    head = request_bytes(headers=[(b"Expect", b"100-continue"), (b"Content-Length", b"%d" % len(body))], length=False)
    async with receiver() as bench, bench.connect() as wire:
        await wire.send(head)
        assert (await wire.answer()).status == 100
        await wire.send(body)
        assert (await wire.answer()).status == 202
        assert bench.memory.webhooks[0].body == body


async def test_a_body_that_is_too_large_is_not_asked_for() -> None:
    """The refusal comes instead of 100 Continue."""
    head = request_bytes(headers=[(b"Expect", b"100-continue"), (b"Content-Length", b"999999")], length=False)
    async with receiver() as bench:
        assert (await bench.ask(head)).status == 413


async def test_a_connection_serves_many_requests() -> None:
    """Keep-alive works, and bodies do not mix."""
    async with receiver() as bench, bench.connect() as wire:
        for number in range(5):
            await wire.send(request_bytes(body_of(id=str(number))))
            assert (await wire.answer()).status == 202
        assert [webhook.body for webhook in bench.memory.webhooks] == [body_of(id=str(number)) for number in range(5)]


async def test_pipelined_requests_are_answered_in_order() -> None:
    """Two good ones around a bad one, sent in one piece."""
    good, bad = request_bytes(body_of()), request_bytes(body_of(), secret="wrong")
    async with receiver() as bench, bench.connect() as wire:
        await wire.send(good + bad + good)
        assert [(await wire.answer()).status for _ in range(3)] == [202, 401, 202]


async def test_a_percent_encoded_path_names_the_same_account() -> None:
    """`m%61in` is `main`; the record keeps the target as sent."""
    async with receiver() as bench:
        assert (await bench.ask(request_bytes(body_of(), target="/webhooks/m%61in"))).status == 202
        assert bench.memory.webhooks[0].target == "/webhooks/m%61in"


async def test_a_target_in_absolute_form_is_taken() -> None:
    """RFC 9112, 3.2.2."""
    async with receiver() as bench:
        assert (await bench.ask(request_bytes(body_of(), target="http://hooks.example/webhooks/main"))).status == 202


async def test_a_request_in_single_bytes_arrives_whole() -> None:
    """No boundary between packets matters."""
    body = body_of()
    async with receiver(endpoints=[endpoint(with_policy(body_wait=5.0))]) as bench, bench.connect() as wire:
        for byte in request_bytes(body):
            await wire.send(bytes([byte]))
        assert (await wire.answer()).status == 202
        assert bench.memory.webhooks[0].body == body


async def test_a_sender_that_leaves_after_the_body_is_stored_all_the_same() -> None:
    """The webhook was whole; its retry will find its id."""
    async with receiver() as bench:
        bench.memory.delay = 0.05
        async with bench.connect() as wire:
            await wire.send(request_bytes(body_of()))
            await until(lambda: bench.memory.appending == 1)
            wire.reset()
        await until(lambda: len(bench.memory.webhooks) == 1)
        assert bench.value("webhooks_total", account="main", outcome="stored") == 1


async def test_a_sender_that_leaves_within_the_body_is_not_stored() -> None:
    """Half a webhook is none; the receiver goes on."""
    async with receiver() as bench:
        async with bench.connect() as wire:
            await wire.send(request_bytes(body_of())[:-5])
            await until(lambda: bench.value("bodies_in_flight") == 1)
            wire.reset()
        await until(lambda: bench.value("webhooks_total", account="main", outcome="abandoned") == 1)
        assert bench.memory.records == []
        assert (await bench.ask(request_bytes(body_of()))).status == 202


async def test_each_account_has_its_own_address() -> None:
    """The path chooses, and the record says so."""
    async with receiver(endpoints=[endpoint(name="east"), endpoint(name="west")]) as bench:
        await bench.ask(request_bytes(body_of(), target="/webhooks/west"))
        assert [webhook.account for webhook in bench.memory.webhooks] == ["west"]
