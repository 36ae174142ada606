"""Mirror against a real HTTP server: what arrives there is what came here, and its answers are heeded."""

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from consumers.consumer import Consumer, Reject, TryLater
from consumers.metrics import ConsumerMetrics
from consumers.mirror.client import OldHandlers
from consumers.mirror.consumer import PUTS_OFF_AFTER, mirror
from consumers.mirror.settings import MirrorSettings, MirrorTarget
from providers.contract import Secret, Verdict
from providers.telnyx.signature import verifier
from schemas.envelope import Delivered, read_event
from schemas.records import StoredRecord
from schemas.times import from_millis
from schemas.webhook import Webhook, webhook_to_record
from tests.conftest import FakeClock
from tests.support.consumers import Bench, until
from tests.support.old_handler import OldHandler, Reply, old_handler
from tests.support.telnyx import account_of, webhook_of

VECTORS = json.loads((Path(__file__).parents[2] / "fixtures/telnyx/signature_vectors.json").read_text())
ACCEPTED = [vector for vector in VECTORS["vectors"] if vector["expect"] == "accept" and "body_base64" in vector]
BODY = b'{"data": {"id": "1"}}'


class Mirroring:
    """A mirror with one target, and the old handler at its other end."""

    def __init__(self, handler: OldHandler, clock: FakeClock) -> None:
        self.handler = handler
        self.clock = clock
        self.registry = CollectorRegistry()
        self.handlers = OldHandlers(8, clock)
        self.consumer = self.with_target()

    def with_target(self, *, give_up_after: float = 3600.0, **fields: Any) -> Consumer:
        """Make the consumer anew, with a target that has these settings."""
        target = MirrorTarget(**{"url": f"{self.handler.url}/old", "timeout": 5.0, **fields})
        settings = MirrorSettings(connections=8, give_up_after=give_up_after, targets={"old": target})
        self.registry = CollectorRegistry()
        self.consumer = mirror(settings, self.handlers, ConsumerMetrics(self.registry), self.clock)
        return self.consumer

    async def take(self, webhook: Webhook) -> None:
        """Give a webhook to the consumer's handler."""
        await self.consumer.handle(delivered(webhook))

    def count(self, outcome: str) -> float:
        """Return how many webhooks had that outcome."""
        labels = {"target": "old", "outcome": outcome}
        return self.registry.get_sample_value("hookline_consumer_mirrored_total", labels) or 0.0


def delivered(webhook: Webhook) -> Delivered:
    """Return a raw webhook as the loop gives it to a handler."""
    record = webhook_to_record(webhook, webhook.id)
    return read_event(StoredRecord(record.topic, 0, 0, record.timestamp, record.key, record.value, record.headers))


@pytest.fixture
async def mirroring(clock: FakeClock) -> AsyncIterator[Mirroring]:
    """Give a mirror and its old handler."""
    async with AsyncExitStack() as stack:
        made = Mirroring(await stack.enter_async_context(old_handler()), clock)
        stack.push_async_callback(made.handlers.close)
        yield made


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


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
async def test_what_is_not_taken_now_is_posted_again(mirroring: Mirroring, status: int) -> None:
    """No try is used up."""
    mirroring.handler.replies.append(Reply(status))
    with pytest.raises(TryLater) as later:
        await mirroring.take(webhook_of(BODY))
    assert 0 < later.value.seconds <= 1
    assert later.value.reason == "target_unwell"
    assert mirroring.count("postponed") == 1


@pytest.mark.parametrize("status", [429, 503, 500])
async def test_the_wish_of_the_old_handler_is_heeded(mirroring: Mirroring, status: int) -> None:
    """`Retry-After`, in seconds or as a date, and for five minutes at most."""
    for wish, seconds in (("17", 17), ("Thu, 01 Jan 2026 00:00:17 GMT", 17), ("1800", 300)):
        mirroring.with_target()
        mirroring.handler.replies.append(Reply(status, {"Retry-After": wish}))
        with pytest.raises(TryLater) as later:
            await mirroring.take(webhook_of(BODY))
        assert later.value.seconds == pytest.approx(seconds)


async def test_while_the_old_handler_is_unwell_nobody_calls_it(mirroring: Mirroring) -> None:
    """All webhooks of the target wait as long as it asked."""
    mirroring.handler.replies.append(Reply(503, {"Retry-After": "17"}))
    for body in (b"1", b"2"):
        with pytest.raises(TryLater):
            await mirroring.take(webhook_of(body))
    assert mirroring.handler.bodies == [b"1"]


async def test_one_that_it_fails_on_keeps_no_other_waiting(mirroring: Mirroring) -> None:
    """A 500 may be about that webhook alone."""
    mirroring.handler.replies.append(Reply(500))
    with pytest.raises(TryLater):
        await mirroring.take(webhook_of(b"1"))
    await mirroring.take(webhook_of(b"2"))
    assert mirroring.handler.bodies == [b"1", b"2"]


@pytest.mark.parametrize("reply", [Reply(hang=True), Reply(drop=True)], ids=["no answer", "broken connection"])
async def test_no_answer_is_trouble_of_the_old_handler(mirroring: Mirroring, reply: Reply) -> None:
    """Within the deadline of the configuration."""
    mirroring.with_target(timeout=0.2)
    mirroring.handler.replies.append(reply)
    with pytest.raises(TryLater) as later:
        await mirroring.take(webhook_of(BODY))
    assert later.value.reason == "target_unreachable"


async def test_nobody_there_is_trouble_of_the_old_handler(mirroring: Mirroring) -> None:
    """As while it is restarted."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        mirroring.with_target(url=f"http://127.0.0.1:{probe.getsockname()[1]}/old")
        with pytest.raises(TryLater) as later:
            await mirroring.take(webhook_of(BODY))
    assert later.value.reason == "target_unreachable"


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422, 302, 307, 304])
async def test_a_refusal_is_kept_as_a_dead_letter(mirroring: Mirroring, status: int) -> None:
    """A redirect counts as one; it is not followed."""
    mirroring.handler.replies.append(Reply(status, {"Location": f"{mirroring.handler.url}/elsewhere"}))
    with pytest.raises(Reject) as refused:
        await mirroring.take(webhook_of(BODY))
    assert refused.value.reason == f"refused_{status}"
    assert len(mirroring.handler.got) == 1
    assert mirroring.count("refused") == 1


async def test_a_refusal_is_passed_over_where_the_configuration_says_so(mirroring: Mirroring) -> None:
    """It is counted all the same."""
    mirroring.with_target(refused="skip")
    mirroring.handler.replies.append(Reply(404))
    await mirroring.take(webhook_of(BODY))
    assert mirroring.count("refused") == 1


@pytest.mark.parametrize("status", [425, 429, 502, 503, 504])
async def test_answers_of_a_target_that_is_away_or_full_let_all_wait(mirroring: Mirroring, status: int) -> None:
    """They are about no webhook in particular."""
    mirroring.handler.replies.append(Reply(status))
    for body in (b"1", b"2"):
        with pytest.raises(TryLater):
            await mirroring.take(webhook_of(body))
    assert mirroring.handler.bodies == [b"1"]


@pytest.mark.parametrize(
    ("status", "in_order", "given_up"), [(500, True, True), (502, True, False), (503, True, False), (500, False, False)]
)
async def test_while_nothing_goes_well_a_target_that_is_away_is_waited_for(
    mirroring: Mirroring, status: int, *, in_order: bool, given_up: bool
) -> None:
    """In order a 500 is given up all the same, since none of those behind it can prove that the handler works."""
    mirroring.with_target(in_order=in_order, give_up_after=0.0)
    for _ in range(2):
        mirroring.handler.replies.append(Reply(status, {"Retry-After": "0"}))
    with pytest.raises(TryLater):
        await mirroring.take(webhook_of(BODY))
    with pytest.raises(Reject if given_up else TryLater):
        await mirroring.take(webhook_of(BODY))


async def test_one_that_fails_for_long_while_others_go_well_is_given_up(mirroring: Mirroring) -> None:
    """It is to blame, and must not be posted for ever."""
    mirroring.with_target(give_up_after=0.0)
    mirroring.handler.replies.append(Reply(500))
    with pytest.raises(TryLater):
        await mirroring.take(webhook_of(b"bad"))
    mirroring.handler.replies.append(Reply(500))
    with pytest.raises(TryLater):
        await mirroring.take(webhook_of(b"bad"))
    await mirroring.take(webhook_of(b"good"))
    mirroring.handler.replies.append(Reply(500))
    with pytest.raises(Reject) as given_up:
        await mirroring.take(webhook_of(b"bad"))
    assert given_up.value.reason == "failed_500"
    assert mirroring.count("given_up") == 1


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


async def test_in_order_one_webhook_of_an_account_is_posted_at_a_time(mirroring: Mirroring) -> None:
    """The oldest of those in hand first."""
    consumer = mirroring.with_target(in_order=True)
    start = mirroring.clock()
    webhooks = [webhook_of(str(n).encode(), now=start + n) for n in (0, 3, 1, 2)]
    await asyncio.gather(*(consumer.handle(delivered(webhook)) for webhook in webhooks))
    assert mirroring.handler.bodies == [b"0", b"1", b"2", b"3"]
    assert mirroring.handler.most_at_once == 1


async def test_without_that_they_are_posted_side_by_side(mirroring: Mirroring) -> None:
    """As many as there are connections."""
    mirroring.handler.replies.extend([Reply(hang=True)] * 3)
    tasks = [asyncio.create_task(mirroring.take(webhook_of(str(n).encode()))) for n in range(3)]
    await until(lambda: mirroring.handler.at_once == 3)
    mirroring.handler.released.set()
    await asyncio.gather(*tasks)


async def test_in_order_later_ones_wait_for_one_that_failed(mirroring: Mirroring) -> None:
    """Earlier ones do not, and other accounts neither."""
    mirroring.with_target(in_order=True)
    start = mirroring.clock()
    mirroring.handler.replies.append(Reply(500))
    with pytest.raises(TryLater):
        await mirroring.take(webhook_of(b"1", now=start + 1))
    with pytest.raises(TryLater) as later:
        await mirroring.take(webhook_of(b"2", now=start + 2))
    assert later.value.reason == "behind_another"
    await mirroring.take(webhook_of(b"0", now=start))
    await mirroring.take(webhook_of(b"3", account="other", now=start + 3))
    await mirroring.take(webhook_of(b"1", now=start + 1))
    await mirroring.take(webhook_of(b"2", now=start + 2))
    assert mirroring.handler.bodies == [b"1", b"0", b"3", b"1", b"2"]


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


async def test_what_waits_for_long_waits_in_the_retry_topic(mirroring: Mirroring) -> None:
    """A target that is away keeps no place of the others; in order it has to, as only that keeps the order."""
    loose, strict = mirroring.with_target(), mirroring.with_target(in_order=True)
    assert (loose.keeps_order, loose.puts_off_after) == (False, PUTS_OFF_AFTER)
    assert strict.puts_off_after is None


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
