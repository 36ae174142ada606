"""The account's one messaging profile. The simulator delivers to its own URL, whatever stands here."""

from typing import Any

from providers.api_calls import Call, json_answer
from providers.simulation import ApiAnswer
from providers.telnyx.simulation.bodies import ORGANIZATION, PROFILE, stamp
from providers.telnyx.simulation.pages import page
from providers.telnyx.simulation.refusals import error, not_found, wrong

_CREATED = 1_700_000_000.0
_VERSIONS = ("1", "2", "2010-04-01")
_URLS = ("webhook_url", "webhook_failover_url")
_SETTABLE = ("name", "enabled", *_URLS, "webhook_api_version")


class Profiles:
    """Answers for the messaging profiles. The one that there is has no webhook URL at first."""

    def __init__(self) -> None:
        self._profile: dict[str, Any] = {
            "record_type": "messaging_profile",
            "id": PROFILE,
            "organization_id": ORGANIZATION,
            "name": "Simulated",
            "enabled": True,
            "webhook_url": None,
            "webhook_failover_url": None,
            "webhook_api_version": "2",
            "created_at": stamp(_CREATED),
            "updated_at": stamp(_CREATED),
        }

    def list(self, call: Call) -> ApiAnswer:
        """Answer a page of all."""
        return page(call, [self._profile])

    def update(self, call: Call, profile_id: str) -> ApiAnswer:
        """Answer a change; what is not named stays."""
        if profile_id != PROFILE:
            return not_found()
        given = call.value()
        if not isinstance(given, dict):
            return error(400, "10023")
        changes = {name: given[name] for name in _SETTABLE if name in given}
        refusal = _refusal(changes)
        if refusal is not None:
            return refusal
        self._profile = {**self._profile, **changes, "updated_at": stamp(call.now)}
        return json_answer(200, {"data": self._profile})


def is_url(value: object) -> bool:
    """Tell whether a value is an http or https URL."""
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def _refusal(changes: dict[str, Any]) -> ApiAnswer | None:
    name = next((name for name in _URLS if changes.get(name) not in (None, "") and not is_url(changes[name])), None)
    if name is not None:
        return wrong("10003", name)
    if changes.get("webhook_api_version", "2") not in _VERSIONS:
        return wrong("10032", "webhook_api_version", f"One of {', '.join(_VERSIONS)}.")
    if not isinstance(changes.get("enabled", True), bool):
        return wrong("10026", "enabled")
    return None if isinstance(changes.get("name", ""), str) else wrong("10026", "name")
