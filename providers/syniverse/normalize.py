"""From a verified webhook or a polled item to events: a pure function that never raises and never returns nothing."""

from collections.abc import Callable, Mapping

from providers.contract import NO_SETTINGS, Settings
from providers.fields import Json
from providers.syniverse.api.paths import CONSENT_HISTORY, MESSAGE_REQUESTS, MESSAGES
from providers.syniverse.events.building import Events, malformed, notified, unrecognized
from providers.syniverse.events.facts import polled, pushed
from providers.syniverse.events.history import consent_of_history
from providers.syniverse.events.messages import inbound_events, status_events
from providers.syniverse.events.reading import RECEIVED, REQUEST_CHANGE, STATE_CHANGE, Reading, Unreadable, read
from providers.syniverse.events.requests import request_of_event, request_of_item
from providers.syniverse.events.values import trimmed
from providers.syniverse.statuses import INBOUND_STATES
from schemas.events import Event
from schemas.vocabulary import Ingress
from schemas.webhook import Webhook

Handler = Callable[[Reading, Json, Settings], Events]


def normalize(webhook: Webhook, settings: Settings = NO_SETTINGS) -> Events:
    """Return the events that a webhook or a polled item tells of.

    One that stands twice in a list is one event: its id is the same, and nothing that the second says counts.
    """
    handle = _polled if webhook.ingress == Ingress.POLL else _pushed
    found: dict[str, Event] = {}
    for reading in read(webhook):
        events = handle(reading, settings)
        if events[0].id not in found:
            found |= {event.id: event for event in events if event.id not in found}
    return tuple(found.values())


def _pushed(reading: Reading, settings: Settings) -> Events:
    if reading.failure is not None:
        return unrecognized(reading, reading.failure)
    handler = _HANDLERS.get((reading.kind or "").lower()) if reading.tells_of_messages else None
    if handler is not None:
        return malformed(reading) if reading.fields is None else handler(reading, reading.fields, settings)
    if reading.kind is None and (reading.topic is None or reading.tells_of_messages):
        return unrecognized(reading, Unreadable.UNKNOWN_EVENT)
    fields = reading.fields if reading.fields is not None else {}
    return notified(reading, reading.notice or "", status=trimmed(fields, "new_state"))


def _polled(reading: Reading, settings: Settings) -> Events:
    if reading.failure is not None:
        return unrecognized(reading, reading.failure)
    handler = _TARGETS.get(reading.webhook.target.partition("?")[0])
    return handler(reading, reading.root, settings) if handler else unrecognized(reading, Unreadable.UNKNOWN_EVENT)


def _state_change(reading: Reading, fields: Json, _settings: Settings) -> Events:
    facts = pushed(fields)
    if facts.message_id is None and facts.state is None:
        return malformed(reading)
    if facts.state in INBOUND_STATES:
        # Our own PROCESSED comes back as an event; it says nothing of a delivery.
        return notified(reading, reading.notice or STATE_CHANGE, status=facts.state, message_id=facts.message_id)
    return status_events(reading, facts, fields)


def _received(reading: Reading, fields: Json, settings: Settings) -> Events:
    facts = pushed(fields)
    if facts.message_id is None and facts.from_ is None:
        return malformed(reading)
    return inbound_events(reading, facts, settings)


def _message(reading: Reading, item: Json, settings: Settings) -> Events:
    """Read a REST message object: `direction` tells which way it went, its state where that is missing."""
    facts = polled(item)
    if facts.message_id is None:
        return malformed(reading)
    direction = (trimmed(item, "direction") or "").upper()
    if direction == "MO" or (not direction and facts.state in INBOUND_STATES):
        return inbound_events(reading, facts, settings)
    return status_events(reading, facts)


def _request_change(reading: Reading, fields: Json, _settings: Settings) -> Events:
    return request_of_event(reading, fields)


def _request(reading: Reading, item: Json, _settings: Settings) -> Events:
    return request_of_item(reading, item)


def _history(reading: Reading, item: Json, _settings: Settings) -> Events:
    return consent_of_history(reading, item)


_HANDLERS: Mapping[str, Handler] = {
    STATE_CHANGE: _state_change,
    RECEIVED: _received,
    REQUEST_CHANGE: _request_change,
}
_TARGETS: Mapping[str, Handler] = {
    MESSAGES: _message,
    MESSAGE_REQUESTS: _request,
    CONSENT_HISTORY: _history,
}
