"""MessageMedia: a message that was looked up is as it was sent, with its status."""

import pytest

from providers.contract import Request
from providers.messagemedia.normalize import normalize
from schemas.events import DeliveryUpdated, Event, WebhookUnrecognized
from schemas.vocabulary import Ingress
from tests.support.simulated import polled, webhook_of

OURS, PERSON = "+61491570100", "+61491570156"
PATH = "/v1/messages/m1"


def looked_up(**fields: object) -> tuple[Event, ...]:
    """Return the events of an answer."""
    message = {"message_id": "m1", "status": "delivered", "source_number": OURS, "destination_number": PERSON}
    return normalize(polled("messagemedia", PATH, message | fields))


def test_the_recipient_is_the_destination() -> None:
    """A report has the two the other way round."""
    (event,) = looked_up()
    assert isinstance(event, DeliveryUpdated)
    assert (event.status, event.to, event.from_, event.message_id) == ("delivered", PERSON, OURS, "m1")
    assert (event.occurred_at, event.provider_event_id) == (None, None)


def test_the_id_is_of_message_recipient_and_state() -> None:
    """As of a report by a template without its id: both tell the same."""
    (event,) = looked_up()
    body = b'{"event":"delivery_report","message_id":"m1","status":"delivered","source_number":"+61491570156"}'
    request = Request("POST", "/webhooks/main", (("content-type", "application/json"),), body)
    (pushed,) = normalize(webhook_of("messagemedia", request, Ingress.PUSH))
    assert pushed.id == event.id
    assert looked_up(status="submitted")[0].id != event.id


@pytest.mark.parametrize("fields", [{"message_id": None}, {"status": None}])
def test_what_tells_no_state_of_a_message_is_kept_as_unrecognized(fields: dict[str, object]) -> None:
    """Nothing is dropped."""
    (event,) = looked_up(**fields)
    assert isinstance(event, WebhookUnrecognized)
