"""What is refused of a message that a customer sends: one rule a field, as Telnyx's pages limit them."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from providers.fields import Json, mapping
from providers.simulation import ApiAnswer
from providers.telnyx.simulation.bodies import PROFILE
from providers.telnyx.simulation.moments import seconds_of
from providers.telnyx.simulation.profiles import is_url
from providers.telnyx.simulation.refusals import wrong
from providers.telnyx.simulation.telling import AGENT

Rule = Callable[[Json, float], ApiAnswer | None]
"""Returns why a body is refused at a time in Unix seconds, None where it is not."""

_SOONEST, _LATEST = 300.0, 5 * 86_400.0
_MOST_IN_A_GROUP = 8
_LONGEST_WHATSAPP_TEXT, _LONGEST_CAPTION = 4096, 1024
_MOST_PARTS = 10
_WHATSAPP_TYPES = (
    "text",
    "image",
    "audio",
    "video",
    "document",
    "sticker",
    "interactive",
    "location",
    "template",
    "reaction",
    "contacts",
)
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_NORTH_AMERICA = re.compile(r"\+1[2-9][0-9]{9}", re.ASCII)
_SHORT_CODE = re.compile(r"[0-9]{3,8}", re.ASCII)
# Telnyx has a path of its own for RCS agents; here the agent of the traffic can be answered as any sender.
_AGENT = re.compile(re.escape(AGENT), re.ASCII)
_SENDER_ID = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}", re.ASCII)
_USER_ID = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9.]{1,255}", re.ASCII)


def refusal_of(rules: Sequence[Rule], given: Json, now: float) -> ApiAnswer | None:
    """Return the refusal of the first rule that a body breaks."""
    return next((refusal for rule in rules if (refusal := rule(given, now)) is not None), None)


def text_of(given: Json) -> str | None:
    """Return the text of a message, None where it has none."""
    text = given.get("text")
    return text if isinstance(text, str) and text else None


def encoding_of(given: Json) -> str:
    """Return how a text is encoded; what is beyond ASCII counts as beyond GSM-7 here."""
    forced = {"gsm7": "GSM-7", "ucs2": "UCS-2"}.get(str(given.get("encoding")))
    return forced or ("GSM-7" if (text_of(given) or "").isascii() else "UCS-2")


def parts_of(given: Json) -> int:
    """Return of how many parts a text is."""
    length = len(text_of(given) or "")
    whole, part = (160, 153) if encoding_of(given) == "GSM-7" else (70, 67)
    return 1 if length <= whole else -(-length // part)


def is_sender_id(value: str) -> bool:
    """Tell whether a sender is a name, and neither a number nor our RCS agent."""
    return any(sign.isalpha() for sign in value) and value != AGENT


def _needs(*names: str) -> Rule:
    def rule(given: Json, _now: float) -> ApiAnswer | None:
        missing = next((name for name in names if given.get(name) in (None, "", [], {})), None)
        return None if missing is None else wrong("10004", missing)

    return rule


def _field(name: str, fits: Callable[[Any], bool], code: str, detail: str = "") -> Rule:
    """Return a rule for a field that may be missing or null."""

    def rule(given: Json, _now: float) -> ApiAnswer | None:
        value = given.get(name)
        return None if value is None or fits(value) else wrong(code, name, detail)

    return rule


def _matches(*patterns: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and any(pattern.fullmatch(value) for pattern in patterns)


def _one_of(*values: str) -> Callable[[Any], bool]:
    return lambda value: value in values


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _are_urls(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_url, value))


def _is_group(value: Any) -> bool:
    return isinstance(value, list) and 1 <= len(value) <= _MOST_IN_A_GROUP


def _are_north_american(value: Any) -> bool:
    return all(map(_matches(_NORTH_AMERICA), value))


def _has_profile(given: Json, _now: float) -> ApiAnswer | None:
    """Refuse where neither a number nor a profile is named, and a sender id without a profile."""
    sender = given.get("from")
    if isinstance(sender, str) and not is_sender_id(sender):
        return None
    name = "from" if sender is None else "messaging_profile_id"
    return None if given.get("messaging_profile_id") else wrong("10004", name)


def _is_ahead(given: Json, now: float) -> ApiAnswer | None:
    value = given.get("send_at")
    if value is None:
        return None
    moment = seconds_of(value)
    if moment is None:
        return wrong("10026", "send_at", "Not a time as ISO 8601.")
    return None if _SOONEST <= moment - now <= _LATEST else wrong("10033", "send_at", "5 minutes to 5 days ahead.")


def _has_content(given: Json, _now: float) -> ApiAnswer | None:
    if text_of(given) is None and not given.get("media_urls"):
        return wrong("40316", "text")
    too_large = not given.get("media_urls") and parts_of(given) > _MOST_PARTS
    return wrong("40302", "text", f"More than {_MOST_PARTS} parts.") if too_large else None


def _whatsapp(given: Json, _now: float) -> ApiAnswer | None:
    message = mapping(given, "whatsapp_message")
    kind = message.get("type")
    if kind not in _WHATSAPP_TYPES:
        return wrong("10032", "whatsapp_message/type", f"One of {', '.join(_WHATSAPP_TYPES)}.")
    content = mapping(message, kind)
    if not content and not message.get(kind):
        return wrong("10004", f"whatsapp_message/{kind}")
    body, caption = content.get("body"), content.get("caption")
    if kind == "text" and not (isinstance(body, str) and 1 <= len(body.encode()) <= _LONGEST_WHATSAPP_TEXT):
        return wrong("10025", "whatsapp_message/text/body", f"1 to {_LONGEST_WHATSAPP_TEXT} bytes.")
    if isinstance(caption, str) and len(caption) > _LONGEST_CAPTION:
        return wrong("10025", f"whatsapp_message/{kind}/caption", f"Up to {_LONGEST_CAPTION} characters.")
    return None


_TO = _field("to", _matches(_E164, _SHORT_CODE), "40310")
_LONG_CODE = _field("from", _matches(_E164), "40305")
_PROFILE = _field("messaging_profile_id", _one_of(PROFILE), "10017")
_HOOKS = (
    _field("webhook_url", is_url, "10003"),
    _field("webhook_failover_url", is_url, "10003"),
    _field("use_profile_webhooks", _is_flag, "10026"),
)
_CONTENT = (
    _field("text", _is_text, "10026"),
    _field("subject", _is_text, "10026"),
    _field("media_urls", _are_urls, "10003"),
    _has_content,
    *_HOOKS,
)
_KIND = (
    _field("type", _one_of("SMS", "MMS"), "10032"),
    _field("auto_detect", _is_flag, "10026"),
    _field("encoding", _one_of("auto", "gsm7", "ucs2"), "10032"),
)
_ANY_SENDER = (_field("from", _matches(_E164, _SHORT_CODE, _SENDER_ID, _AGENT), "40305"), _has_profile, _PROFILE)

MESSAGE: Sequence[Rule] = (_needs("to"), *_ANY_SENDER, _TO, *_KIND, *_CONTENT, _is_ahead)
"""`POST /messages` and `POST /messages/schedule`."""

LONG_CODE: Sequence[Rule] = (_needs("from", "to"), _LONG_CODE, _TO, *_KIND, *_CONTENT)
"""`POST /messages/long_code`."""

SHORT_CODE: Sequence[Rule] = (
    _needs("from", "to"),
    _field("from", _matches(_SHORT_CODE), "40305"),
    _TO,
    *_KIND,
    *_CONTENT,
)
"""`POST /messages/short_code`."""

NUMBER_POOL: Sequence[Rule] = (_needs("to", "messaging_profile_id"), _PROFILE, _TO, *_KIND, *_CONTENT)
"""`POST /messages/number_pool`."""

GROUP: Sequence[Rule] = (
    _needs("from", "to"),
    _LONG_CODE,
    _field("to", _is_group, "10033", f"A list of 1 to {_MOST_IN_A_GROUP} numbers."),
    _field("to", _are_north_american, "40310", "Numbers of the United States and Canada alone."),
    *_CONTENT,
)
"""`POST /messages/group_mms`."""

WHATSAPP: Sequence[Rule] = (
    _needs("from", "to", "whatsapp_message"),
    _LONG_CODE,
    _field("to", _matches(_E164, _USER_ID), "40310"),
    _field("type", _one_of("WHATSAPP"), "10032"),
    _PROFILE,
    _whatsapp,
    *_HOOKS,
)
"""`POST /messages/whatsapp`."""
