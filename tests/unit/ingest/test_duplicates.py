"""The window of recently stored webhooks: what counts as a repeat, and what is remembered when."""

import asyncio
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from ingest.duplicates import Content, Duplicates, content_of
from ingest.metrics import IngestMetrics
from ingest.publisher import Publisher, PublishOutcome
from ingest.storing import Incoming, Storing
from providers.contract import Provider
from schemas.webhook import Webhook
from tests.support.receiver import MemoryLog
from tests.support.sample_provider import SAMPLE

WEBHOOK = Webhook(
    provider="sample",
    account="main",
    method="POST",
    target="/webhooks/main",
    headers=(("content-type", "application/json"), ("x-attempt", "1")),
    body=b'{"id":"1"}',
    received_at=datetime(2026, 1, 1, tzinfo=UTC),
)


def counting(counted: Callable[[bytes], bytes | None]) -> Provider:
    """Return a provider that says this of what counts in a body."""
    return replace(SAMPLE, content=counted)


def content(webhook: Webhook, provider: Provider = SAMPLE) -> Content:
    """Return what makes the webhook a repeat."""
    return content_of(provider, webhook, webhook.id)


def test_the_same_content_by_another_delivery_is_a_repeat() -> None:
    """Time, peer and headers of the delivery do not count."""
    later = replace(WEBHOOK, received_at=datetime(2026, 1, 2, tzinfo=UTC), peer="192.0.2.1")
    assert content(replace(later, headers=(*WEBHOOK.headers[:1], ("x-attempt", "2")))) == content(WEBHOOK)


@pytest.mark.parametrize(
    "change",
    [
        {"body": b'{"id":"2"}'},
        {"account": "other"},
        {"body": b"", "target": "/webhooks/main?state=2"},
        {"target": "/webhooks/main?state=2"},
        {"method": "GET"},
        {"headers": (("content-type", "text/xml"),)},
    ],
)
def test_whatever_a_normalizer_may_look_at_makes_another_content(change: dict[str, object]) -> None:
    """A new state is never taken for a repeat."""
    assert content(replace(WEBHOOK, **change)) != content(WEBHOOK)  # type: ignore[arg-type] # one field at a time


@pytest.mark.parametrize("change", [{"account": "other"}, {"target": "/webhooks/main?s=2"}, {"method": "PUT"}])
def test_what_is_around_the_body_counts_where_a_part_of_the_body_does(change: dict[str, object]) -> None:
    """Whatever the provider says of the body."""
    same = counting(lambda _body: b"same")
    assert content(replace(WEBHOOK, body=b"{}"), same) == content(WEBHOOK, same)
    assert content(replace(WEBHOOK, **change), same) != content(WEBHOOK, same)  # type: ignore[arg-type] # as above


def test_the_path_does_not_count() -> None:
    """It names the account, which counts: percent-encoded, or at another URL of the same account."""
    assert content(replace(WEBHOOK, target="/webhooks/m%61in")) == content(WEBHOOK)


def test_a_whole_body_is_never_the_counted_part_of_another() -> None:
    """Each kind has digests of its own."""
    everything = counting(lambda body: body)
    assert content(WEBHOOK, everything) != content(WEBHOOK)
    assert content(WEBHOOK, counting(lambda _body: WEBHOOK.id.encode())) != content(WEBHOOK)


def test_a_provider_that_breaks_its_contract_costs_no_webhook() -> None:
    """Every byte counts then."""

    def broken(_body: bytes) -> bytes:
        raise ZeroDivisionError

    assert content(WEBHOOK, counting(broken)) == content(WEBHOOK)


def test_a_full_window_takes_no_more_than_the_page_says() -> None:
    """About 200 bytes a webhook (`duplicate_window`), however many go through."""
    size, window = 2_000, Duplicates(2_000)
    tracemalloc.start()
    try:
        for number in range(5 * size):
            window.end(number.to_bytes(16), number + 0.5)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 250 * size


async def test_a_content_is_known_only_after_it_is_durable() -> None:
    """Not while it is on its way, and not where it failed."""
    window = Duplicates(2)
    window.begin(b"a")
    assert window.stored_at(b"a") is None
    window.end(b"a", None)
    assert window.stored_at(b"a") is None
    window.begin(b"a")
    window.end(b"a", 12.5)
    assert window.stored_at(b"a") == 12.5


async def test_whoever_waits_for_the_first_copy_is_told_how_it_went() -> None:
    """The future holds whether it became durable."""
    window = Duplicates(2)
    for came_at in (None, 1.0):
        window.begin(b"a")
        waiting = window.on_way(b"a")
        assert waiting is not None
        window.end(b"a", came_at)
        assert waiting.result() is (came_at is not None)
        assert window.on_way(b"a") is None


def window_with(*spooled: str) -> Duplicates:
    """Return a window that knows these as waiting in the spool, each by its id as content, and `b"log"` as stored."""
    window = Duplicates(10)
    window.end(b"log", 1.0)
    for name in spooled:
        window.end(name.encode(), 1.0, name)
    return window


def known(window: Duplicates, *contents: bytes) -> list[bytes]:
    """Return which of them the window knows."""
    return [each for each in contents if window.stored_at(each) is not None]


def test_a_spooled_webhook_that_is_damaged_is_forgotten() -> None:
    """That one alone: the provider's next attempt heals it."""
    window = window_with("a", "b")
    window.damaged("a")
    assert known(window, b"a", b"b", b"log") == [b"b", b"log"]


def test_damage_without_an_id_forgets_all_that_wait_in_the_spool() -> None:
    """It may be any of them; what is in the log is not touched, nor what was drained."""
    window = window_with("a", "b", "c")
    window.drained(["b"])
    window.damaged(None)
    assert known(window, b"a", b"b", b"c", b"log") == [b"b", b"log"]


def test_two_contents_of_one_id_in_the_spool_are_not_mixed_up() -> None:
    """The later one is not remembered, so that the damage of either leaves nothing known that is lost."""
    window = window_with("a")
    window.end(b"another query", 2.0, "a")
    assert known(window, b"a", b"another query") == [b"a"]


@given(st.lists(st.integers(0, 30)), st.integers(0, 4))
def test_what_is_known_of_the_spool_has_the_size_of_the_window(spooled: list[int], size: int) -> None:
    """However many wait there."""
    window = Duplicates(size)
    for number in spooled:
        window.end(bytes([number]), 1.0, str(number))
    assert len(window._spooled) <= size


def storing(memory: MemoryLog) -> Storing:
    """Return what stores webhooks in that log, without a spool."""
    metrics = IngestMetrics(CollectorRegistry())
    return Storing(memory.log, Publisher(memory.log, metrics), None, metrics, window=2)


def incoming(wait: float) -> Incoming:
    """Return the webhook as it comes, to be durable within `wait` seconds."""
    began = monotonic()
    return Incoming(
        webhook=WEBHOOK,
        id=WEBHOOK.id,
        content=content(WEBHOOK),
        events=lambda: (),
        began=began,
        broker_by=began + wait / 2,
        durable_by=began + wait,
    )


async def test_whoever_waits_for_the_first_copy_waits_no_longer_than_it_may() -> None:
    """The first hangs; the repeat is answered in its own time, and the sender comes again."""
    memory = MemoryLog()
    found = storing(memory)
    found.duplicates.begin(content(WEBHOOK))
    async with asyncio.timeout(5):
        assert await found.store(incoming(0.05)) is PublishOutcome.UNAVAILABLE
    assert memory.records == []


async def test_one_of_those_who_wait_takes_the_place_of_a_first_copy_that_failed() -> None:
    """One alone: the others wait for that one then."""
    memory = MemoryLog()
    found = storing(memory)
    found.duplicates.begin(content(WEBHOOK))
    waiting = [asyncio.create_task(found.store(incoming(5.0))) for _ in range(3)]
    await asyncio.sleep(0)
    found.duplicates.end(content(WEBHOOK), None)
    outcomes = await asyncio.gather(*waiting)
    assert sorted(outcomes) == [PublishOutcome.DUPLICATE, PublishOutcome.DUPLICATE, PublishOutcome.STORED]
    assert len(memory.webhooks) == 1


@given(st.lists(st.integers(0, 9)), st.integers(0, 4))
def test_the_window_holds_no_more_than_its_size(stored: list[int], size: int) -> None:
    """The oldest go first."""
    window = Duplicates(size)
    for number in stored:
        window.end(bytes([number]), 1.0)
    known = [number for number in range(10) if window.stored_at(bytes([number])) is not None]
    assert len(known) <= size
    if stored and size:
        assert stored[-1] in known
