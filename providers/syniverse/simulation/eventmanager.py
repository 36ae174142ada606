"""The Event Manager's API: where events are delivered, and which. The simulator delivers to its one URL in any case."""

from collections.abc import Sequence
from itertools import count

from providers.api_calls import Call, Route, json_answer, no_content, routes
from providers.fields import Json
from providers.simulation import ApiAnswer
from providers.syniverse.simulation.refusals import missing, not_found

_BASE = "/ess/v1"
_MOST = 1000
_TOPICS = ("SCG-Message", "SCG-Voice-Call", "NIS-Events", "MSS-Messages", "ABA-Messages")


class EventManager:
    """Delivery configurations and subscriptions, numbered."""

    def __init__(self) -> None:
        self._configurations: dict[str, Json] = {}
        self._subscriptions: dict[str, Json] = {}
        self._number = count(1266)

    def routes(self) -> Sequence[Route]:
        """Return the routes of this API."""
        configurations, subscriptions = f"{_BASE}/delivery-configurations", f"{_BASE}/topic-subscriptions"
        return (
            *routes(f"{_BASE}/topics", get=_topics),
            *routes(configurations, get=self._list_configurations, post=self._configure),
            *routes(f"{configurations}/([^/]+)", get=self._get_configuration, put=self._reconfigure),
            *routes(f"{configurations}/([^/]+)", delete=self._delete_configuration),
            *routes(f"{_BASE}/topics/([^/]+)/subscriptions", post=self._subscribe),
            *routes(subscriptions, get=self._list_subscriptions),
            *routes(f"{subscriptions}/([^/]+)", get=self._get_subscription, delete=self._unsubscribe),
        )

    def _configure(self, call: Call) -> ApiAnswer:
        given = call.fields()
        lacking = next((name for name in ("del-cfg-nm", "del-prtcl-cd", "addr") if not given.get(name)), None)
        if lacking is not None or len(self._configurations) >= _MOST:
            return missing(lacking or "room")
        made = {**given, "id": str(next(self._number))}
        self._configurations[made["id"]] = made
        return json_answer(201, made)

    def _reconfigure(self, call: Call, number: str) -> ApiAnswer:
        if number not in self._configurations:
            return not_found()
        self._configurations[number] = {**call.fields(), "id": number}
        return no_content()

    def _list_configurations(self, call: Call) -> ApiAnswer:
        return _page(call, "delivery-configurations", list(self._configurations.values()))

    def _get_configuration(self, _call: Call, number: str) -> ApiAnswer:
        found = self._configurations.get(number)
        return not_found() if found is None else json_answer(200, found)

    def _delete_configuration(self, _call: Call, number: str) -> ApiAnswer:
        return not_found() if self._configurations.pop(number, None) is None else no_content()

    def _subscribe(self, call: Call, topic: str) -> ApiAnswer:
        given = call.fields()
        configuration = self._configurations.get(str(given.get("del-cfg-id")))
        if configuration is None or topic not in _TOPICS or len(self._subscriptions) >= _MOST:
            return not_found()
        named = {"del-cfg-nm": configuration["del-cfg-nm"], "topic-nm": topic, "match-crt": ""}
        made = {**named, **given, "id": str(next(self._number))}
        self._subscriptions[made["id"]] = made
        return json_answer(201, made)

    def _list_subscriptions(self, call: Call) -> ApiAnswer:
        if "limit" not in call.query:
            return missing("limit")
        return _page(call, "topic-subscriptions", list(self._subscriptions.values()))

    def _get_subscription(self, _call: Call, number: str) -> ApiAnswer:
        found = self._subscriptions.get(number)
        return not_found() if found is None else json_answer(200, found)

    def _unsubscribe(self, _call: Call, number: str) -> ApiAnswer:
        return not_found() if self._subscriptions.pop(number, None) is None else no_content()


def _topics(call: Call) -> ApiAnswer:
    return _page(call, "topics", [{"topic-nm": name} for name in _TOPICS])


def _page(call: Call, name: str, every: Sequence[Json]) -> ApiAnswer:
    offset, limit = call.whole("offset", 0), call.whole("limit", _MOST)
    return json_answer(200, {"paged-result": {"offset": offset, "limit": limit}, name: every[offset : offset + limit]})
