"""Ids of Telnyx's events, by promise P8: what is the same event gets the same id, whichever way it came."""

import hashlib
import json
from collections.abc import Iterable, Sequence

import orjson

from providers.fields import Json, address, text
from providers.telnyx.reading import Reading
from schemas.ids import digest_id, event_id
from schemas.vocabulary import EventType


def identify(reading: Reading, kind: EventType) -> str:
    """Return the id of an event: of `data.id`, the key that Telnyx documents, else of the content."""
    return event_id(reading.webhook.account, kind, provider_id(reading))


def identify_each(reading: Reading, kind: EventType, recipients: Iterable[str | None]) -> Sequence[str]:
    """Return an id for each recipient; the body is hashed once at most."""
    found = provider_id(reading)
    return [event_id(reading.webhook.account, kind, found, name) for name in _distinct(recipients)]


def identify_states(
    reading: Reading, kind: EventType, message_id: str, states: Sequence[tuple[str | None, str | None]]
) -> Sequence[str]:
    """Return an id for each recipient and state of a message that was looked up: it has no event, so no event's id."""
    names = _distinct([recipient for recipient, _ in states])
    account = reading.webhook.account
    return [
        event_id(account, kind, digest_id(message_id, (state or "").strip().lower()), name)
        for name, (_, state) in zip(names, states, strict=True)
    ]


def identify_click(reading: Reading, click: Json) -> str:
    """Return the id of a link click. One without `data.id` is message, URL, recipient and moment."""
    parts = (text(click, "message_id"), text(click, "url"), address(click.get("to")), text(click, "time_clicked"))
    if text(reading.data, "id") or not any(parts):
        return identify(reading, EventType.LINK_CLICKED)
    return event_id(reading.webhook.account, EventType.LINK_CLICKED, digest_id(*parts))


def _distinct(recipients: Iterable[str | None]) -> Sequence[str | None]:
    """Return the recipients as parts of ids: the second of the same name is told apart, the first is not."""
    taken = set[str | None]()
    counts: dict[str | None, int] = {}
    named: list[str | None] = []
    for recipient in recipients:
        name, count = recipient, counts.get(recipient, 1)
        while name in taken:
            count += 1
            name = f"{recipient or ''}#{count}"
        counts[recipient] = count
        taken.add(name)
        named.append(name)
    return named


def provider_id(reading: Reading) -> str:
    """Return Telnyx's id of what happened, a hash of the content where it has none."""
    return text(reading.data, "id") or _content_id(reading)


def _content_id(reading: Reading) -> str:
    """Return a hash of the body without `meta`, which changes with each attempt, in any order of keys."""
    if reading.json is None:
        return hashlib.sha256(reading.webhook.body).hexdigest()
    # Numbers as the texts that they are: a reader of values would make one float of two long integers.
    exact = json.loads(reading.json.raw, parse_int=str, parse_float=str)
    exact.pop("meta", None)
    return hashlib.sha256(orjson.dumps(exact, option=orjson.OPT_SORT_KEYS)).hexdigest()
