"""Bodies to events and through JSON, for the tests of Telnyx's normalizer."""

import json

from providers.telnyx.normalize import normalize
from schemas.codec import decode_event, encode_event
from schemas.envelope import event_to_record
from schemas.events import Event
from tests.support.telnyx import webhook_of


def events_of(body: bytes) -> tuple[Event, ...]:
    """Return the events of a body."""
    return normalize(webhook_of(body))


def written(value: object) -> bytes:
    """Return a value as JSON."""
    return json.dumps(value).encode()


def assert_round_trip(found: tuple[Event, ...]) -> None:
    """Check that the events are told apart, survive the codec and can be stored."""
    assert found
    assert len({event.id for event in found}) == len(found)
    for event in found:
        assert decode_event(type(event), event.id, encode_event(event)) == event
        assert event_to_record(event).key
