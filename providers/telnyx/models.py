"""What Telnyx's API answers, as typed values. Source: README, section 5, and Telnyx's Python SDK 4.189.0."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from providers.fields import decimal_text
from providers.rest.models import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Money(Model):
    """An amount as decimal text; some of Telnyx's pages show it as a number."""

    amount: str | None = None
    currency: str | None = None

    @classmethod
    def of(cls, value: object) -> Self:
        """Return the money that a JSON object holds."""
        found = super(Money, cls).of(value)
        return found if found.amount is not None else replace(found, amount=decimal_text(found.raw.get("amount")))


@dataclass(frozen=True, slots=True, kw_only=True)
class CostBreakdown(Model):
    """What makes up the cost of a message."""

    carrier_fee: Money | None = None
    rate: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Party(Model):
    """Who sends or receives: a number with its carrier, or an RCS agent."""

    phone_number: str | None = None
    status: str | None = None
    carrier: str | None = None
    line_type: str | None = None
    agent_id: str | None = None
    agent_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageMedia(Model):
    """A file of a message. `sha256` is `hash_sha256` in the schema of inbound messages."""

    url: str | None = None
    content_type: str | None = None
    size: int | None = None
    sha256: str | None = None
    hash_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageError(Model):
    """An error of a message. `source` says what it points to."""

    code: str | None = None
    title: str | None = None
    detail: str | None = None
    source: Mapping[str, Any] | None = None
    meta: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Model):
    """A message, outbound or inbound, by `direction`. A sender or recipient that is a lone text is a number."""

    id: str | None = None
    record_type: str | None = None
    direction: str | None = None
    type: str | None = None
    from_: Party | None = None
    to: tuple[Party, ...] = ()
    cc: tuple[Party, ...] = ()
    text: str | None = None
    subject: str | None = None
    body: Mapping[str, Any] | None = None
    media: tuple[MessageMedia, ...] = ()
    messaging_profile_id: str | None = None
    organization_id: str | None = None
    encoding: str | None = None
    smart_encoding_applied: bool | None = None
    parts: int | None = None
    num_chars: int | None = None
    cost: Money | None = None
    cost_breakdown: CostBreakdown | None = None
    errors: tuple[MessageError, ...] = ()
    tags: tuple[str, ...] = ()
    group_message_id: str | None = None
    template_id: str | None = None
    template_name: str | None = None
    autoresponse_type: str | None = None
    is_spam: bool | None = None
    use_profile_webhooks: bool | None = None
    webhook_url: str | None = None
    webhook_failover_url: str | None = None
    tcr_campaign_id: str | None = None
    tcr_campaign_registered: str | None = None
    tcr_campaign_billable: bool | None = None
    wait_seconds: float | None = None
    send_at: datetime | None = None
    received_at: datetime | None = None
    sent_at: datetime | None = None
    completed_at: datetime | None = None
    valid_until: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @classmethod
    def of(cls, value: object) -> Self:
        """Return the message that a JSON object holds."""
        source: Mapping[str, Any] = value if isinstance(value, dict) else {}
        people = {name: _parties(source.get(name)) for name in ("to", "cc")}
        found = super(Message, cls).of({**source, **people, "from": _party(source.get("from"))})
        return replace(found, raw=source)


def _party(value: object) -> object:
    return {"phone_number": value} if isinstance(value, str) else value


def _parties(value: object) -> object:
    if isinstance(value, str):
        return [_party(value)]
    return [_party(item) for item in value] if isinstance(value, list) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSet(Model):
    """What a number can do by SMS or by MMS."""

    domestic_two_way: bool | None = None
    international_inbound: bool | None = None
    international_outbound: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Features(Model):
    """What a number can do."""

    sms: FeatureSet | None = None
    mms: FeatureSet | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health(Model):
    """How a number's messages fare; the ratios are 0 to 1, save the first."""

    message_count: int | None = None
    inbound_outbound_ratio: float | None = None
    success_ratio: float | None = None
    spam_ratio: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberSettings(Model):
    """The messaging settings of one of our numbers."""

    id: str | None = None
    record_type: str | None = None
    phone_number: str | None = None
    messaging_profile_id: str | None = None
    messaging_product: str | None = None
    eligible_messaging_products: tuple[str, ...] = ()
    traffic_type: str | None = None
    type: str | None = None
    country_code: str | None = None
    features: Features | None = None
    health: Health | None = None
    tags: tuple[str, ...] = ()
    organization_id: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut(Model):
    """One block: `to` is the person who wants no messages from `from_`, and from no number of the profile."""

    created_at: datetime | None = None
    from_: str | None = None
    to: str | None = None
    keyword: str | None = None
    messaging_profile_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkUpdate(Model):
    """Where an order to assign many numbers stands."""

    record_type: str | None = None
    order_id: str | None = None
    success: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagingProfile(Model):
    """A messaging profile, as far as a receiver needs to know it."""

    id: str | None = None
    name: str | None = None
    enabled: bool | None = None
    webhook_url: str | None = None
    webhook_failover_url: str | None = None
    webhook_api_version: str | None = None
