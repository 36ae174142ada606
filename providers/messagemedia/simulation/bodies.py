"""Bodies as MessageMedia writes them, for the simulator. Every number is of a range that is fiction's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from providers.messagemedia.simulation.templates import Variables

Fields = Mapping[str, Any]
OURS = "+61491570110"
ACCOUNT = "HooklineDemo"
CALLBACK_URL = "https://receiver.example.com/webhooks/messagemedia"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message of ours. `source` is our number, None where the provider chose one."""

    id: str
    to: str
    text: str = "Your parcel is here."
    source: str | None = OURS
    vendor: str = "MessageMedia"
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    callback_url: str | None = CALLBACK_URL
    format: str = "SMS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One change of status of a message, `code` as the provider numbers it."""

    id: str
    sent: Sent
    status: str
    code: str | None
    at: float

    def callback(self) -> Fields:
        """Return the fixed notification."""
        coded = {} if self.code is None else {"error_code": self.code}
        return {**self._common(), **coded}

    def polled(self) -> Fields:
        """Return the item of a check: it names no code, and the billing units."""
        return {**self._common(), "billing_units": 1}

    def variables(self) -> Variables:
        """Return what a template of a webhook can name."""
        return {
            **_shared(self.sent, self.at),
            "drId": self.id,
            "reportId": self.id,
            "status": self.status,
            "statusCode": self.code or "",
            "sourceAddress": self.sent.to,
            "billingUnits": "1",
        }

    def _common(self) -> Fields:
        return {
            "callback_url": self.sent.callback_url,
            "delivery_report_id": self.id,
            "source_number": self.sent.to,
            "date_received": stamp(self.at),
            "status": self.status,
            "delay": 0,
            "submitted_date": stamp(self.at - 0.5),
            "original_text": self.sent.text,
            "message_id": self.sent.id,
            "vendor_account_id": _vendor(self.sent),
            "metadata": dict(self.sent.metadata),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a person wrote. `sent` is the message that it answers; without `answers` the provider names none."""

    id: str
    sent: Sent
    text: str
    at: float
    answers: bool = True
    attachments: Sequence[Fields] = ()

    def callback(self) -> Fields:
        """Return the fixed notification."""
        return {**self.polled(), "attachments": list(self.attachments)} if self.attachments else self.polled()

    def polled(self) -> Fields:
        """Return the item of a check: attachments are not told."""
        fields = {
            "callback_url": self.sent.callback_url,
            "message_id": self.sent.id if self.answers else None,
            "reply_id": self.id,
            "source_number": self.sent.to,
            "destination_number": self.sent.source,
            "date_received": stamp(self.at),
            "metadata": dict(self.sent.metadata),
            "vendor_account_id": _vendor(self.sent),
            "content": self.text,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def variables(self) -> Variables:
        """Return what a template of a webhook can name."""
        known: dict[str, str | Sequence[Mapping[str, str]]] = {
            **_shared(self.sent, self.at),
            "moId": self.id,
            "replyId": self.id,
            "sourceAddress": self.sent.to,
            "destinationAddress": self.sent.source or "",
            "moContent": self.text,
            "replyContent": self.text,
            "attachments": [
                {"contentType": one["content_type"], "base64": one["content"], "originalName": one["original_name"]}
                for one in self.attachments
            ],
        }
        if not self.answers:
            del known["mtId"], known["messageId"]
        return known

    def opt_out(self) -> Variables:
        """Return what a template of an opt-out can name: its own id in place of a reply's."""
        known = {name: value for name, value in self.variables().items() if name not in {"moId", "replyId"}}
        return {**known, "notificationId": self.id}


def stamp(moment: float) -> str:
    """Return Unix seconds as MessageMedia writes a time: `2016-11-03T11:49:02.807Z`."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _vendor(sent: Sent) -> Fields:
    return {"vendor_id": sent.vendor, "account_id": ACCOUNT}


def _shared(sent: Sent, at: float) -> Variables:
    return {
        "mtId": sent.id,
        "messageId": sent.id,
        "accountId": ACCOUNT,
        "vendorId": sent.vendor,
        "submittedTimestamp": stamp(at - 0.5),
        "receivedTimestamp": stamp(at),
        "mtContent": sent.text,
        "messageContent": sent.text,
        "format": sent.format,
        "metadata": [{"key": key, "value": value} for key, value in sent.metadata.items()],
    }
