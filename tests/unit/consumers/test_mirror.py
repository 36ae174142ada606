"""Mirror against a real HTTP server: what arrives there is what came here."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consumers.consumer import TryLater
from consumers.mirror.settings import MirrorSettings, MirrorTarget
from providers.contract import Secret, Verdict
from providers.telnyx.signature import verifier
from schemas.envelope import read_event
from schemas.records import StoredRecord
from schemas.times import from_millis
from schemas.webhook import webhook_to_record
from tests.support.consumers import Bench, until
from tests.support.mirroring import Mirroring
from tests.support.old_handler import Reply
from tests.support.telnyx import account_of, webhook_of

VECTORS = json.loads((Path(__file__).parents[2] / "fixtures/telnyx/signature_vectors.json").read_text())
ACCEPTED = [vector for vector in VECTORS["vectors"] if vector["expect"] == "accept" and "body_base64" in vector]
BODY = b'{"data": {"id": "1"}}'


@pytest.mark.parametrize("vector", ACCEPTED, ids=lambda vector: vector["name"])
async def test_a_signature_verifies_at_the_old_handler(mirroring: Mirroring, vector: dict[str, Any]) -> None:
    """Of every fixed vector that we accept: the bytes and the signature's fields are what came."""
    body = base64.b64decode(vector["body_base64"])
    headers = tuple((name.lower(), value) for name, value in vector["headers"].items())
    await mirroring.take(replace(webhook_of(body), headers=headers))
    (got,) = mirroring.handler.got
    key = VECTORS["keys"][vector["public_key"]]["public_key_base64"]
    found = verifier(account_of(key)).verify(got, vector["now_unix"])
    assert found.verdict is Verdict.VERIFIED
    assert got.body == body
    assert mirroring.count("posted") == 1


async def test_what_we_would_refuse_is_refused_there(mirroring: Mirroring) -> None:
    """The check of the test above can fail."""
    await mirroring.take(replace(webhook_of(BODY), body=BODY + b" "))
    (got,) = mirroring.handler.got
    assert verifier(account_of()).verify(got, mirroring.clock()).verdict is Verdict.SIGNATURE_MISMATCH


async def test_method_query_and_fields_are_those_that_came(mirroring: Mirroring) -> None:
    """Repeated fields repeated, in their order; nothing of the client's own is added."""
    headers = (("x-sign", "one"), ("content-type", "text/odd; a=b"), ("x-sign", "two"), ("x-sign", "one"))
    webhook = replace(webhook_of(BODY, target="/webhooks/main?b=2&a=%2f&a="), method="PUT", headers=headers)
    await mirroring.take(webhook)
    (got,) = mirroring.handler.got
    assert (got.method, got.target) == ("PUT", "/old?b=2&a=%2f&a=")
    assert mirroring.handler.fields("x-sign") == ["one", "two", "one"]
    assert {name for name, _ in got.headers} == {"x-sign", "content-type", "host", "content-length"}


async def test_a_webhook_by_get_has_no_body(mirroring: Mirroring) -> None:
    """Its query is what it says."""
    await mirroring.take(replace(webhook_of(b"", target="/webhooks/main?id=7"), method="GET", headers=()))
    (got,) = mirroring.handler.got
    assert (got.method, got.target, got.body) == ("GET", "/old?id=7", b"")
    assert {name for name, _ in got.headers} == {"host"}


async def test_a_large_body_arrives_whole(mirroring: Mirroring) -> None:
    """The files of an MMS are in it."""
    body = bytes(range(256)) * 12_000
    await mirroring.take(webhook_of(body))
    assert mirroring.handler.bodies == [body]
    assert mirroring.handler.fields("content-length") == [str(len(body))]


async def test_a_compressed_body_stays_as_it_came(mirroring: Mirroring) -> None:
    """With the field that says so: the signature is over these bytes."""
    await mirroring.take(replace(webhook_of(b"\x1f\x8bxx"), headers=(("content-encoding", "gzip"),)))
    assert mirroring.handler.bodies == [b"\x1f\x8bxx"]
    assert mirroring.handler.fields("content-encoding") == ["gzip"]


async def test_fields_of_the_configuration_take_the_place_of_those_that_came(mirroring: Mirroring) -> None:
    """So a secret comes back that the raw record never held."""
    mirroring.with_target(headers={"X-Secret": "s3cret", "Host": "old.example.com"})
    await mirroring.take(replace(webhook_of(BODY), headers=(("x-secret", "stale"), ("x-secret", "stale"))))
    assert mirroring.handler.fields("x-secret") == ["s3cret"]
    assert mirroring.handler.fields("host") == ["old.example.com"]


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_any_success_is_one(mirroring: Mirroring, status: int) -> None:
    """Old handlers answer as they like."""
    mirroring.handler.replies.append(Reply(status))
    await mirroring.take(webhook_of(BODY))
    assert mirroring.count("posted") == 1


async def test_what_is_too_old_is_not_posted(mirroring: Mirroring) -> None:
    """Where the configuration has a limit; the moment counts at which it was received."""
    mirroring.with_target(max_age=60.0)
    await mirroring.take(webhook_of(b"fresh", now=mirroring.clock() - 60))
    await mirroring.take(webhook_of(b"old", now=mirroring.clock() - 61))
    assert mirroring.handler.bodies == [b"fresh"]
    assert mirroring.count("too_old") == 1


async def test_without_a_limit_nothing_is_too_old(mirroring: Mirroring) -> None:
    """A backlog is posted to its end."""
    await mirroring.take(webhook_of(BODY, now=mirroring.clock() - 10_000_000))
    assert mirroring.count("posted") == 1


async def test_what_came_by_a_poll_is_not_posted(mirroring: Mirroring) -> None:
    """The old handler never got such."""
    await mirroring.take(replace(webhook_of(BODY), ingress="poll"))
    assert mirroring.handler.got == []
    assert mirroring.count("not_pushed") == 1


async def test_without_its_secret_a_target_gets_nothing(mirroring: Mirroring) -> None:
    """Its webhooks wait: to refuse them would be the old handler's only answer."""
    mirroring.with_target(headers={"X-Secret": "env:NOT_THERE"})
    with pytest.raises(TryLater) as later:
        await mirroring.take(webhook_of(BODY))
    assert later.value.reason == "target_secret_missing"
    assert mirroring.handler.got == []


async def test_an_account_without_a_target_is_passed_over(mirroring: Mirroring) -> None:
    """Where each target names its own."""
    mirroring.with_target(accounts=("other",))
    await mirroring.take(webhook_of(BODY))
    await mirroring.take(webhook_of(b"theirs", account="other"))
    assert mirroring.handler.bodies == [b"theirs"]


async def test_the_whole_way_from_the_raw_topic(mirroring: Mirroring, bench: Bench) -> None:
    """The loop gives raw records to the handler, and commits what is posted; a replay is passed over."""
    mirroring.handler.replies.append(Reply(503, {"Retry-After": "0"}))
    records = [webhook_to_record(webhook, webhook.id) for webhook in (webhook_of(b"1"), webhook_of(b"2"))]
    for record in records:
        bench.log.put(record)
    bench.log.put(replace(records[0], headers=(*records[0].headers, ("ce_replayid", b"r"))))
    bench.run(mirroring.consumer)
    await until(lambda: bench.log.done("mirror") == 3)
    assert sorted(mirroring.handler.bodies[1:]) == [b"1", b"2"]
    assert bench.count("records_total", consumer="mirror", outcome="replay_skipped") == 1


async def test_a_record_that_is_no_webhook_is_a_dead_letter(mirroring: Mirroring, bench: Bench) -> None:
    """It says that it is one."""
    record = webhook_to_record(webhook_of(BODY), "id")
    headers = tuple(pair for pair in record.headers if pair[0] != "http_method")
    bench.log.put(replace(record, headers=headers))
    bench.run(mirroring.consumer)
    await until(lambda: bench.log.on("messaging.webhooks.v1.mirror.dlq"))
    assert mirroring.handler.got == []


async def test_the_moment_of_receipt_outlives_a_redrive(mirroring: Mirroring) -> None:
    """A redriven record has a timestamp of its own; `ce_time` is the webhook's."""
    record = webhook_to_record(webhook_of(BODY), "id")
    stored = StoredRecord(record.topic, 0, 0, record.timestamp + 5000, record.key, record.value, record.headers)
    assert read_event(stored).event.received_at == from_millis(record.timestamp)
    assert mirroring.count("posted") == 0


def test_a_secret_is_not_shown_by_the_settings() -> None:
    """Logs and tracebacks print what stands in them."""
    target = MirrorTarget(url="http://x", headers={"X-Secret": Secret("s3cret", "env:S").value})
    assert "s3cret" not in repr(MirrorSettings(targets={"old": target}))
