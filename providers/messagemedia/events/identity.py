"""Ids of MessageMedia's events, by promise P8: what is the same event gets the same id, whichever way it came."""

import hashlib
import json
from collections.abc import Mapping, Sequence

import orjson

from providers.messagemedia.events.members import ALIASES
from providers.messagemedia.events.reading import Kind, Reading
from providers.messagemedia.proof.signed_text import plain_bytes
from providers.messagemedia.statuses import status_of
from schemas.ids import digest_id, event_id
from schemas.vocabulary import EventType

_OWN_IDS = ("delivery_report_id", "reply_id", "notification_id")
_IDS_OF: Mapping[Kind | None, Sequence[str]] = {
    Kind.DELIVERY_REPORT: ("delivery_report_id",),
    Kind.REPLY: ("reply_id",),
    Kind.OPT_OUT: ("notification_id", "reply_id"),
    # It is a message and no news of one: whatever stands in it, it has no id of its own.
    Kind.MESSAGE: (),
}

_LARGEST_SORTED = 256 * 1024


def provider_event_id(reading: Reading) -> str | None:
    """Return MessageMedia's own id of what happened: of the report, the reply or the opt-out notification."""
    names = _IDS_OF.get(reading.kind, _OWN_IDS)
    return next((found for name in names if (found := reading.members.text(name)) is not None), None)


def identify(reading: Reading, kind: EventType) -> str:
    """Return the id of an event: of the provider's own id, else of the content.

    The provider's id names one message to one recipient, so the recipient adds nothing: a template that leaves the
    number out must give the id that the poll gives.
    """
    return event_id(reading.webhook.account, kind, provider_event_id(reading) or _content_id(reading))


def identify_delivery(reading: Reading, recipient: str | None) -> str:
    """Return the id of a delivery report. One without an id of its own is message, recipient, state and code."""
    members = reading.members
    message_id = members.text("message_id")
    if provider_event_id(reading) is not None or message_id is None:
        return identify(reading, EventType.DELIVERY_UPDATED)
    status, code = members.code("status"), members.code("error_code")
    state = digest_id(message_id, (status or status_of(status, code)).lower(), code)
    return event_id(reading.webhook.account, EventType.DELIVERY_UPDATED, state, recipient)


def identify_consent(reading: Reading, number: str) -> str:
    """Return the id of the consent that a message of that number says."""
    said_in = provider_event_id(reading) or _content_id(reading)
    return event_id(reading.webhook.account, EventType.CONSENT_CHANGED, said_in, number)


def identify_listing(reading: Reading, scope: str, number: str, state: str) -> str:
    """Return the id of an entry of the provider's list: it has neither an id nor a time."""
    return event_id(reading.webhook.account, EventType.CONSENT_CHANGED, digest_id(scope, state), number)


def _content_id(reading: Reading) -> str:
    """Return a hash of what was said, in any order of members, without the count that changes with each retry.

    What is large is an MMS of a template without ids: sorting it would take seconds, so there the bytes count.
    """
    if reading.body.json is None or len(reading.webhook.body) > _LARGEST_SORTED:
        raw = reading.webhook.body or plain_bytes(reading.webhook.target.partition("?")[2])
        return hashlib.sha256(raw).hexdigest()
    # Numbers as the texts that they are: a reader of values would make one float of two long integers.
    exact = json.loads(reading.body.json.raw, parse_int=str, parse_float=str)
    counted = {*ALIASES["retry_count"], reading.members.renamed.get("retry_count")}
    kept = {name: value for name, value in exact.items() if name not in counted}
    return hashlib.sha256(orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)).hexdigest()
