"""What Syniverse says of one message, whether an event's field map or a REST message object says it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from providers.fields import LONGEST_LIST, Json, items, text
from providers.syniverse.events.values import address, first, ids, label, moment, price, trimmed, whole
from providers.syniverse.statuses import state_of
from schemas.events import Cost, Media

POSTBACK = "postback"
"""The kind of an RCS reply whose text is a JSON object with `postbackData`."""

_WEB = ("https://", "http://")
# When a REST message came into its state; for other states the last change has to do.
_STATE_DATES: Mapping[str, str] = {
    "SENT": "sent_date",
    "DELIVERED": "delivered_date",
    "CONVERTED": "converted_date",
    "RECEIVED": "created_date",
    "PROCESSED": "created_date",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One message. `attachments` are ids of Syniverse's attachment resources, `media_urls` plain URLs.

    `changed_at` is when a REST object came into its state; an event's time is in its envelope.
    """

    message_id: str | None = None
    request_id: str | None = None
    external_id: str | None = None
    sender_id: str | None = None
    from_: str | None = None
    to: str | None = None
    state: str | None = None
    code: str | None = None
    words: str | None = None
    text: str | None = field(default=None, repr=False)
    subject: str | None = field(default=None, repr=False)
    attachments: tuple[str, ...] = ()
    media_urls: tuple[str, ...] = ()
    channel: str | None = None
    cost: Cost | None = None
    parts: int | None = None
    changed_at: datetime | None = None
    sent_at: datetime | None = None
    completed_at: datetime | None = None
    valid_until: datetime | None = None

    @property
    def content_type(self) -> str | None:
        """The kind of content where it is not plain text."""
        written = (self.text or "").lstrip()
        return POSTBACK if written.startswith("{") and '"postbackData"' in written else None

    @property
    def media(self) -> tuple[Media, ...]:
        """References to the files. The name of an attachment is its id: the client gets file and type by it."""
        return (*(Media(name=one) for one in self.attachments), *(Media(url=url) for url in self.media_urls))


def pushed(fields: Json) -> Facts:
    """Return what an event's field map says (specification, 6.3)."""
    return Facts(
        message_id=trimmed(fields, "message_id"),
        request_id=trimmed(fields, "message_request_id"),
        external_id=trimmed(fields, "external_message_request_id", "external_id"),
        sender_id=trimmed(fields, "sender_id_id"),
        from_=address(fields.get("from_address")),
        to=address(fields.get("to_address")),
        state=state_of(trimmed(fields, "new_state")),
        code=label(fields, "reason_code"),
        words=trimmed(fields, "reason_description"),
        text=text(fields, "message_body"),
        attachments=ids(fields, "attachment_ids"),
        media_urls=_urls(fields, "media_urls"),
        cost=price(fields, "mt_price", "mo_price"),
        parts=whole(fields, "fragments_count"),
    )


def polled(item: Json) -> Facts:
    """Return what a REST message object says (specification, 3.2)."""
    state = state_of(trimmed(item, "state"))
    dates = (_STATE_DATES.get(state or "", ""), "last_updated_date", "created_date")
    channel = trimmed(item, "type")
    return Facts(
        message_id=trimmed(item, "id"),
        request_id=trimmed(item, "message_request_id"),
        external_id=trimmed(item, "external_message_request_id", "external_id"),
        sender_id=trimmed(item, "customer_sender_id"),
        from_=address(item.get("from_address")),
        to=address(item.get("to_address")),
        state=state,
        code=label(item, "failure_code", "protocol_error"),
        words=trimmed(item, "failure_details"),
        text=text(item, "body"),
        subject=text(item, "subject"),
        attachments=ids(item, "attachments"),
        media_urls=_urls(item, "media_urls"),
        channel=channel.lower() if channel else None,
        cost=price(item, "price"),
        parts=whole(item, "fragment_count") or len(items(item, "fragments_info")) or None,
        changed_at=first([moment(item.get(name)) for name in dates]),
        sent_at=moment(item.get("sent_date")),
        completed_at=moment(item.get("delivered_date")),
        valid_until=moment(item.get("expiry_time")),
    )


def _urls(source: Json, name: str) -> tuple[str, ...]:
    """Return the URLs of a field whose values Syniverse does not publish: a text, or a list of texts."""
    found = (item.strip() for item in items(source, name) if isinstance(item, str))
    return tuple(dict.fromkeys(item for item in found if item.lower().startswith(_WEB)))[:LONGEST_LIST]
