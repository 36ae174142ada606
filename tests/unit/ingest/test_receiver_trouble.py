"""The answer in time and of the right kind, whatever the log and our own code do (P1, P2, P3, P11)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from ingest.metrics import IngestMetrics
from ingest.publisher import GRACE, Publisher, PublishOutcome
from providers.contract import Provider
from schemas.events import Event, MessageReceived, WebhookUnrecognized
from schemas.topics import WEBHOOKS
from schemas.webhook import Webhook
from tests.support.receiver import Answer, Bench, MemoryLog, Mood, body_of, receiver, request_bytes, until
from tests.support.sample_provider import POLICY, SAMPLE, BrokenVerifier, endpoint, with_policy


async def timed(asked: Awaitable[Answer]) -> tuple[Answer, float]:
    """Return the answer and the seconds that it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    return await asked, loop.time() - began


def with_normalizer(normalize: Callable[[Webhook], tuple[Event, ...]]) -> Provider:
    """Return the sample provider with another normalizer."""
    return replace(SAMPLE, normalize=lambda webhook, _settings: normalize(webhook))


def reasons(bench: Bench) -> list[str]:
    """Return the reasons of the unrecognized events that are stored."""
    events = [delivered.event for delivered in bench.memory.events]
    return [event.reason for event in events if isinstance(event, WebhookUnrecognized)]


async def test_a_log_that_is_away_gets_the_retry_status_at_once() -> None:
    """503 with Retry-After, without waiting for anything."""
    async with receiver(MemoryLog(Mood.AWAY)) as bench:
        answer, seconds = await timed(bench.ask(request_bytes(body_of())))
        assert (answer.status, answer.headers["retry-after"], answer.body) == (503, "7", b"")
        assert seconds < POLICY.broker_wait / 2
        assert bench.value("append_failures_total", reason="unavailable") == 1
        assert bench.value("webhooks_total", account="main", outcome="unavailable") == 1


@pytest.mark.parametrize("honest", [True, False])
async def test_a_log_that_hangs_costs_no_more_than_the_broker_wait(*, honest: bool) -> None:
    """The answer is there before `answer_by`, even if the log forgets its own deadline."""
    memory = MemoryLog(Mood.HUNG, honest=honest)
    async with receiver(memory) as bench:
        answer, seconds = await timed(bench.ask(request_bytes(body_of())))
        assert answer.status == 503
        assert POLICY.broker_wait * 0.9 < seconds < POLICY.answer_by
        await until(lambda: memory.appending == 0)
        assert bench.value("append_failures_total", reason="unavailable" if honest else "timeout") == 1


async def test_a_slow_log_in_time_gets_the_success_status() -> None:
    """Slow is not away."""
    async with receiver(MemoryLog(delay=POLICY.broker_wait * 0.6)) as bench:
        assert (await bench.ask(request_bytes(body_of()))).status == 202


async def test_a_log_that_breaks_its_contract_is_a_log_that_is_away() -> None:
    """An unexpected exception gets the retry status and a count of its own."""
    async with receiver(MemoryLog(Mood.BROKEN)) as bench:
        assert (await bench.ask(request_bytes(body_of()))).status == 503
        assert bench.value("append_failures_total", reason="error") == 1


async def test_the_log_gets_what_is_left_of_answer_by() -> None:
    """With a body that came late, the wait is cut so that the answer still goes out in time."""
    provider = with_policy(answer_by=4.0, broker_wait=3.9, body_wait=3.0)
    memory = MemoryLog()
    async with receiver(memory, [endpoint(provider)]) as bench, bench.connect() as wire:
        request, loop = request_bytes(body_of()), asyncio.get_running_loop()
        await wire.send(request[:-4])
        await until(lambda: bench.value("bodies_in_flight") == 1)
        begun = loop.time()
        # The receiver has the first byte before `begun`, and the last after `late`.
        await until(lambda: loop.time() - begun >= 0.15)
        late = loop.time() - begun
        await wire.send(request[-4:])
        assert (await wire.answer()).status == 202
        assert 0 < memory.waits[0] <= 4.0 - late - GRACE < 3.9


async def test_a_slow_sender_has_used_up_its_own_time() -> None:
    """A body that took longer than `answer_by` is stored all the same: the wait counts from its end."""
    provider = with_policy(answer_by=0.3, broker_wait=0.2, body_wait=2.0)
    memory = MemoryLog()
    async with receiver(memory, [endpoint(provider)]) as bench, bench.connect() as wire:
        request = request_bytes(body_of())
        await wire.send(request[:-4])
        await until(lambda: bench.value("bodies_in_flight") == 1)
        begun = asyncio.get_running_loop().time()
        await until(lambda: asyncio.get_running_loop().time() - begun > 0.3)
        await wire.send(request[-4:])
        assert (await wire.answer()).status == 202
        assert memory.waits == [pytest.approx(0.2, abs=0.05)]


async def test_over_the_limit_of_webhooks_in_hand_the_sender_is_asked_to_come_again() -> None:
    """The third of two gets the retry status at once; the two are not disturbed."""
    memory = MemoryLog(gate=asyncio.Event())
    assert memory.gate is not None
    async with receiver(memory, [endpoint(with_policy(broker_wait=5.0, answer_by=9.0))], max_in_flight=2) as bench:
        held = [asyncio.create_task(bench.ask(request_bytes(body_of(id=f"m{number}")))) for number in range(2)]
        await until(lambda: memory.appending == 2)
        answer = await bench.ask(request_bytes(body_of()))
        assert (answer.status, answer.headers["retry-after"]) == (503, "7")
        assert bench.value("webhooks_total", account="main", outcome="overloaded") == 1
        assert bench.value("webhooks_in_flight") == 2
        memory.gate.set()
        assert [(await each).status for each in held] == [202, 202]
        assert bench.value("webhooks_in_flight") == 0
        assert (await bench.ask(request_bytes(body_of()))).status == 202


async def test_the_retry_status_is_that_of_the_table() -> None:
    """A provider that retries after another status gets that one."""
    provider = with_policy(retry_status=429, retry_after=30)
    async with receiver(MemoryLog(Mood.AWAY), [endpoint(provider)]) as bench:
        answer = await bench.ask(request_bytes(body_of()))
        assert (answer.status, answer.headers["retry-after"]) == (429, "30")


async def test_a_verifier_that_raises_is_our_fault() -> None:
    """The sender is asked to come again; nothing is stored; the bug is counted."""
    async with receiver(endpoints=[endpoint(verifier=BrokenVerifier())]) as bench:
        answer = await bench.ask(request_bytes(body_of()))
        assert (answer.status, answer.headers["retry-after"], answer.body) == (503, "7", b"")
        assert bench.memory.records == []
        assert bench.value("ingest_faults_total", account="main", place="verify") == 1


async def test_a_normalizer_that_raises_costs_no_webhook() -> None:
    """The raw record is stored with one unrecognized event, and the answer is success."""

    def broken(_webhook: Webhook) -> tuple[Event, ...]:
        raise KeyError("a bug")

    async with receiver(endpoints=[endpoint(with_normalizer(broken))]) as bench:
        assert (await bench.ask(request_bytes(body_of()))).status == 202
        assert [webhook.body for webhook in bench.memory.webhooks] == [body_of()]
        assert reasons(bench) == ["normalizer_failed"]
        assert bench.value("ingest_faults_total", account="main", place="normalize") == 1


async def test_a_normalizer_that_returns_nothing_costs_no_webhook() -> None:
    """Nothing is dropped without a trace."""
    async with receiver(endpoints=[endpoint(with_normalizer(lambda _webhook: ()))]) as bench:
        assert (await bench.ask(request_bytes(body_of()))).status == 202
        assert reasons(bench) == ["normalizer_failed"]


async def test_an_event_that_cannot_be_written_costs_no_webhook() -> None:
    """JSON has no lone surrogates; the raw record is kept, with an unrecognized event."""

    def unwritable(webhook: Webhook) -> tuple[Event, ...]:
        return (
            MessageReceived(
                id="1", provider="sample", account=webhook.account, received_at=webhook.received_at, text="\ud800"
            ),
        )

    async with receiver(endpoints=[endpoint(with_normalizer(unwritable))]) as bench:
        assert (await bench.ask(request_bytes(body_of()))).status == 202
        assert reasons(bench) == ["encoding_failed"]
        assert bench.value("ingest_faults_total", account="main", place="encode") == 1


async def test_events_that_the_log_refuses_are_set_aside() -> None:
    """The raw record is kept, one unrecognized event stands for the others, and the answer is success."""
    memory = MemoryLog(refuses=lambda record: record.header("ce_type") == b"messaging.message.received")
    async with receiver(memory) as bench:
        assert (await bench.ask(request_bytes(body_of("+1", "+2")))).status == 202
        assert [webhook.body for webhook in memory.webhooks] == [body_of("+1", "+2")]
        assert reasons(bench) == ["record_refused"]
        assert bench.value("append_failures_total", reason="record_refused") == 1
        assert bench.value("events_total", account="main", type="messaging.message.received") == 0


async def test_a_raw_record_that_the_log_refuses_is_never_acknowledged() -> None:
    """The topic's limit is ours to mend, so the sender is asked to come again."""
    memory = MemoryLog(refuses=lambda record: record.topic == WEBHOOKS.name)
    async with receiver(memory) as bench:
        assert (await bench.ask(request_bytes(body_of()))).status == 503
        assert memory.records == []
        assert bench.value("append_failures_total", reason="record_refused") == 2


async def test_readiness_shows_that_the_log_refuses_webhooks_until_it_takes_one() -> None:
    """An operator sees it; the receiver goes on, as it may be one webhook alone that is too large."""
    refusing = [True]
    memory = MemoryLog(refuses=lambda _record: refusing[0])
    async with receiver(memory) as bench:
        await bench.ask(request_bytes(body_of()))
        seen = bench.server.readiness()
        assert (seen.ready, seen.degraded, seen.reason) == (True, True, "webhook_refused_by_log")
        refusing[0] = False
        await bench.ask(request_bytes(body_of()))
        assert not bench.server.readiness().degraded


async def test_events_that_grow_out_of_bounds_are_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory and log are bounded whatever an adapter makes of a body; the bytes are kept and acknowledged."""
    monkeypatch.setattr("ingest.publisher.MAX_EVENT_BYTES", 2000)
    async with receiver() as bench:
        body = body_of(*(f"+1312555{number:04}" for number in range(40)))
        assert (await bench.ask(request_bytes(body))).status == 202
        assert [webhook.body for webhook in bench.memory.webhooks] == [body]
        assert reasons(bench) == ["too_large_together"]


async def test_the_second_append_gets_what_the_first_has_left() -> None:
    """Two tries share one deadline."""
    memory = MemoryLog(delay=0.1, refuses=lambda record: record.topic != WEBHOOKS.name)
    async with receiver(memory) as bench:
        await bench.ask(request_bytes(body_of()))
        assert memory.waits[1] <= memory.waits[0] - 0.09


async def test_a_retry_after_a_lost_confirmation_has_the_same_ids() -> None:
    """What may be stored already is stored again under the ids that it has."""
    memory = MemoryLog()
    async with receiver(memory, duplicate_window=0) as bench:
        await bench.ask(request_bytes(body_of()))
        await bench.ask(request_bytes(body_of(), headers=[(b"X-Attempt", b"2")]))
        ids = [record.header("ce_id") for record in memory.records]
        assert ids[:2] == ids[2:]


async def test_publish_never_raises() -> None:
    """A wait of nothing, or of less than nothing, is no error."""
    publisher = Publisher(MemoryLog(Mood.HUNG).log, IngestMetrics(CollectorRegistry()))
    webhook = Webhook(
        provider="sample",
        account="main",
        method="POST",
        target="/webhooks/main",
        headers=(),
        body=body_of(),
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    outcomes = [await publisher.publish(webhook, (), wait) for wait in (0.0, -1.0, 0.01)]
    assert outcomes == [PublishOutcome.UNAVAILABLE] * 3


def test_only_what_is_durable_may_be_acknowledged() -> None:
    """P1, in one line."""
    assert {outcome for outcome in PublishOutcome if outcome.durable} == {
        PublishOutcome.STORED,
        PublishOutcome.SET_ASIDE,
        PublishOutcome.SPOOLED,
        PublishOutcome.DUPLICATE,
    }
