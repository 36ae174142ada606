"""The templates of the webhooks that this project registers, one a group of events.

Apache Velocity. Source: README of this folder, sections 4.2 and 4.3. Members are named as in the fixed
notifications, with a literal `event` and the `format` beside them; what is missing is an empty text. The count of
retries is left out on purpose: so a repeat has the bytes of the first delivery, and counts as one.
"""

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

REPORT_EVENTS = ("ENROUTE_DR", "SUBMITTED_DR", "DELIVERED_DR", "EXPIRED_DR", "REJECTED_DR", "FAILED_DR")
REPLY_EVENTS = ("RECEIVED_SMS", "RECEIVED_MMS")
OPT_OUT_EVENTS = ("OPT_OUT_SMS",)


def _text(variable: str) -> str:
    # Both marks are needed: the inner one for a variable that is not there, the outer one for the null of it.
    return f'"$!esc.json($!{variable})"'


_METADATA = (
    '"metadata":{#foreach($entry in $metadata.entrySet())'
    '"$!esc.json($entry.key)":"$!esc.json($entry.value)"#if($foreach.hasNext),#end#end}'
)
_ATTACHMENTS = (
    '"attachments":[#foreach($entry in $attachments)'
    '{"content_type":"$!esc.json($entry.contentType)","content":"$!entry.base64",'
    '"original_name":"$!esc.json($entry.originalName)"}#if($foreach.hasNext),#end#end]'
)
_VENDOR_ACCOUNT = f'"vendor_account_id":{{"vendor_id":{_text("vendorId")},"account_id":{_text("accountId")}}}'
_COMMON = f'"format":{_text("format")},{_VENDOR_ACCOUNT},{_METADATA}'

_REPORT = (
    f'{{"event":"delivery_report","delivery_report_id":{_text("drId")},"message_id":{_text("mtId")},'
    f'"status":{_text("status")},"error_code":{_text("statusCode")},"source_number":{_text("sourceAddress")},'
    f'"date_received":{_text("receivedTimestamp")},"submitted_date":{_text("submittedTimestamp")},'
    f'"original_text":{_text("mtContent")},"billing_units":{_text("billingUnits")},{_COMMON}}}'
)
_REPLY = (
    f'{{"event":"reply","reply_id":{_text("moId")},"message_id":{_text("mtId")},'
    f'"source_number":{_text("sourceAddress")},"destination_number":{_text("destinationAddress")},'
    f'"date_received":{_text("receivedTimestamp")},"content":{_text("moContent")},{_ATTACHMENTS},{_COMMON}}}'
)
_OPT_OUT = (
    f'{{"event":"opt_out","notification_id":{_text("notificationId")},"message_id":{_text("mtId")},'
    f'"source_number":{_text("sourceAddress")},"destination_number":{_text("destinationAddress")},'
    f'"date_received":{_text("receivedTimestamp")},"content":{_text("moContent")},{_COMMON}}}'
)


@dataclass(frozen=True, slots=True)
class Group:
    """Events that share a webhook: its name, which marks its URL too, and what it sends for them."""

    name: str
    events: tuple[str, ...]
    template: str


GROUPS = (
    Group("reports", REPORT_EVENTS, _REPORT),
    Group("replies", REPLY_EVENTS, _REPLY),
    Group("opt_outs", OPT_OUT_EVENTS, _OPT_OUT),
)
"""The webhooks of an account, each with a URL of its own: URL and method are unique at the provider."""


def webhook_url(public_url: str, group: Group) -> str:
    """Return the URL of a group's webhook: the account's public one with `group` in its query."""
    parts = urlsplit(public_url)
    query = "&".join(filter(None, (parts.query, urlencode({"group": group.name}))))
    return urlunsplit(parts._replace(query=query))
