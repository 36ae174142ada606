"""From what a provider says to events: everything is an event that can be stored, and it is always the same one."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.contract import NO_SETTINGS
from schemas.codec import decode_event, encode_event
from schemas.envelope import event_to_record, read_event
from schemas.events import ConsentChanged, Event, InboundMessage
from schemas.json_schema import schema_of
from schemas.json_text import JsonText
from schemas.records import StoredRecord
from tests.support.conformance.base import OfProvider
from tests.support.conformance.story import told_by
from tests.support.json_schema import complaints
from tests.support.provider_cases import JSON, NOW, ProviderCase, Sample, skip_without
from tests.support.shapes import JUNK, reshaped

# Each provider's class inherits the test, and each has examples of its own: that is the purpose.
inherited = settings(
    # A busy machine is no failure; the bounds of time have tests of their own.
    deadline=None,
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow],
)


class ReadingOfBodies(OfProvider):
    """The normalizer."""

    def test_what_it_says_is_an_event(self, sample: Sample) -> None:
        """Our own fixtures and samples, pushed and polled."""
        assert_sound(self.case, sample)

    def test_a_published_example_is_an_event(self, example: Path | None) -> None:
        """What others published of it, bodies of its API among them: never an exception, never nothing."""
        skip_without(example)
        assert example is not None
        assert_sound(self.case, self.case.shown(example))

    def test_our_number_is_in_the_scope_of_the_consent_that_came_to_it(self) -> None:
        """Where the provider tells the scope of a number, an opt-out written to it blocks it; else every one does."""
        told = self.case.events(self.case.story.stop)
        messages = [event for event in told if isinstance(event, InboundMessage)]
        scopes = {event.scope for event in told if isinstance(event, ConsentChanged)}
        assert messages
        assert scopes
        assert {self.case.provider.scope_of(event, NO_SETTINGS) for event in messages} <= {*scopes, None}

    def test_the_scope_of_our_number_is_read_of_anything(self, sample: Sample) -> None:
        """Never an exception, never an empty scope, also of a message whose provider's object is not what it was."""
        for event in self.case.events(sample):
            if isinstance(event, InboundMessage):
                changed = (
                    replace(event, provider_data=JsonText(raw)) for raw in (b"[]", b"{", b'{"data":{"payload":1}}')
                )
                for each in (event, replace(event, provider_data=None), *changed):
                    assert self.case.provider.scope_of(each, NO_SETTINGS) != ""

    def test_there_are_fixtures(self) -> None:
        """Without any, half of this suite would hold by saying nothing."""
        assert [path for path in self.case.fixtures.glob("*") if path.is_file()]

    def test_the_account_is_part_of_every_id(self, sample: Sample) -> None:
        """Two accounts that hear the same have an event each."""
        mine = {event.id for event in self.case.events(sample)}
        assert mine.isdisjoint(event.id for event in self.case.events(sample, account="other"))

    def test_broken_bodies_are_told_apart(self) -> None:
        """Each is an event of its own: none hides another."""
        bodies = (b"{", b"[", b"\xff\xfe", b'"', b"<a/>", b"<b/>", b"[1]", b"[2]")
        ids = {event.id for body in bodies for event in self.case.events(Sample(name="broken", body=body))}
        assert len(ids) == len(bodies)

    def test_a_push_and_a_poll_give_one_id(self) -> None:
        """Two ways to the same news do no harm (P8). A polled item may leave out what only a push can know."""
        for pushed, polled in self.case.twins:
            by_push = {event.id: event.TYPE for event in self.case.events(pushed)}
            by_poll = {event.id: event.TYPE for event in self.case.events(polled)}
            assert by_poll
            assert by_poll.items() <= by_push.items(), pushed.name

    def test_a_story_is_the_same_at_every_provider(self) -> None:
        """Sent, delivered, answered, stopped: the same common events in the same order."""
        assert told_by(self.case) == [
            ("messaging.delivery.updated", "sent"),
            ("messaging.delivery.updated", "delivered"),
            ("inbound", None),
            ("inbound", None),
            ("messaging.consent.changed", "opted_out"),
        ]

    def test_a_story_tells_who_and_what(self) -> None:
        """One message, one person, the texts as they were written, the moment of each."""
        sent, delivered, reply, stop = (self.case.events(sample) for sample in self.case.story.samples)
        assert {event.message_id for event in (*sent, *delivered)} == {sent[0].message_id}
        assert sent[0].message_id
        people = {getattr(event, "to", None) for event in (*sent, *delivered)} | {getattr(reply[0], "from_", None)}
        assert len(people) == 1
        (person,) = people
        assert person is not None
        assert (stop[1].number, stop[1].source) == (person, "message")  # type: ignore[attr-defined]
        assert getattr(reply[0], "text", None)
        assert all(event.occurred_at is not None for event in (*sent, *delivered, *reply, *stop))
        assert all(event.provider == self.case.provider.name for event in (*sent, *delivered, *reply, *stop))

    @given(data=st.data())
    @inherited
    def test_any_field_may_be_anything(self, data: st.DataObject) -> None:
        """Drop, null, retype or nest any field: never an exception, never a lost event."""
        sample = data.draw(st.sampled_from([each for each in self.case.samples if is_object(each)]))
        value = reshaped(data, json.loads(sample.body))
        assert_storable(self.case.events(changed(sample, json.dumps(value).encode())))

    @given(
        data=st.data(),
        body=st.binary() | st.text().map(str.encode) | JUNK.map(lambda value: json.dumps(value).encode()),
    )
    @inherited
    def test_any_bytes_are_an_event(self, data: st.DataObject, body: bytes) -> None:
        """Whatever the bytes, by whichever way they came: there is an event, and it can be stored."""
        sample = data.draw(st.sampled_from(self.case.samples))
        assert_storable(self.case.events(changed(sample, body)))

    @given(data=st.data(), query=st.text(max_size=60), kind=st.text(max_size=30))
    @inherited
    def test_any_query_and_content_type_are_an_event(self, data: st.DataObject, query: str, kind: str) -> None:
        """They come from outside like the body."""
        sample = data.draw(st.sampled_from(self.case.samples))
        odd = Sample(
            name="odd", body=sample.body, method=sample.method, query=query, content_type=kind, polled=sample.polled
        )
        assert_storable(self.case.events(odd))


def assert_sound(case: ProviderCase, sample: Sample) -> None:
    """Check all that holds of the events of genuine bytes."""
    events = case.events(sample)
    assert_storable(events)
    for event in events:
        assert complaints(schema_of(type(event)), orjson.loads(encode_event(event))) == []
        assert (event.provider, event.account, event.tenant) == (case.provider.name, "main", "acme")
    assert [event.id for event in events] == [event.id for event in case.events(sample, now=NOW + 3600)]
    if is_json(sample.body):
        said = exact(sample.body)
        for event in events:
            kept = event.provider_data
            assert kept is None or is_part(exact(kept.raw), said), sample.name


def assert_storable(events: tuple[Event, ...]) -> None:
    """Check that there are events, that they are told apart, and that each comes out of its record as it went in."""
    assert events
    assert len({event.id for event in events}) == len(events)
    for event in events:
        assert len(event.id) == 32
        assert decode_event(type(event), event.id, encode_event(event)) == event
        record = event_to_record(event)
        stored = StoredRecord(record.topic, 0, 0, record.timestamp, record.key, record.value, record.headers)
        assert read_event(stored).event == event


def written(value: object) -> bytes:
    """Return a value as JSON."""
    return json.dumps(value).encode()


def changed(sample: Sample, body: bytes) -> Sample:
    """Return the sample with another body."""
    return Sample(
        name=sample.name,
        body=body,
        method=sample.method,
        query=sample.query,
        content_type=sample.content_type,
        polled=sample.polled,
    )


def is_object(sample: Sample) -> bool:
    """Tell whether a sample's body is a JSON object or list, whose fields can be changed."""
    return sample.content_type.startswith(JSON) and is_json(sample.body) and sample.body.lstrip()[:1] in b"{["


def is_json(body: bytes) -> bool:
    """Tell whether bytes are JSON."""
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True


def exact(body: bytes) -> Any:
    """Return a JSON value whose numbers are the texts that stood there."""
    return json.loads(body, parse_int=str, parse_float=str)


def is_part(kept: Any, said: Any) -> bool:
    """Tell whether everything that was kept was said so: whole, one item of a list, or with files left out."""
    if kept is None:
        return True
    if isinstance(kept, dict) and isinstance(said, dict):
        return all(name in said and is_part(value, said[name]) for name, value in kept.items())
    if isinstance(said, list):
        items = kept if isinstance(kept, list) and len(kept) == len(said) else None
        if items is None:
            return any(is_part(kept, item) for item in said)
        return all(is_part(one, other) for one, other in zip(items, said, strict=True))
    return bool(kept == said)
