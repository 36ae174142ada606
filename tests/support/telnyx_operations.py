"""Every operation of Telnyx's API with every parameter, as our client and as Telnyx's own SDK call it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.telnyx import NOW
from tests.support.telnyx_calls import MESSAGE_ID, NUMBER_ID, OURS, PROFILE_ID, THEIRS

SEND_AT = datetime.fromtimestamp(NOW, UTC) + timedelta(hours=1)
SEND_AT_TEXT = "2026-01-01T01:00:00.000Z"
KEY = "5e5e-key:1"
HOOKS = {
    "webhook_url": "https://receiver.example.com/a",
    "webhook_failover_url": "https://receiver.example.com/b",
    "use_profile_webhooks": False,
}
CONTENT = {
    "text": "Żółć & more",
    "subject": "From us",
    "media_urls": ["https://media.example.com/a.png"],
    "type": "MMS",
    **HOOKS,
    "auto_detect": True,
}
WHATSAPP = {"type": "text", "text": {"body": "Hello", "preview_url": False}, "biz_opaque_callback_data": "c-1"}
ORDER = "5e5e0000-0000-4000-8000-00000000cccc"
PAGE = (("page[number]", "2"), ("page[size]", "50"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What an operation is asked with, and what has to go out for that.

    `sdk` is the SDK's name of it; `sdk_arguments` replace ours where the SDK names or writes them otherwise.
    """

    name: str
    method: str
    path: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    query: Sequence[tuple[str, str]] = ()
    body: Mapping[str, Any] | None = None
    keyed: bool = False
    listed: bool = False
    sdk: str = ""
    sdk_arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])


def given(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body's fields as arguments: `from` and `type` are words of Python."""
    return {f"{name}_" if name in {"from", "type"} else name: value for name, value in body.items()}


def sent(name: str, path: str, sdk: str, body: Mapping[str, Any]) -> Contract:
    """Return a send with an idempotency key."""
    return Contract(
        name=name,
        method="POST",
        path=path,
        arguments=given(body) | {"idempotency_key": KEY},
        body=body,
        keyed=True,
        sdk=f"messages.{sdk}",
        sdk_arguments={"from_": body["from"]} if "from" in body else {},
    )


SCHEDULED = {"from": OURS, "to": THEIRS, "messaging_profile_id": PROFILE_ID, **CONTENT, "send_at": SEND_AT_TEXT}
CONTRACTS = (
    sent("send", "/messages", "send", {**SCHEDULED, "encoding": "ucs2"}),
    Contract(
        name="retrieve",
        method="GET",
        path=f"/messages/{MESSAGE_ID}",
        arguments={"id_": MESSAGE_ID},
        sdk="messages.retrieve",
    ),
    Contract(
        name="cancel_scheduled",
        method="DELETE",
        path=f"/messages/{MESSAGE_ID}",
        arguments={"id_": MESSAGE_ID},
        sdk="messages.cancel_scheduled",
    ),
    sent(
        "send_whatsapp",
        "/messages/whatsapp",
        "whatsapp",
        {
            "from": OURS,
            "to": "US.13491208655302741918",
            "whatsapp_message": WHATSAPP,
            "type": "WHATSAPP",
            "messaging_profile_id": PROFILE_ID,
            "webhook_url": HOOKS["webhook_url"],
        },
    ),
    sent(
        "send_group_mms",
        "/messages/group_mms",
        "send_group_mms",
        {
            "from": OURS,
            "to": [THEIRS, "+13125550102"],
            "text": "Hi",
            "subject": "S",
            "media_urls": ["https://media.example.com/a.png"],
            **HOOKS,
        },
    ),
    sent(
        "send_long_code",
        "/messages/long_code",
        "send_long_code",
        {"from": OURS, "to": THEIRS, **CONTENT, "encoding": "auto"},
    ),
    sent(
        "send_number_pool",
        "/messages/number_pool",
        "send_number_pool",
        {"to": THEIRS, "messaging_profile_id": PROFILE_ID, **CONTENT, "encoding": "gsm7"},
    ),
    sent(
        "send_short_code",
        "/messages/short_code",
        "send_short_code",
        {"from": "72555", "to": THEIRS, **CONTENT, "encoding": "auto"},
    ),
    Contract(
        name="schedule",
        method="POST",
        path="/messages/schedule",
        arguments=given(SCHEDULED),
        body=SCHEDULED,
        sdk="messages.schedule",
    ),
    Contract(
        name="list_opt_outs",
        method="GET",
        path="/messaging_optouts",
        arguments={
            "filter_messaging_profile_id": PROFILE_ID,
            "filter_from": OURS,
            "created_at_gte": SEND_AT,
            "created_at_lte": SEND_AT,
            "redaction_enabled": True,
            "page_number": 2,
            "page_size": 50,
        },
        query=(
            ("filter[messaging_profile_id]", PROFILE_ID),
            ("filter[from]", OURS),
            ("created_at[gte]", SEND_AT_TEXT),
            ("created_at[lte]", SEND_AT_TEXT),
            ("redaction_enabled", "true"),
            *PAGE,
        ),
        listed=True,
        sdk="messaging_optouts.list",
        sdk_arguments={
            "filter": {"messaging_profile_id": PROFILE_ID, "from": OURS},
            "created_at": {"gte": SEND_AT_TEXT, "lte": SEND_AT_TEXT},
            "redaction_enabled": "true",
        },
    ),
    Contract(
        name="retrieve_number_settings",
        method="GET",
        path=f"/phone_numbers/{NUMBER_ID}/messaging",
        arguments={"id_": NUMBER_ID},
        sdk="phone_numbers.messaging.retrieve",
    ),
    Contract(
        name="update_number_settings",
        method="PATCH",
        path=f"/phone_numbers/{NUMBER_ID}/messaging",
        arguments={"id_": NUMBER_ID, "messaging_profile_id": "", "messaging_product": "P2P", "tags": ["a", "b"]},
        body={"messaging_profile_id": "", "messaging_product": "P2P", "tags": ["a", "b"]},
        sdk="phone_numbers.messaging.update",
    ),
    Contract(
        name="list_number_settings",
        method="GET",
        path="/phone_numbers/messaging",
        arguments={
            "filter_messaging_profile_id": PROFILE_ID,
            "filter_phone_number": [OURS, "+17735550101"],
            "filter_phone_number_contains": "773",
            "filter_type": "longcode",
            "sort_phone_number": "desc",
            "page_number": 2,
            "page_size": 50,
        },
        query=(
            ("filter[messaging_profile_id]", PROFILE_ID),
            ("filter[phone_number]", f"{OURS},+17735550101"),
            ("filter[phone_number][contains]", "773"),
            ("filter[type]", "longcode"),
            ("sort[phone_number]", "desc"),
            *PAGE,
        ),
        listed=True,
        sdk="phone_numbers.messaging.list",
        sdk_arguments={"filter_phone_number": f"{OURS},+17735550101"},
    ),
    Contract(
        name="retrieve_mobile_number_settings",
        method="GET",
        path=f"/mobile_phone_numbers/{NUMBER_ID}/messaging",
        arguments={"id_": NUMBER_ID},
        sdk="mobile_phone_numbers.messaging.retrieve",
    ),
    Contract(
        name="list_mobile_number_settings",
        method="GET",
        path="/mobile_phone_numbers/messaging",
        arguments={"page_number": 2, "page_size": 50},
        query=PAGE,
        listed=True,
        sdk="mobile_phone_numbers.messaging.list",
    ),
    Contract(
        name="create_bulk_update",
        method="POST",
        path="/messaging_numbers_bulk_updates",
        arguments={"messaging_profile_id": PROFILE_ID, "numbers": [OURS], "assign_only": True},
        body={"messaging_profile_id": PROFILE_ID, "numbers": [OURS], "assign_only": True},
        sdk="messaging_numbers_bulk_updates.create",
    ),
    Contract(
        name="retrieve_bulk_update",
        method="GET",
        path=f"/messaging_numbers_bulk_updates/{ORDER}",
        arguments={"order_id": ORDER},
        sdk="messaging_numbers_bulk_updates.retrieve",
    ),
)
"""All 17 operations, each with every parameter that Telnyx documents."""


def of_ours(contract: Contract) -> dict[str, Any]:
    """Return the arguments of our client."""
    times = {"send_at": SEND_AT} if "send_at" in contract.arguments else {}
    return {**contract.arguments, **times}


def of_the_sdk(contract: Contract) -> tuple[list[Any], dict[str, Any]]:
    """Return the positional and the named arguments of the SDK."""
    named = {**contract.arguments, **contract.sdk_arguments}
    positional = [named.pop(name) for name in ("id_", "order_id") if name in named]
    if "type_" in named:
        named["type"] = named.pop("type_")
    for name in list(named):
        if "filter" in contract.sdk_arguments and name.startswith(("filter_", "created_at_")):
            named.pop(name)
    return positional, named
