"""Ids of Syniverse's events, by promise P8: what is the same event gets the same id, whichever way it came.

A push has an `event-id`, a poll has none. So what both can tell of is message, new state and recipient.
"""

import hashlib
import json

import orjson

from providers.syniverse.events.reading import Reading
from providers.syniverse.events.values import same_address
from schemas.ids import digest_id, event_id
from schemas.vocabulary import EventType


def identify(reading: Reading, kind: EventType) -> str:
    """Return the id of an event that comes by push alone: of `event-id`, else of the content."""
    return event_id(reading.webhook.account, kind, provider_id(reading))


def identify_state(
    reading: Reading, kind: EventType, thing: str | None, state: str | None, recipient: str | None
) -> str:
    """Return the id of a state of a message or a request; where one of the two is missing, that of the envelope."""
    if thing is None or state is None:
        return identify(reading, kind)
    return event_id(reading.webhook.account, kind, digest_id(thing, state), same_address(recipient))


def identify_inbound(reading: Reading, kind: EventType, message_id: str | None, number: str | None = None) -> str:
    """Return the id of an inbound message, or of what it says of the consent of its author's `number`."""
    return event_id(reading.webhook.account, kind, message_id or provider_id(reading), same_address(number))


def identify_click(reading: Reading, *parts: str | None) -> str:
    """Return the id of one tap: of `event-id`, for there is an event a tap; else of what else tells taps apart."""
    known = reading.event_id or digest_id(*parts)
    return event_id(reading.webhook.account, EventType.LINK_CLICKED, known)


def identify_consent(reading: Reading, number: str, *parts: str | None) -> str:
    """Return the id of an entry of the consent history."""
    return event_id(reading.webhook.account, EventType.CONSENT_CHANGED, digest_id(*parts), same_address(number))


def provider_id(reading: Reading) -> str:
    """Return what tells this event from others where it has no better name."""
    return reading.event_id or _content_id(reading)


def _content_id(reading: Reading) -> str:
    """Return a hash of the event without `attempt`, which changes with each delivery, in any order of keys."""
    if reading.json is None:
        return hashlib.sha256(reading.body).hexdigest()
    # Numbers as the texts that they are: a reader of values would make one float of two long integers.
    exact = json.loads(reading.json.raw, parse_int=str, parse_float=str)
    exact.pop("attempt", None)
    return hashlib.sha256(orjson.dumps(exact, option=orjson.OPT_SORT_KEYS)).hexdigest()
