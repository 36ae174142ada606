"""What of a Syniverse webhook counts when two are compared: all but the number of the attempt."""

from collections.abc import Sequence
from dataclasses import replace

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.syniverse.normalize import normalize
from providers.syniverse.repeats import content
from schemas.events import Event
from tests.support.raw_json import texts_of, with_member
from tests.support.syniverse import webhook_of

FIELDS = {"message_id": "m1", "previous_state": "QUEUED", "new_state": "SENT"}
NAMES = ("attempt", "event", "event-id", "fld-val-list", "message_id", "new_state", "topic")
VALUES = ('"SENT"', '"message_state_change"', '"1"')
ATTEMPTS = (
    *(f'"attempt":{number}' for number in (1, 3, 4, 50)),
    '"attempt":2',
    '"attempt" : "3"',
    '"attempt":1.5',
    '"attempt":01',
    '"attempt":[1]',
)


def event_of(attempt: object = 1, **more: object) -> dict[str, object]:
    """Return the envelope of an attempt; the number stands in the middle, as in the samples."""
    event = {"evt-tp": "message_state_change", "fld-val-list": {**FIELDS, **more}}
    return {"topic": "SCG-Message", "attempt": attempt, "event": event, "event-id": "e1"}


def essence(body: bytes) -> Sequence[Event]:
    """Return the events of a body without what two attempts may differ in."""
    return [replace(event, attempt=None, provider_data=None) for event in normalize(webhook_of(body))]


def test_another_attempt_is_the_same_content() -> None:
    """As a number or as text."""
    one, two, three = (content(orjson.dumps(event_of(attempt))) for attempt in (1, 2, "3"))
    assert one == two == three is not None


def test_another_attempt_of_a_list_is_the_same_content() -> None:
    """Each of its events has a number of its own."""
    lists = [orjson.dumps([event_of(attempt, message_id=name) for name in "abc"]) for attempt in (1, 2)]
    assert content(lists[0]) == content(lists[1]) is not None


def test_another_state_is_another_content() -> None:
    """One that the same message came into."""
    assert content(orjson.dumps(event_of(2, new_state="DELIVERED"))) != content(orjson.dumps(event_of()))


def test_another_event_of_a_list_makes_another_content() -> None:
    """And so does another order."""
    one, other = event_of(message_id="a"), event_of(message_id="b")
    assert len({content(orjson.dumps(found)) for found in ([one, other], [other, one], [one], one)}) == 4


@pytest.mark.parametrize(
    "body",
    [
        b'{"event":{"attempt":1}}',
        b'{"attempt":1,"event":{"attempt":1}}',
        b'{"attempt":1,"event":{"n":1,"n":2}}',
        b'{"attempt":1.5}',
        b'{"attempt":-1}',
        b'{"x\\"attempt":1}',
        b'{"\\u0061ttempt":1,"event":{"attempt":2}}',
        b'[{"attempt":1},{"event":1}]',
        b'[{"attempt":1,"attempt":2},{"event":1}]',
        b'[{"attempt":1},"x"]',
        b"[" + b",".join([b'{"attempt":1}'] * 101) + b"]",
        b'{"attempt":1} trailing',
        b"<attempt>1</attempt>",
    ],
)
def test_what_has_not_the_documented_shape_counts_byte_for_byte(body: bytes) -> None:
    """No reading of it is sure."""
    assert content(body) is None


@given(texts_of(NAMES, VALUES), st.sampled_from(ATTEMPTS), st.sampled_from(ATTEMPTS), st.booleans())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_one_content_is_one_event(rest: bytes, one: str, other: str, last: bool) -> None:
    """Whatever the text around it: with another attempt it is the same event, or another content."""
    first, second = (with_member(rest, attempt, last=last) for attempt in (one, other))
    for before, after in ((first, second), (b"[" + first + b"]", b"[" + second + b"]")):
        if content(before) is not None and content(before) == content(after):
            assert essence(before) == essence(after)
