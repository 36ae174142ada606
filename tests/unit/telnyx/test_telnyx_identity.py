"""Ids of Telnyx's events: the same for the same event, whichever way it came."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from providers.telnyx.normalize import normalize
from tests.support.telnyx import event_body, event_names, event_value, webhook_of
from tests.support.telnyx_events import events_of


def test_accounts_have_ids_of_their_own() -> None:
    """The same webhook at two accounts is two events."""
    body = event_body("received_sms")
    one, two = (normalize(webhook_of(body, account=name))[0].id for name in ("main", "other"))
    assert one != two


def test_long_integers_are_told_apart() -> None:
    """Two bodies that differ in the twentieth digit are two events."""
    one, two = (events_of(b'{"n": 1%d}' % (10**20 + extra))[0].id for extra in (0, 1))
    assert one != two


def shuffled(value: Any) -> Any:
    """Return a value with its keys in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in sorted(value, reverse=True)}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


def with_meta(value: dict[str, Any]) -> dict[str, Any]:
    """Return a body as a third attempt at the failover URL brings it."""
    return {**value, "meta": {"attempt": 3, "delivered_to": "https://failover.example.com/"}}


@pytest.mark.parametrize("change", [shuffled, with_meta, lambda value: value], ids=["order", "failover", "spaces"])
@pytest.mark.parametrize("name", event_names())
def test_ids_do_not_depend_on_the_way(name: str, change: Callable[[Any], Any]) -> None:
    """Order of keys, attempt, failover URL, spaces and our clock leave every id as it is (P8)."""
    before = [event.id for event in events_of(event_body(name))]
    other = json.dumps(change(event_value(name)), separators=(",", ":")).encode()
    after = normalize(webhook_of(other, now=1_800_000_000, target="/webhooks/main?again"))
    assert [event.id for event in after] == before
