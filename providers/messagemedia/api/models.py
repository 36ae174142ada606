"""The objects of MessageMedia's API. Source: README of this folder, sections 3 to 7."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.rest.models import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage(Model):
    """A message to send. `content` and `destination_number` are required; times need a zone and go out as UTC.

    `format` is SMS, MMS or TTS; `media` (URLs of png, jpeg or gif) and `subject` belong to an MMS.
    """

    content: str = field(default="", repr=False)
    destination_number: str = field(default="", repr=False)
    format: str | None = None
    source_number: str | None = field(default=None, repr=False)
    source_number_type: str | None = None
    callback_url: str | None = None
    delivery_report: bool | None = None
    scheduled: datetime | None = None
    message_expiry_timestamp: datetime | None = None
    metadata: Mapping[str, str] | None = field(default=None, repr=False)
    media: tuple[str, ...] = ()
    subject: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Model):
    """A message that was sent, and where it stands: `status` is the provider's own word."""

    message_id: str | None = None
    status: str | None = None
    content: str | None = field(default=None, repr=False)
    destination_number: str | None = field(default=None, repr=False)
    format: str | None = None
    source_number: str | None = field(default=None, repr=False)
    source_number_type: str | None = None
    callback_url: str | None = None
    delivery_report: bool | None = None
    scheduled: datetime | None = None
    message_expiry_timestamp: datetime | None = None
    metadata: Mapping[str, Any] | None = field(default=None, repr=False)
    media: tuple[str, ...] = ()
    subject: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credits(Model):
    """What is left of prepaid credit. The shape is not published: `raw` has what was answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorAccount(Model):
    """Where a message belongs: `vendor_id` is `MessageMedia` (APAC) or `SinchEU` (EU)."""

    vendor_id: str | None = None
    account_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport(Model):
    """One change of a message's status. `source_number` is the number that the message was sent to."""

    delivery_report_id: str | None = None
    message_id: str | None = None
    status: str | None = None
    error_code: str | None = None
    source_number: str | None = field(default=None, repr=False)
    date_received: datetime | None = None
    submitted_date: datetime | None = None
    original_text: str | None = field(default=None, repr=False)
    vendor_account_id: VendorAccount | None = None
    callback_url: str | None = None
    metadata: Mapping[str, Any] | None = field(default=None, repr=False)
    delay: int | None = None
    billing_units: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment(Model):
    """A file of an MMS reply; `content` is base64."""

    content_type: str | None = None
    content: str | None = field(default=None, repr=False)
    original_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Model):
    """What a person wrote. Without `message_id` it answers nothing that was sent."""

    reply_id: str | None = None
    message_id: str | None = None
    source_number: str | None = field(default=None, repr=False)
    destination_number: str | None = field(default=None, repr=False)
    content: str | None = field(default=None, repr=False)
    date_received: datetime | None = None
    vendor_account_id: VendorAccount | None = None
    callback_url: str | None = None
    metadata: Mapping[str, Any] | None = field(default=None, repr=False)
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageWebhook(Model):
    """A webhook of the account. `read_timeout` is in milliseconds, `retry_delay` in seconds.

    `headers` may hold a shared secret.
    """

    id: str | None = None
    url: str | None = None
    method: str | None = None
    encoding: str | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    events: tuple[str, ...] = ()
    template: str | None = None
    read_timeout: int | None = None
    retries: int | None = None
    retry_delay: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureKey(Model):
    """A key that notifications are signed with. `public_key` is told once, when the key is made."""

    key_id: str | None = None
    public_key: str | None = None
    cipher: str | None = None
    digest: str | None = None
    created: datetime | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorisation(Model):
    """Whether the account may write to a number: one on the blacklist is not `authorised`."""

    number: str | None = field(default=None, repr=False)
    authorised: bool | None = None
