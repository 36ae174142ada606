"""What belongs to something else: contacts to groups, sender ids to channels, messages to requests."""

from collections.abc import Sequence

from providers.api_calls import Call, Route, json_answer, no_content, routes
from providers.simulation import ApiAnswer
from providers.syniverse.simulation.refusals import missing, not_found
from providers.syniverse.simulation.resources import Resources
from providers.syniverse.simulation.store import Store


class Members:
    """Members of the items of one collection, by their ids. An unknown id is told, and the others are added."""

    def __init__(self, store: Store, resources: Resources, owner: str, kind: str, name: str) -> None:
        self._store, self._resources = store, resources
        self._owner, self._kind, self._name = owner, kind, name

    def routes(self, base: str) -> Sequence[Route]:
        """Return the routes of the members of an item."""
        path = f"{base}{self._owner}/([^/]+)/{self._name}"
        return (
            *routes(path, get=self._list, post=self._add),
            *routes(f"{path}/([^/]+)", delete=self._remove),
        )

    def _list(self, call: Call, owner_id: str) -> ApiAnswer:
        owner = self._store.find(self._owner, owner_id)
        if owner is None:
            return not_found()
        # An id that no object has keeps an empty list from being no filter at all.
        return self._resources.list(call, self._kind, id=",".join(owner.get("members", ())) or "-")

    def _add(self, call: Call, owner_id: str) -> ApiAnswer:
        owner, given = self._store.find(self._owner, owner_id), call.fields().get(self._name)
        if owner is None:
            return not_found()
        if not isinstance(given, list) or not given:
            return missing(self._name)
        known = [one for one in given if self._store.find(self._kind, one)]
        members = list(dict.fromkeys([*owner.get("members", ()), *known]))
        changes = {"members": members, "member_count": len(members)}
        self._store.change(self._owner, owner_id, changes, call.now)
        errors = {str(one): f"Unknown document: {one}" for one in given if one not in known}
        return json_answer(200, {"errors": errors} if errors else {})

    def _remove(self, call: Call, owner_id: str, member_id: str) -> ApiAnswer:
        owner = self._store.find(self._owner, owner_id) or {}
        if member_id not in owner.get("members", ()):
            return not_found()
        members = [one for one in owner["members"] if one != member_id]
        changes = {"members": members, "member_count": len(members)}
        self._store.change(self._owner, owner_id, changes, call.now)
        return no_content()
