"""Telnyx: a message that was looked up is news of each of its recipients."""

from typing import Any

import pytest

from providers.telnyx.normalize import normalize
from schemas.events import DeliveryUpdated, Event, WebhookUnrecognized
from tests.support.simulated import polled

FIRST, SECOND = "+13125550001", "+13125550002"


def looked_up(*recipients: tuple[str, str], **fields: Any) -> tuple[Event, ...]:
    """Return the events of an answer."""
    message = {
        "id": "m1",
        "record_type": "message",
        "direction": "outbound",
        "to": [{"phone_number": number, "status": status} for number, status in recipients],
        "received_at": "2026-01-01T00:00:00+00:00",
        "sent_at": "2026-01-01T00:00:01+00:00",
        "completed_at": "2026-01-01T00:00:02+00:00",
    }
    return normalize(polled("telnyx", "/messages/m1", {"data": message | fields}))


def test_each_recipient_has_its_own_news() -> None:
    """Status, time of the end, and no id of an event, as there is none."""
    found = looked_up((FIRST, "delivered"), (SECOND, "delivery_failed"))
    assert all(isinstance(event, DeliveryUpdated) for event in found)
    assert [(event.status, event.to, event.message_id) for event in found if isinstance(event, DeliveryUpdated)] == [
        ("delivered", FIRST, "m1"),
        ("failed", SECOND, "m1"),
    ]
    assert {str(event.occurred_at) for event in found} == {"2026-01-01 00:00:02+00:00"}
    assert {event.provider_event_id for event in found} == {None}


def test_the_id_is_of_message_recipient_and_state() -> None:
    """The same answer later has it too; another state, recipient or message another."""
    (one,) = looked_up((FIRST, "delivered"))
    others = [
        looked_up((FIRST, "sent"))[0],
        looked_up((SECOND, "delivered"))[0],
        looked_up((FIRST, "delivered"), id="m2")[0],
    ]
    assert looked_up((FIRST, "delivered"), completed_at=None, parts=2)[0].id == one.id
    assert len({one.id, *(event.id for event in others)}) == 4


def test_a_recipient_that_stands_there_twice_is_told_apart() -> None:
    """No two events of one answer share an id."""
    found = looked_up((FIRST, "delivered"), (FIRST, "delivered"))
    assert len({event.id for event in found}) == 2


@pytest.mark.parametrize("fields", [{"direction": "inbound"}, {"to": []}, {"id": None}, {"to": [{}] * 101}])
def test_what_is_no_message_of_ours_is_kept_as_unrecognized(fields: dict[str, Any]) -> None:
    """Nothing is dropped, and nothing is taken for a delivery."""
    (event,) = looked_up((FIRST, "delivered"), **fields)
    assert isinstance(event, WebhookUnrecognized)
