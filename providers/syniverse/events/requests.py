"""Events of a message request, by push or as a REST object. COMPLETED ends the fan-out and proves no delivery."""

from collections.abc import Mapping

from providers.fields import Json
from providers.syniverse.events.building import Events, common, malformed
from providers.syniverse.events.identity import identify_state
from providers.syniverse.events.reading import Reading
from providers.syniverse.events.values import first, label, moment, trimmed, whole
from providers.syniverse.failures import errors_of
from providers.syniverse.statuses import request_status_of, state_of
from schemas.events import RequestUpdated
from schemas.vocabulary import EventType

_COUNTS = (
    "recipient_count",
    "sent_count",
    "delivered_count",
    "read_count",
    "click_thru_count",
    "converted_count",
    "canceled_count",
    "failed_count",
    "media_requested_count",
)


def request_of_event(reading: Reading, fields: Json) -> Events:
    """Return the event of a `message_request_state_change`."""
    request_id = trimmed(fields, "message_request_id")
    if request_id is None:
        return malformed(reading)
    state = state_of(trimmed(fields, "new_state"))
    event = RequestUpdated(
        id=identify_state(reading, EventType.REQUEST_UPDATED, request_id, state, None),
        **common(reading),
        request_id=request_id,
        status=request_status_of(state),
        provider_status=state,
        external_id=trimmed(fields, "external_message_request_id", "external_id"),
        counts=_counts(fields),
        errors=errors_of(label(fields, "reason_code"), trimmed(fields, "reason_description")),
    )
    return (event,)


def request_of_item(reading: Reading, item: Json) -> Events:
    """Return the event of a REST message request object."""
    request_id = trimmed(item, "id")
    if request_id is None:
        return malformed(reading)
    state = state_of(trimmed(item, "state"))
    changed_at = first([moment(item.get(name)) for name in ("last_updated_date", "created_date")])
    event = RequestUpdated(
        id=identify_state(reading, EventType.REQUEST_UPDATED, request_id, state, None),
        **common(reading, changed_at),
        request_id=request_id,
        status=request_status_of(state),
        provider_status=state,
        external_id=trimmed(item, "external_id"),
        counts=_counts(item),
    )
    return (event,)


def _counts(source: Json) -> Mapping[str, object]:
    return {name: count for name in _COUNTS if (count := whole(source, name)) is not None}
