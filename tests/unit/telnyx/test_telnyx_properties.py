"""Whatever a body holds, there is an event that can be stored."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support.shapes import JUNK, reshaped
from tests.support.telnyx import event_names, event_value
from tests.support.telnyx_events import assert_round_trip, events_of, written


@given(data=st.data(), name=st.sampled_from(event_names()))
def test_any_field_may_be_anything(data: st.DataObject, name: str) -> None:
    """Drop, null, retype or nest any field: never an exception, never a lost event."""
    events = events_of(written(reshaped(data, event_value(name))))
    assert events
    assert_round_trip(events)


@given(body=st.binary() | st.text().map(str.encode) | JUNK.map(written))
def test_any_bytes_give_an_event(body: bytes) -> None:
    """Whatever the bytes, there is an event, and it can be stored."""
    events = events_of(body)
    assert events
    assert_round_trip(events)
