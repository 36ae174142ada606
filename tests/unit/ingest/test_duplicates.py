"""The window of recently stored webhooks: what counts as a repeat, and what is remembered when."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.duplicates import Content, Duplicates, content_of
from schemas.webhook import Webhook

WEBHOOK = Webhook(
    provider="sample",
    account="main",
    method="POST",
    target="/webhooks/main",
    headers=(("content-type", "application/json"), ("x-attempt", "1")),
    body=b'{"id":"1"}',
    received_at=datetime(2026, 1, 1, tzinfo=UTC),
)


def content(webhook: Webhook) -> Content:
    """Return what makes the webhook a repeat."""
    return content_of(webhook, webhook.id)


def test_the_same_content_by_another_delivery_is_a_repeat() -> None:
    """Time, peer and headers of the delivery do not count."""
    later = replace(WEBHOOK, received_at=datetime(2026, 1, 2, tzinfo=UTC), peer="192.0.2.1")
    assert content(replace(later, headers=(*WEBHOOK.headers[:1], ("x-attempt", "2")))) == content(WEBHOOK)


@pytest.mark.parametrize(
    "change",
    [
        {"body": b'{"id":"2"}'},
        {"account": "other"},
        {"target": "/webhooks/main?state=2"},
        {"method": "GET"},
        {"headers": (("content-type", "text/xml"),)},
    ],
)
def test_whatever_a_normalizer_may_look_at_makes_another_content(change: dict[str, object]) -> None:
    """A new state is never taken for a repeat."""
    assert content(replace(WEBHOOK, **change)) != content(WEBHOOK)  # type: ignore[arg-type] # one field at a time


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
