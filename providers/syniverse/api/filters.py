# ruff: noqa: RUF009 - since() and until() are dataclasses.field()
"""What lists can be filtered by. Source: specification, sections 2.8, 2.9, 3.2; the Swagger's query parameters.

Several values of a field are joined with commas. A range of times is two fields, `..._from` and `..._to`; where one of
them is missing the range begins in 1970, or ends now.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from providers.rest.errors import LimitError
from providers.rest.models import Model, json_name, parts_of
from schemas.times import EPOCH, format_time

Query = list[tuple[str, str]]


def since(name: str) -> Any:
    """Return the field of a range's begin."""
    return field(default=None, metadata={"range": name, "end": 0})


def until(name: str) -> Any:
    """Return the field of a range's end."""
    return field(default=None, metadata={"range": name, "end": 1})


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters(Model):
    """What every list can be filtered by."""

    id: tuple[str, ...] = ()
    application_id: int | None = None
    created_date_from: datetime | None = since("created_date")
    created_date_to: datetime | None = until("created_date")
    last_updated_date_from: datetime | None = since("last_updated_date")
    last_updated_date_to: datetime | None = until("last_updated_date")


@dataclass(frozen=True, slots=True, kw_only=True)
class _SendingFilters(Filters):
    """What requests and messages have alike. `external_id` is one id, which may hold commas."""

    from_: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    external_id: str | None = None
    campaign_id: tuple[str, ...] = ()
    conversation_id: tuple[str, ...] = ()
    pause_before_transmit: bool | None = None
    pause_expiry_time_from: datetime | None = since("pause_expiry_time")
    pause_expiry_time_to: datetime | None = until("pause_expiry_time")
    sent_date_from: datetime | None = since("sent_date")
    sent_date_to: datetime | None = until("sent_date")
    delivered_date_from: datetime | None = since("delivered_date")
    delivered_date_to: datetime | None = until("delivered_date")


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRequestFilters(_SendingFilters):
    """Which message requests."""

    test_message_flag: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilters(_SendingFilters):
    """Which messages. `direction` is MT (from us) or MO (to us)."""

    message_request_id: tuple[str, ...] = ()
    direction: str | None = None
    from_address: tuple[str, ...] = ()
    to_address: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    customer_sender_id: tuple[str, ...] = ()
    external_transaction_ids: tuple[str, ...] = ()
    failure_code: tuple[str, ...] = ()
    subject: str | None = None
    body: str | None = None
    reply_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderIdFilters(Filters):
    """Which sender ids, of a list or of a delete."""

    name: tuple[str, ...] = ()
    parent_id: tuple[str, ...] = ()
    ownership: tuple[str, ...] = ()
    class_id: tuple[str, ...] = ()
    type_id: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    country: tuple[str, ...] = ()
    consent_managed_by: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    check_white_list: bool | None = None
    register_number: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFilters(Filters):
    """Which channels."""

    name: tuple[str, ...] = ()
    priority: tuple[str, ...] = ()
    description: str | None = None
    ownership: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFilters(Filters):
    """Which templates."""

    designation: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    pattern: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeywordFilters(Filters):
    """Which keywords."""

    name: tuple[str, ...] = ()
    value: str | None = None
    case: tuple[str, ...] = ()
    sender_id: tuple[str, ...] = ()
    valid_from_from: datetime | None = since("valid_from")
    valid_from_to: datetime | None = until("valid_from")
    valid_to_from: datetime | None = since("valid_to")
    valid_to_to: datetime | None = until("valid_to")
    campaign_id: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentFilters(Filters):
    """Which attachments."""

    name: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    size: int | None = None
    filename: tuple[str, ...] = ()
    state: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTokenFilters(Filters):
    """Which access tokens."""

    expiry_time_from: datetime | None = since("expiry_time")
    expiry_time_to: datetime | None = until("expiry_time")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactFilters(Filters):
    """Which contacts."""

    external_id: str | None = None
    first_name: tuple[str, ...] = ()
    last_name: tuple[str, ...] = ()
    birth_date: tuple[str, ...] = ()
    first_acquisition_date: tuple[str, ...] = ()
    last_acquisition_date: tuple[str, ...] = ()
    primary_mdn: tuple[str, ...] = ()
    primary_addr_line1: str | None = None
    primary_addr_line2: str | None = None
    primary_addr_city: tuple[str, ...] = ()
    primary_addr_zip: tuple[str, ...] = ()
    primary_addr_state: tuple[str, ...] = ()
    primary_email_addr: tuple[str, ...] = ()
    primary_addr_country: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactGroupFilters(Filters):
    """Which groups. `status` is what a group calls its state."""

    external_id: str | None = None
    name: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    status: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentFilters(Filters):
    """Which consent statuses."""

    address_type: tuple[str, ...] = ()
    address: tuple[str, ...] = ()
    sender_id: tuple[str, ...] = ()
    consent_status: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentHistoryFilters(Filters):
    """Which lines of the history of consent."""

    msisdn: tuple[str, ...] = ()
    sender_id: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    timestamp_from: datetime | None = since("timestamp")
    timestamp_to: datetime | None = until("timestamp")
    message: str | None = None
    keyword: tuple[str, ...] = ()


def query_of(filters: Filters | None, now: float) -> Query:
    """Return the query parameters of what is set; `now` is in Unix seconds. Raises LimitError."""
    if filters is None:
        return []
    found: Query = []
    ranges: dict[str, list[datetime]] = {}
    for item, _ in parts_of(type(filters)):
        value = getattr(filters, item.name)
        if value is None or value == ():
            continue
        name = item.metadata.get("range")
        if name is None:
            found.append((json_name(item), _text(value)))
        else:
            ranges.setdefault(name, [EPOCH, datetime.fromtimestamp(now, UTC)])[item.metadata["end"]] = value
    return found + [(name, range_of(begin, end)) for name, (begin, end) in ranges.items()]


def range_of(begin: datetime, end: datetime) -> str:
    """Return how a query names a span of time, both ends within."""
    return f"[{format_time(begin)},{format_time(end)}]"


def more(extra: Mapping[str, str] | None) -> Iterable[tuple[str, str]]:
    """Return query parameters that no class here names."""
    return () if extra is None else ((str(name), str(value)) for name, value in extra.items())


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _joined(value) if isinstance(value, list | tuple) else str(value)


def _joined(values: Sequence[object]) -> str:
    texts = [str(value) for value in values]
    if len(texts) > 1 and any("," in text for text in texts):
        raise LimitError("one of several values to filter by holds a comma, which would make two of it")
    return ",".join(texts)
