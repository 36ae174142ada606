"""What the resources of messaging hold. Source: specification, sections 3.1 to 3.3, 11, 12."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from providers.rest.models import Model
from providers.syniverse.api.records import Given, GivenList, Record, hidden, joined


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts(Model):
    """How far the messages of a request are. COMPLETED says that all were made, not that any was delivered."""

    recipient_count: int | None = None
    sent_count: int | None = None
    delivered_count: int | None = None
    read_count: int | None = None
    click_thru_count: int | None = None
    converted_count: int | None = None
    canceled_count: int | None = None
    failed_count: int | None = None
    media_requested_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sending(Record):
    """What a message request and a message of its own have alike."""

    from_: str | None = None
    body: str | None = None
    subject: str | None = None
    attachments: tuple[str, ...] = ()
    media_urls: tuple[str, ...] = ()
    external_id: str | None = None
    consent_requirement: str | None = None
    criteria: str | None = None
    scheduled_delivery_time: datetime | None = None
    scheduled_delivery_time_zone: str | None = None
    expiry_time: datetime | None = None
    pause_before_transmit: bool | None = None
    pause_expiry_time: datetime | None = None
    test_message_flag: bool | None = None
    failover: str | None = None
    verify_number: bool | None = None
    verify_sms: bool | None = None
    price_threshold: float | None = None
    campaign_id: str | None = None
    conversation_id: str | None = None
    contact_delivery_address_priority: tuple[str, ...] = joined()
    sender_id_sort_criteria: tuple[str, ...] = joined()
    translate: bool | None = None
    src_language: str | None = None
    dst_language: str | None = None
    body_extensions: tuple[Any, ...] = ()
    options: Mapping[str, Any] | None = None
    content_type: str | None = None
    state = Given(str)
    channel_id = Given(str)
    failure_code = Given(str)
    failure_details = Given(str)
    failover_reference = Given(str)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRequest(_Sending):
    """One text to many: `to` has numbers, `contact:`, `group:` and other prefixed addresses.

    `from_` is `sender_id:<id>`, `channel:<id>` or a bare id. `pause_expiry_time` is 24 hours ahead at most,
    `external_id` 1500 characters long. `group_mms` is one MMS to up to 10 recipients in the United States.
    """

    to: tuple[str, ...] = ()
    group_mms: bool | None = None
    message_type = Given(str)
    scheduled = Given(bool)
    request_start_time = Given(datetime)
    recipient_count = Given(int)
    sent_count = Given(int)
    delivered_count = Given(int)
    read_count = Given(int)
    click_thru_count = Given(int)
    converted_count = Given(int)
    canceled_count = Given(int)
    failed_count = Given(int)
    media_requested_count = Given(int)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment(Model):
    """One part of a message on its way."""

    fragment_id: str | None = None
    fragment_state: str | None = None
    charge: float | None = None
    failure_code: str | None = None
    failure_details: str | None = None
    protocol_error: str | None = None
    external_id: str | None = None
    delivery_report_reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(_Sending):
    """One message to (MT) or from (MO) one person. To send one, fill `from_`, `to` and what a request has too."""

    to: str | None = None
    message_request_id = Given(str)
    external_message_request_id = Given(str)
    direction = Given(str)
    customer_sender_id = Given(str)
    from_address = Given(str)
    to_address = Given(str)
    protocol_error = Given(str)
    sent_date = Given(datetime)
    delivered_date = Given(datetime)
    converted_date = Given(datetime)
    reply_to = Given(str)
    type = Given(str)
    contact_id = Given(str)
    price = Given(float)
    destination_country = Given(str)
    sender_id_alias = Given(str)
    fragment_count = Given(int)
    fragments_info = GivenList(Fragment)
    group_to = GivenList(str)
    number_type = Given(str)
    external_transaction_ids = GivenList(str)
    conversion_info_source = Given(str)


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderId(Record):
    """A number, short code or other address of ours. `state` is changed by activate and deactivate."""

    name: str | None = None
    parent_id: str | None = None
    ownership: str | None = None
    class_id: str | None = None
    type_id: str | None = None
    address: str | None = None
    content_type: str | None = None
    message_templates: tuple[str, ...] = ()
    country: str | None = None
    credentials: str | None = hidden()
    consent_managed_by: str | None = None
    capabilities: tuple[str, ...] = ()
    check_white_list: bool | None = None
    register_number: str | None = None
    register_method: str | None = None
    verification_code: str | None = hidden()
    state = Given(str)
    alias = Given(str)
    suspend_reason = Given(str)
    billing = Given(str)
    start_date = Given(datetime)
    end_date = Given(datetime)
    shortcode_address_type = Given(str)
    restriction_id = Given(str)
    register_provider = Given(str)


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderIdWord(Record):
    """A class or a type of sender ids."""

    name: str | None = None
    description: str | None = None
    capabilities: tuple[str, ...] = joined()
    allowed_mime_types: tuple[str, ...] = joined()
    blocked_mime_types: tuple[str, ...] = joined()
    gateway_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel(Record):
    """Sender ids under one name. `priority` is high, normal or low."""

    name: str | None = None
    description: str | None = None
    priority: str | None = None
    message_templates: tuple[str, ...] = ()
    ownership = Given(str)
    country = Given(str)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTemplate(Record):
    """A text with places to fill, used by `#parse("Name")`. `pattern` is the text."""

    designation: str | None = None
    name: str | None = None
    pattern: str | None = None
    ownership = Given(str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyword(Record):
    """What an inbound text is compared with, and what follows. `value` is literal or a POSIX extended pattern."""

    name: str | None = None
    description: str | None = None
    value: str | None = None
    case: str | None = None
    sender_id: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    associated_info: str | None = None
    campaign_id: str | None = None
    type: str | None = None
    actions: tuple[str, ...] = joined()
    reply_template: str | None = None
    attachments: tuple[str, ...] = joined()
    search_words_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment(Record):
    """A file. `type` is its MIME type; `state` is CREATED, then UPLOADED. What others sent is untrusted."""

    name: str | None = None
    type: str | None = None
    filename: str | None = None
    size = Given(int)
    state = Given(str)
    content_url = Given(str)
    designation = Given(str)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken(Record):
    """Leave to reach one resource for a while. Its `id` is the token itself."""

    id = Given(str)
    resource: str | None = None
    resource_id: str | None = None
    expiry_time: datetime | None = None
