"""The custom webhooks that a customer registers. The simulator delivers to its one URL, whatever they name."""

from typing import Any

from providers.api_calls import Call, json_answer, no_content
from providers.fiction import Fiction
from providers.fields import Json
from providers.messagemedia.simulation.refusals import NOT_FOUND, error
from providers.simulation import ApiAnswer

_METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")
_ENCODINGS = ("JSON", "FORM_ENCODED", "XML")
_EVENTS = (
    "RECEIVED_SMS",
    "OPT_OUT_SMS",
    "RECEIVED_MMS",
    "ENROUTE_DR",
    "SUBMITTED_DR",
    "DELIVERED_DR",
    "EXPIRED_DR",
    "REJECTED_DR",
    "FAILED_DR",
)
_CHANGEABLE = ("url", "method", "encoding", "headers", "events", "template")
_CREATED = (*_CHANGEABLE, "read_timeout", "retries", "retry_delay")
_WRONG = "Something went wrong. Please try again later."
_TAKEN = "A webhook with the given url and method already exists."
_MOST = 1000


class Webhooks:
    """The registered webhooks by their ids. URL and method together are unique."""

    def __init__(self, fiction: Fiction) -> None:
        self._fiction = fiction
        self._webhooks: dict[str, dict[str, Any]] = {}

    def headers(self, method: str) -> dict[str, str]:
        """Return the headers that the registered webhooks of a method bring."""
        found: dict[str, str] = {}
        for webhook in self._webhooks.values():
            if webhook["method"] == method:
                found.update({name.lower(): value for name, value in webhook["headers"].items()})
        return found

    def create(self, call: Call) -> ApiAnswer:
        """Answer a creation."""
        given = call.fields()
        webhook = {"headers": {}, "retries": 0, **{name: given[name] for name in _CREATED if name in given}}
        if not _is_right(webhook) or len(self._webhooks) >= _MOST:
            return error(400, _WRONG)
        if self._is_taken(webhook):
            return error(409, _TAKEN)
        webhook_id = self._fiction.uuid()
        self._webhooks[webhook_id] = {"id": webhook_id, **webhook}
        return json_answer(201, self._webhooks[webhook_id])

    def list(self, call: Call) -> ApiAnswer:
        """Answer a page; pages count from 0."""
        page, size = call.whole("page", 0), max(call.whole("page_size", 20), 1)
        shown = list(self._webhooks.values())[page * size : (page + 1) * size]
        return json_answer(200, {"page": page, "pageSize": size, "pageData": shown})

    def update(self, call: Call, webhook_id: str) -> ApiAnswer:
        """Answer a change of at least one property."""
        webhook, given = self._webhooks.get(webhook_id), call.fields()
        if webhook is None:
            return error(404, NOT_FOUND)
        changed = {**webhook, **{name: given[name] for name in _CHANGEABLE if name in given}}
        if not given.keys() & set(_CHANGEABLE) or not _is_right(changed):
            return error(400, _WRONG)
        if self._is_taken(changed):
            return error(409, _TAKEN)
        self._webhooks[webhook_id] = changed
        return json_answer(200, changed)

    def delete(self, _call: Call, webhook_id: str) -> ApiAnswer:
        """Answer a deletion."""
        return no_content() if self._webhooks.pop(webhook_id, None) else error(404, NOT_FOUND)

    def _is_taken(self, webhook: Json) -> bool:
        return any(
            other["id"] != webhook.get("id") and (other["url"], other["method"]) == (webhook["url"], webhook["method"])
            for other in self._webhooks.values()
        )


def _is_right(webhook: Json) -> bool:
    url, events = webhook.get("url"), webhook.get("events")
    return (
        isinstance(url, str)
        and url.startswith(("http://", "https://"))
        and len(url) <= 1000
        and webhook.get("method") in _METHODS
        and webhook.get("encoding") in _ENCODINGS
        and isinstance(events, list)
        and bool(events)
        and all(event in _EVENTS for event in events)
        and _are_headers(webhook["headers"])
        and _is_within(webhook.get("retries", 0), 0, 5)
        and _is_within(webhook.get("retry_delay", 5), 5, 60)
        and _is_within(webhook.get("read_timeout", 1), 1, 60_000)
    )


def _are_headers(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(text, str) and len(text) <= 1000 and len(name) <= 200 and name.lower() != "content-type"
        for name, text in value.items()
    )


def _is_within(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and least <= value <= most
