"""From a webhook or a polled item to its members, and what kind of news it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from providers.bodies import NotAnObject
from providers.contract import NO_SETTINGS, Settings
from providers.messagemedia.events.bodies import GROUP_PARAMETER, Body, Unreadable, body_of, parameters_of, query_of
from providers.messagemedia.events.members import Members, renamed_by
from providers.messagemedia.events.variables import is_unfilled_reply_id
from providers.messagemedia.proof.doubts import doubt_of
from schemas.vocabulary import Ingress
from schemas.webhook import Webhook

DELIVERY_REPORTS_PATH = "/v1/delivery_reports"
REPLIES_PATH = "/v1/replies"
BLACKLIST_PATH = "/v1/number_authorisation/mt/blacklist"
MESSAGE_PATH = "/v1/messages/"
"""The path of one message, up to its id."""


class Kind(StrEnum):
    """What a request tells of."""

    DELIVERY_REPORT = "delivery_report"
    REPLY = "reply"
    OPT_OUT = "opt_out"
    LISTING = "listing"
    MESSAGE = "message"


# The literals of our own templates, then the provider's names of its events, for templates that use them.
_BY_EVENT: Mapping[str, Kind] = {
    "delivery_report": Kind.DELIVERY_REPORT,
    "reply": Kind.REPLY,
    "opt_out": Kind.OPT_OUT,
    "received_sms": Kind.REPLY,
    "received_mms": Kind.REPLY,
    "opt_out_sms": Kind.OPT_OUT,
    **dict.fromkeys(
        ("enroute_dr", "submitted_dr", "delivered_dr", "expired_dr", "rejected_dr", "failed_dr"), Kind.DELIVERY_REPORT
    ),
}
_BY_ID: Mapping[str, Kind] = {
    "delivery_report_id": Kind.DELIVERY_REPORT,
    "notification_id": Kind.OPT_OUT,
    "reply_id": Kind.REPLY,
}
_BY_GROUP: Mapping[str, Kind] = {
    "reports": Kind.DELIVERY_REPORT,
    "replies": Kind.REPLY,
    "opt_outs": Kind.OPT_OUT,
}
_BY_POLL: Mapping[str, Kind] = {
    DELIVERY_REPORTS_PATH: Kind.DELIVERY_REPORT,
    REPLIES_PATH: Kind.REPLY,
    BLACKLIST_PATH: Kind.LISTING,
}
# `id` is the message in the provider's template for reports, the reply in the ones for messages of people.
_ID_OF: Mapping[Kind, Mapping[str, str]] = {
    Kind.DELIVERY_REPORT: {"message_id": "id"},
    Kind.REPLY: {"reply_id": "id"},
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A webhook taken apart. `kind` is None where `failure` says why."""

    webhook: Webhook
    body: Body
    members: Members = field(default_factory=lambda: Members({}))
    kind: Kind | None = None
    failure: Unreadable | NotAnObject | None = None


def read(webhook: Webhook, settings: Settings = NO_SETTINGS) -> Reading:
    """Return the parts of a webhook. Never raises, whatever the bytes."""
    body = body_of(webhook)
    if body.failure is not None:
        return Reading(webhook, body, failure=body.failure)
    members = Members(body.root, renamed_by(settings), plus_lost=body.plus_lost)
    polled = webhook.ingress == Ingress.POLL
    kind = _polled(webhook) if polled else _pushed(webhook, members)
    if kind is None:
        return Reading(webhook, body, members, failure=Unreadable.UNKNOWN_EVENT)
    # What is polled was written by no template.
    if not polled and (doubt := doubt_of(body, members, is_report=kind is Kind.DELIVERY_REPORT)):
        return Reading(webhook, body, members, failure=doubt)
    return Reading(webhook, body, replace(members, more=_ID_OF.get(kind, {})), kind)


def _polled(webhook: Webhook) -> Kind | None:
    path = webhook.target.partition("?")[0]
    return Kind.MESSAGE if path.startswith(MESSAGE_PATH) else _BY_POLL.get(path)


def _pushed(webhook: Webhook, members: Members) -> Kind | None:
    return (
        _BY_EVENT.get((members.text("event") or "").lower())
        or next((kind for name, kind in _BY_ID.items() if members.text(name) is not None), None)
        or _unfilled(members)
        or _BY_GROUP.get(_group(webhook))
        or _by_shape(members)
    )


def _group(webhook: Webhook) -> str:
    group = parameters_of(query_of(webhook)).get(GROUP_PARAMETER)
    return group if isinstance(group, str) else ""


def _unfilled(members: Members) -> Kind | None:
    """Tell an opt-out that came through a template for replies: it alone leaves the variable of their id unfilled."""
    ids = replace(members, more=_ID_OF[Kind.REPLY]).found("reply_id")
    unfilled = any(is_unfilled_reply_id(value) for _, value in ids)
    return Kind.OPT_OUT if unfilled and members.words("content") is not None else None


def _by_shape(members: Members) -> Kind | None:
    if members.code("status") is not None or members.code("error_code") is not None:
        return Kind.DELIVERY_REPORT
    said = members.words("content") is not None or any(value for _, value in members.found("attachments"))
    return Kind.REPLY if said else None
