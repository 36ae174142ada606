"""The members of a body or query under our names, whatever name a template gave them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.contract import Account, AccountError
from providers.fields import Json, decimal_text, number
from providers.messagemedia.events.variables import is_absent, is_absent_text
from schemas.times import parse_time

# The fixed notifications' names, then those of the provider's own samples and of its variables. A dot goes inside.
# `id` is the message in the samples for reports, and the reply in those for replies (`Reading` adds it).
ALIASES: Mapping[str, tuple[str, ...]] = {
    "event": ("event",),
    "delivery_report_id": ("delivery_report_id", "deliveryReportId", "drId", "dr_id", "reportId", "report_id"),
    "reply_id": ("reply_id", "replyId", "moId", "mo_id"),
    "notification_id": ("notification_id", "notificationId"),
    "message_id": ("message_id", "messageId", "mtId", "mt_id"),
    "status": ("status",),
    "error_code": ("error_code", "errorCode", "status_code", "statusCode"),
    "content": (
        "content",
        "message_content",
        "reply_content",
        "replyContent",
        "moContent",
        "contentReply",
        "content.reply",
    ),
    "source_number": (
        "source_number",
        "sourceNumber",
        "source_address",
        "sourceAddress",
        "addressSender",
        "addresses.sender",
    ),
    "destination_number": (
        "destination_number",
        "destinationNumber",
        "destination_address",
        "destinationAddress",
        "addressRecipient",
        "addressRecipeint",  # so it stands in the provider's sample
        "addresses.recipient",
    ),
    "date_received": ("date_received", "dateReceived", "received_timestamp", "receivedTimestamp", "timestamp"),
    "submitted_date": ("submitted_date", "submittedDate", "submitted_timestamp", "submittedTimestamp"),
    "metadata": ("metadata",),
    "attachments": ("attachments",),
    "format": ("format", "service_type", "serviceType", "type"),
    "retry_count": ("retry_count", "retryCount"),
    "billing_units": ("billing_units", "billingUnits"),
}
FIELD_NAMES = tuple(ALIASES)
"""Our names, which the setting `field_names` may map to an account's own."""

_COUNT = re.compile(r"[0-9]{1,9}", re.ASCII)
_AMOUNT = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?", re.ASCII)
# What a plus sign before a number or a zone becomes where it stands unescaped in a query.
_LOST_PLUS = re.compile(r"^ (?=[0-9]{5,15}$)", re.ASCII)
_LOST_ZONE = re.compile(r"(?<=T\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)? (?=\d\d:?\d\d$)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Members:
    """A JSON object, or the fields of a form or query, to be asked by our names.

    `renamed` is the account's own choice of names, `more` are names of this kind of event alone. `plus_lost` says that
    a plus sign may have become a blank on the way.
    """

    root: Json
    renamed: Mapping[str, str] = field(default_factory=dict[str, str])
    more: Mapping[str, str] = field(default_factory=dict[str, str])
    plus_lost: bool = False

    def found(self, name: str) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Yield what stands under each of the names of a member, and its path."""
        own = (self.renamed[name],) if name in self.renamed else ()
        more = (self.more[name],) if name in self.more else ()
        for alias in (*own, *ALIASES[name], *more):
            # Most names are not there: no way has to be made for them.
            if alias not in self.root and "." not in alias:
                continue
            path = (alias,) if alias in self.root else tuple(alias.split("."))
            value = _at(self.root, path)
            if value is not None:
                yield path, value

    def text(self, name: str) -> str | None:
        """Return the first text under that name that is no absent one, trimmed."""
        texts = (value for _, value in self.found(name) if isinstance(value, str) and not is_absent(value))
        return next((value.strip() for value in texts), None)

    def words(self, name: str) -> str | None:
        """Return the first text under that name as a person wrote it."""
        texts = (value for _, value in self.found(name) if isinstance(value, str))
        return next((value for value in texts if not is_absent_text(value)), None)

    def code(self, name: str) -> str | None:
        """Return a code as text: through a template without quotes it is a number."""
        for _, value in self.found(name):
            if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                return str(value)
            if isinstance(value, str) and not is_absent(value):
                return value.strip()
        return None

    def number(self, name: str) -> str | None:
        """Return a phone number as E.164; an alphanumeric sender or a short code stays as it is."""
        texts = (value for _, value in self.found(name) if isinstance(value, str) and not is_absent(value))
        value = next(texts, None)
        if value is None:
            return None
        return number(_LOST_PLUS.sub("+", value) if self.plus_lost else value)

    def moment(self, name: str) -> datetime | None:
        """Return a time in UTC."""
        value = self.text(name)
        if value is not None and self.plus_lost:
            value = _LOST_ZONE.sub(r"\1+", value)
        return parse_time(value)

    def count(self, name: str) -> int | None:
        """Return a whole number, which a template may have put in quotes."""
        value = self.code(name)
        return int(value) if value is not None and _COUNT.fullmatch(value) else None

    def amount(self, name: str) -> str | None:
        """Return a number as decimal text."""
        for _, value in self.found(name):
            said = value.strip() if isinstance(value, str) else decimal_text(value)
            if said is not None and _AMOUNT.fullmatch(said):
                return said
        return None


def check_field_names(account: Account) -> None:
    """Raise AccountError where the account's `field_names` has a name that is none of ours: it would do nothing."""
    given = account.settings.get("field_names")
    unknown = sorted(name for name in given if name not in ALIASES) if isinstance(given, Mapping) else []
    if unknown:
        names = ", ".join(repr(name) for name in unknown)
        known = ", ".join(FIELD_NAMES)
        raise AccountError(f"account {account.name!r}: field_names has no {names}; there are: {known}")


def renamed_by(settings: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the account's `field_names`: our names to theirs."""
    given = settings.get("field_names")
    if not isinstance(given, Mapping):
        return {}
    return {name: alias for name, alias in given.items() if name in ALIASES and isinstance(alias, str) and alias}


def _at(root: Json, path: tuple[str, ...]) -> Any:
    value: Any = root
    for part in path:
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value
