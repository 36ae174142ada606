"""What each operation of the Syniverse client sends, as the specification documents it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from providers.rest.operations import operations_of
from providers.rest.pages import Pages
from providers.syniverse.api.filters import (
    AccessTokenFilters,
    AttachmentFilters,
    ChannelFilters,
    ConsentFilters,
    ConsentHistoryFilters,
    ContactFilters,
    ContactGroupFilters,
    Filters,
    KeywordFilters,
    MessageFilters,
    MessageRequestFilters,
    SenderIdFilters,
    TemplateFilters,
)
from providers.syniverse.api.models import (
    AccessToken,
    Attachment,
    Channel,
    Keyword,
    Message,
    MessageRequest,
    MessageTemplate,
    SenderId,
)
from providers.syniverse.api.people import ConsentStatus, Contact, ContactGroup
from providers.syniverse.client import SyniverseClient
from tests.support.syniverse_api import (
    Reply,
    listed,
)

MADE = Reply(200, {"id": "8WYC4Q5UnznRlDIWXmcp45"})
ITEM = Reply(200, {"id": "i1", "version_number": 7})
DONE = Reply(204)
EMPTY = listed(total=0)
CONTENT = "/scg-attachment/api/v1/messaging/attachments"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Contract:
    """One operation: how it is called, what the server answers, and the requests that have to be seen."""

    operation: str
    arguments: Mapping[str, Any]
    replies: tuple[Reply, ...]
    requests: tuple[tuple[Any, ...], ...]
    bodies: tuple[Any, ...] = field(default=())


def created(group: str, path: str, item: Any, body: Any) -> Contract:
    """Return the contract of a create."""
    return Contract(f"{group}.create", {"item": item}, (MADE,), (("POST", path, {}),), (body,))


def shown(group: str, path: str) -> Contract:
    """Return the contract of a get."""
    return Contract(f"{group}.get", {"id": "i1"}, (ITEM,), (("GET", f"{path}/i1", {}),))


def changed(group: str, path: str, changes: Any, body: Any, *, name: str = "update", method: str = "POST") -> Contract:
    """Return the contract of an update or a replacement."""
    parameter = "changes" if name == "update" else "item"
    requests: tuple[tuple[Any, ...], ...] = (("GET", f"{path}/i1", {}), (method, f"{path}/i1", {}))
    body = body | {"version_number": 7}
    return Contract(f"{group}.{name}", {"id": "i1", parameter: changes}, (ITEM, DONE), requests, (None, body))


def gone(group: str, path: str) -> Contract:
    """Return the contract of a delete."""
    return Contract(f"{group}.delete", {"id": "i1"}, (DONE,), (("DELETE", f"{path}/i1", {}),))


def filtered(group: str, path: str, filters: Filters, query: Mapping[str, str]) -> Contract:
    """Return the contract of a list."""
    query = {**query, "sort": "created_date", "offset": "20", "limit": "10"}
    arguments = {"filters": filters, "sort": "created_date", "offset": 20, "limit": 10}
    return Contract(f"{group}.list", arguments, (EMPTY,), (("GET", path, query),))


def state(group: str, name: str, path: str, word: str, **arguments: Any) -> Contract:
    """Return the contract of a change of state."""
    requests: tuple[tuple[Any, ...], ...] = (("GET", f"{path}/i1", {}), ("POST", f"{path}/i1", {}))
    bodies = (None, {"state": word, "version_number": 7})
    return Contract(f"{group}.{name}", {"id": "i1"} | arguments, (ITEM, DONE), requests, bodies)


REQUESTS = "/messaging/message_requests"
MESSAGES = "/messaging/messages"
SENDERS = "/messaging/sender_ids"
CHANNELS = "/messaging/channels"
TEMPLATES = "/messaging/message_templates"
KEYWORDS = "/messaging/keywords"
ATTACHMENTS = "/messaging/attachments"
CONSENT = "/consent/contact_address_statuses"
UNSENT = {"offset": "0"}

CONTRACTS = [
    created(
        "contacts",
        "/contacts",
        Contact(first_name="Ada", primary_mdn="+12025550142", interest_list=({"code": "math"},)),
        {"first_name": "Ada", "primary_mdn": "+12025550142", "interest_list": [{"code": "math"}]},
    ),
    shown("contacts", "/contacts"),
    changed("contacts", "/contacts", Contact(fast_access_20="x"), {"fast_access_20": "x"}),
    changed("contacts", "/contacts", Contact(last_name="K"), {"last_name": "K"}, name="replace", method="PUT"),
    filtered("contacts", "/contacts", ContactFilters(last_name=("K", "B")), {"last_name": "K,B"}),
    gone("contacts", "/contacts"),
    created(
        "contact_groups",
        "/contact_groups",
        ContactGroup(name="VIP", criteria="gender='F'"),
        {"name": "VIP", "criteria": "gender='F'"},
    ),
    shown("contact_groups", "/contact_groups"),
    changed("contact_groups", "/contact_groups", ContactGroup(name="B"), {"name": "B"}),
    changed("contact_groups", "/contact_groups", ContactGroup(name="B"), {"name": "B"}, name="replace", method="PUT"),
    filtered("contact_groups", "/contact_groups", ContactGroupFilters(status=("Ready",)), {"status": "Ready"}),
    gone("contact_groups", "/contact_groups"),
    Contract(
        "contact_group_members.add",
        {"owner_id": "g1", "members": ["c1", "c2"]},
        (Reply(200, {}),),
        (("POST", "/contact_groups/g1/contacts", {}),),
        ({"contacts": ["c1", "c2"]},),
    ),
    Contract(
        "contact_group_members.list",
        {"owner_id": "g1", "filters": ContactFilters(first_name=("Ada",))},
        (EMPTY,),
        (("GET", "/contact_groups/g1/contacts", {"first_name": "Ada", "offset": "0"}),),
    ),
    Contract(
        "contact_group_members.remove",
        {"owner_id": "g1", "member_id": "c1"},
        (DONE,),
        (("DELETE", "/contact_groups/g1/contacts/c1", {}),),
    ),
    created(
        "message_requests",
        REQUESTS,
        MessageRequest(
            from_="channel:x",
            to=("+12025550142", "contact:c1", "group:g1"),
            body="Hi",
            scheduled_delivery_time=NOW,
            scheduled_delivery_time_zone="LOCAL",
            contact_delivery_address_priority=("WHATSAPP", "MDN"),
        ),
        {
            "from": "channel:x",
            "to": ["+12025550142", "contact:c1", "group:g1"],
            "body": "Hi",
            "scheduled_delivery_time": "2026-01-01T00:00:00.000Z",
            "scheduled_delivery_time_zone": "LOCAL",
            "contact_delivery_address_priority": "WHATSAPP,MDN",
        },
    ),
    shown("message_requests", REQUESTS),
    changed("message_requests", REQUESTS, MessageRequest(campaign_id="c"), {"campaign_id": "c"}),
    filtered(
        "message_requests",
        REQUESTS,
        MessageRequestFilters(state=("PAUSED",), test_message_flag=True),
        {"state": "PAUSED", "test_message_flag": "true"},
    ),
    gone("message_requests", REQUESTS),
    state("message_requests", "set_state", REQUESTS, "PAUSED", state="PAUSED"),
    state("message_requests", "cancel", REQUESTS, "CANCELED"),
    state("message_requests", "resume", REQUESTS, "TRANSMITTING"),
    Contract(
        "message_requests.cancel_scheduled",
        {"id": "r1"},
        (DONE,),
        (("DELETE", f"{REQUESTS}/scheduled/r1", {}),),
    ),
    Contract("message_requests.counts", {"id": "r1"}, (ITEM,), (("GET", f"{REQUESTS}/r1", {}),)),
    Contract(
        "message_requests.messages",
        {"request_id": "r1", "filters": MessageFilters(state=("FAILED",))},
        (EMPTY,),
        (("GET", f"{REQUESTS}/r1/messages", {"state": "FAILED", "offset": "0"}),),
    ),
    Contract(
        "message_requests.find_by_external_id",
        {"external_id": "order-4713"},
        (EMPTY,),
        (("GET", REQUESTS, {"external_id": "order-4713", "offset": "0"}),),
    ),
    created(
        "messages",
        MESSAGES,
        Message(from_="sender_id:s", to="+12025550142", body="Hi"),
        {"from": "sender_id:s", "to": "+12025550142", "body": "Hi"},
    ),
    shown("messages", MESSAGES),
    changed("messages", MESSAGES, Message(conversation_id="c"), {"conversation_id": "c"}),
    filtered("messages", MESSAGES, MessageFilters(direction="MO"), {"direction": "MO"}),
    gone("messages", MESSAGES),
    state("messages", "set_state", MESSAGES, "CONVERTED", state="CONVERTED"),
    state("messages", "mark_processed", MESSAGES, "PROCESSED"),
    Contract("messages.cancel_scheduled", {"id": "m1"}, (DONE,), (("DELETE", f"{MESSAGES}/scheduled/m1", {}),)),
    Contract("messages.attachments", {"id": "m1"}, (EMPTY,), (("GET", f"{MESSAGES}/m1/attachments", UNSENT),)),
    created(
        "sender_ids",
        SENDERS,
        SenderId(name="Main", class_id="COMMERCIAL", type_id="LONGCODE", capabilities=("SMS", "MMS")),
        {"name": "Main", "class_id": "COMMERCIAL", "type_id": "LONGCODE", "capabilities": ["SMS", "MMS"]},
    ),
    shown("sender_ids", SENDERS),
    changed("sender_ids", SENDERS, SenderId(consent_managed_by="SCG"), {"consent_managed_by": "SCG"}),
    filtered("sender_ids", SENDERS, SenderIdFilters(country=("USA",)), {"country": "USA"}),
    gone("sender_ids", SENDERS),
    state("sender_ids", "set_state", SENDERS, "ACTIVE", state="ACTIVE"),
    state("sender_ids", "activate", SENDERS, "ACTIVE"),
    state("sender_ids", "deactivate", SENDERS, "INACTIVE"),
    Contract(
        "sender_ids.purchase",
        {"parent_id": "p1"},
        (MADE,),
        (("POST", f"{SENDERS}/purchase", {}),),
        ({"parent_id": "p1"},),
    ),
    Contract(
        "sender_ids.list_limited",
        {"name": ["Main"]},
        (EMPTY,),
        (("GET", f"{SENDERS}/list", {"name": "Main", "offset": "0"}),),
    ),
    Contract(
        "sender_ids.delete_by",
        {"filters": SenderIdFilters(parent_id=("p1",), check_white_list=True)},
        (Reply(200, {"del_qty": 3}),),
        (("DELETE", SENDERS, {"parent_id": "p1", "check_white_list": "true"}),),
    ),
    shown("sender_id_classes", "/messaging/sender_id_classes"),
    filtered("sender_id_classes", "/messaging/sender_id_classes", Filters(id=("COMMERCIAL",)), {"id": "COMMERCIAL"}),
    shown("sender_id_types", "/messaging/sender_id_types"),
    filtered("sender_id_types", "/messaging/sender_id_types", Filters(id=("PUSH",)), {"id": "PUSH"}),
    created("channels", CHANNELS, Channel(name="C", priority="high"), {"name": "C", "priority": "high"}),
    shown("channels", CHANNELS),
    changed("channels", CHANNELS, Channel(description="D"), {"description": "D"}),
    changed("channels", CHANNELS, Channel(name="N"), {"name": "N"}, name="replace", method="PUT"),
    filtered("channels", CHANNELS, ChannelFilters(priority=("low",)), {"priority": "low"}),
    gone("channels", CHANNELS),
    Contract(
        "channel_sender_ids.add",
        {"owner_id": "ch1", "members": ["s1"]},
        (Reply(200, {}),),
        (("POST", f"{CHANNELS}/ch1/sender_ids", {}),),
        ({"sender_ids": ["s1"]},),
    ),
    Contract(
        "channel_sender_ids.list", {"owner_id": "ch1"}, (EMPTY,), (("GET", f"{CHANNELS}/ch1/sender_ids", UNSENT),)
    ),
    Contract(
        "channel_sender_ids.remove",
        {"owner_id": "ch1", "member_id": "s1"},
        (DONE,),
        (("DELETE", f"{CHANNELS}/ch1/sender_ids/s1", {}),),
    ),
    created("templates", TEMPLATES, MessageTemplate(name="T", pattern="$x"), {"name": "T", "pattern": "$x"}),
    shown("templates", TEMPLATES),
    changed("templates", TEMPLATES, MessageTemplate(pattern="$y"), {"pattern": "$y"}),
    changed("templates", TEMPLATES, MessageTemplate(name="U"), {"name": "U"}, name="replace", method="PUT"),
    filtered("templates", TEMPLATES, TemplateFilters(designation=("D",)), {"designation": "D"}),
    gone("templates", TEMPLATES),
    created("keywords", KEYWORDS, Keyword(name="S", actions=("OPTOUT",)), {"name": "S", "actions": "OPTOUT"}),
    shown("keywords", KEYWORDS),
    changed("keywords", KEYWORDS, Keyword(value="STOP"), {"value": "STOP"}),
    changed("keywords", KEYWORDS, Keyword(case="SENSITIVE"), {"case": "SENSITIVE"}, name="replace", method="PUT"),
    filtered("keywords", KEYWORDS, KeywordFilters(type=("COMPANY",)), {"type": "COMPANY"}),
    gone("keywords", KEYWORDS),
    created("attachments", ATTACHMENTS, Attachment(name="W", type="image/jpeg"), {"name": "W", "type": "image/jpeg"}),
    shown("attachments", ATTACHMENTS),
    changed("attachments", ATTACHMENTS, Attachment(filename="w.jpg"), {"filename": "w.jpg"}),
    filtered("attachments", ATTACHMENTS, AttachmentFilters(size=7), {"size": "7"}),
    gone("attachments", ATTACHMENTS),
    Contract(
        "attachments.token",
        {"id": "a1", "expiry_time": NOW},
        (MADE,),
        (("POST", "/access_tokens", {}),),
        ({"resource": "ATTACHMENT", "resource_id": "a1", "expiry_time": "2026-01-01T00:00:00.000Z"},),
    ),
    Contract(
        "attachments.access_token",
        {"id": "a1"},
        (MADE,),
        (("POST", f"{ATTACHMENTS}/a1/access_tokens", {}),),
        ({},),
    ),
    Contract(
        "attachments.upload",
        {"id": "a1", "content": b"bytes", "token": "t/1"},
        (DONE,),
        (("POST", f"{CONTENT}/t%2F1/content", {}),),
        (b"bytes",),
    ),
    Contract(
        "attachments.download",
        {"id": "a1", "token": "t1"},
        (Reply(200, b"bytes"),),
        (("GET", f"{CONTENT}/t1/content", {}),),
    ),
    created(
        "access_tokens",
        "/access_tokens",
        AccessToken(resource="ATTACHMENT", resource_id="a1"),
        {"resource": "ATTACHMENT", "resource_id": "a1"},
    ),
    shown("access_tokens", "/access_tokens"),
    filtered("access_tokens", "/access_tokens", AccessTokenFilters(application_id=7), {"application_id": "7"}),
    gone("access_tokens", "/access_tokens"),
    created(
        "consent",
        CONSENT,
        ConsentStatus(address_type="MDN", address="+12025550142", sender_id="s1", consent_status="OPTIN"),
        {"address_type": "MDN", "address": "+12025550142", "sender_id": "s1", "consent_status": "OPTIN"},
    ),
    shown("consent", CONSENT),
    changed("consent", CONSENT, ConsentStatus(consent_status="OPTOUT"), {"consent_status": "OPTOUT"}),
    filtered("consent", CONSENT, ConsentFilters(consent_status=("BLACKLIST",)), {"consent_status": "BLACKLIST"}),
    gone("consent", CONSENT),
    Contract(
        "consent.optout",
        {"sender_id": "s1", "addresses": ["+12025550142"], "consent_status": "WEB"},
        (Reply(200, b""),),
        (("POST", f"{CONSENT}/optout", {}),),
        ({"sender_id": "s1", "addresses": ["+12025550142"], "consent_status": "WEB"},),
    ),
    filtered(
        "consent_history",
        "/consent/contact_address_history",
        ConsentHistoryFilters(source=("CARRIER",)),
        {"source": "CARRIER"},
    ),
]


async def called(syniverse: SyniverseClient, name: str, arguments: Mapping[str, Any]) -> Any:
    """Make a call by its name; of a list, its first page."""
    found = operations_of(syniverse)[name].method_of(syniverse)(**arguments)
    return await found.page() if isinstance(found, Pages) else await found
