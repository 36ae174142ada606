"""What one verified body may become: bounded in events, in lists, and in work."""

import json
from typing import Any

import pytest

from providers.fields import LONGEST_LIST
from providers.telnyx.normalize import normalize
from providers.telnyx.policy import POLICY
from schemas.events import DeliveryUpdated, Event, MessageReceived, WebhookUnrecognized
from tests.support.telnyx import event_body, event_names, webhook_of


def events_of(event_type: str, **payload: Any) -> tuple[Event, ...]:
    """Return the events of a body without `data.id`."""
    body = {"data": {"event_type": event_type, "payload": {"id": "m", **payload}}}
    return normalize(webhook_of(json.dumps(body).encode()))


def people(count: int) -> list[dict[str, str]]:
    """Return that many recipients."""
    return [{"phone_number": f"+1555{n:07}"} for n in range(count)]


def test_as_many_recipients_as_the_bound_give_an_event_each() -> None:
    """The bound itself is allowed."""
    found = events_of("message.finalized", to=people(LONGEST_LIST))
    assert len({event.id for event in found if isinstance(event, DeliveryUpdated)}) == LONGEST_LIST


def test_more_recipients_than_the_bound_give_one_event() -> None:
    """One body does not become thousands of events that each carry it; the raw record keeps it."""
    (event,) = events_of("message.finalized", to=people(LONGEST_LIST + 1))
    assert isinstance(event, WebhookUnrecognized)
    assert (event.reason, event.notice) == ("too_many_recipients", "message.finalized")
    assert event.provider_data is not None


def test_a_body_without_an_id_is_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once for each recipient."""
    hashed: list[str] = []
    loads = json.loads

    def counted(text: str, **options: Any) -> Any:
        hashed.append(text)
        return loads(text, **options)

    monkeypatch.setattr(json, "loads", counted)
    assert len(events_of("message.finalized", to=people(8))) == 8
    assert len(hashed) == 1


def test_many_entries_with_one_number_have_ids_of_their_own() -> None:
    """Each is told apart from all before it."""
    found = events_of("message.finalized", to=people(1) * LONGEST_LIST)
    assert len({event.id for event in found}) == LONGEST_LIST


def test_of_a_long_list_the_first_items_are_read() -> None:
    """The whole list stays in provider_data."""
    (event,) = events_of("message.received", media=["https://media.telnyx.com/x"] * 5000)
    assert isinstance(event, MessageReceived)
    assert len(event.media) == LONGEST_LIST
    assert event.provider_data is not None
    assert len(event.provider_data.value()["data"]["payload"]["media"]) == 5000


def test_the_limit_of_a_body_is_far_above_every_sample() -> None:
    """Ten times at least."""
    assert max(len(event_body(name)) for name in event_names()) * 10 < POLICY.body_limit
