"""Events about consent: from what a person wrote, and from the items of Telnyx's list of opt-outs.

An item has `from`, `to`, `created_at`, `keyword` and `messaging_profile_id`, and no id. `to` is the person: Telnyx
calls it the receiving address, its page says that redaction hides "the receiving address", the list's example hides
half of it, and its filter goes by `from`, the sending address: a number of ours, a short code or a sender id. It is
the direction of the messages that are blocked, not of the STOP.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from providers.contract import Settings
from providers.fields import EMPTY, Json, address, mapping, text
from providers.telnyx.optout import CONSENTS, Statement
from schemas.events import ConsentChanged, InboundMessage
from schemas.ids import digest_id, event_id
from schemas.times import format_time, parse_time
from schemas.vocabulary import Consent, ConsentSource, EventType

_HIDDEN = "*"
_EVERYWHERE = "account"


def scope_of(source: Json) -> str:
    """Return what a consent holds for: Telnyx blocks for a whole messaging profile."""
    profile = text(source, "messaging_profile_id")
    return f"profile:{profile}" if profile else _EVERYWHERE


def scope_of_message(event: InboundMessage, settings: Settings) -> str | None:
    """Return the scope of our number that a message came to: the profile that the webhook names. Never raises."""
    del settings  # One Telnyx account may have many profiles: a setting would be a guess.
    try:
        root = event.provider_data.value() if event.provider_data is not None else None
    except ValueError:
        return None
    data = mapping(root, "data") or root if isinstance(root, dict) else EMPTY
    scope = scope_of(mapping(data, "payload"))
    return scope if scope != _EVERYWHERE else None


def said(
    statement: Statement, payload: Json, number: str, message_id: str, common: Mapping[str, Any]
) -> ConsentChanged:
    """Return the event for what a person wrote. Its id is made of the message and the person."""
    return ConsentChanged(
        id=event_id(common["account"], EventType.CONSENT_CHANGED, message_id, number),
        **common,
        message_id=text(payload, "id", "message_id"),
        scope=scope_of(payload),
        number=number,
        consent=statement.consent,
        provider_status=statement.word,
        source=ConsentSource.MESSAGE,
        keyword=statement.keyword,
    )


def is_hidden(number: str) -> bool:
    """Tell whether half of a number is hidden: it then stands for many persons, and for none."""
    return _HIDDEN in number


def time_of(item: Json) -> datetime | None:
    """Return when an item of the list was made."""
    return parse_time(item.get("created_at"))


def listed(item: Json, number: str, common: Mapping[str, Any]) -> ConsentChanged:
    """Return the event for an item of the list, which has no id: profile, both numbers and its time take its place."""
    scope = scope_of(item)
    moment = time_of(item)
    # The time as we write it: `Z` or `+00:00` must not make two events of one.
    when = format_time(moment) if moment is not None else text(item, "created_at")
    identity = digest_id(scope, address(item.get("from")), Consent.OPTED_OUT, when)
    return ConsentChanged(
        id=event_id(common["account"], EventType.CONSENT_CHANGED, identity, number),
        **common,
        scope=scope,
        number=number,
        consent=CONSENTS["STOP"],
        source=ConsentSource.LIST,
        keyword=text(item, "keyword"),
    )
