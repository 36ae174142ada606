"""The generic part of the API: create, list, get, update, replace and delete on every collection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from providers.api_calls import Call, Route, json_answer, no_content, routes
from providers.fields import Json
from providers.simulation import ApiAnswer
from providers.syniverse.simulation.refusals import error, missing, not_found
from providers.syniverse.simulation.store import PLATFORM_FIELDS, Record, Store

LONGEST_PAGE = 50
"""Objects of a page, however many are asked for: the provider's own ceiling is not published."""
_USUAL_PAGE = 20
_STEERING = frozenset({"offset", "limit", "sort"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One collection: its path, what a creation needs, and whether its objects can be updated or replaced.

    `begins` are fields that the platform gives a new object; `aliases` filters that are named unlike their field.
    """

    path: str
    needs: tuple[str, ...] = ()
    updates: bool = True
    replaces: bool = False
    begins: Mapping[str, object] = field(default_factory=dict[str, object])
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])


class Resources:
    """Answers for collections of the store. `stale` updates more are met as if somebody had come before."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.stale = 0

    def routes(self, base: str, resource: Resource) -> Sequence[Route]:
        """Return the routes of a collection and its items."""
        name = resource.path
        items = f"{base}{name}/([^/]+)"
        found = [
            *routes(base + name, get=lambda call: self.list(call, name, resource.aliases)),
            *routes(base + name, post=lambda call: self._create(call, resource)),
            *routes(items, get=lambda call, item: self.get(call, name, item)),
            *routes(items, delete=lambda call, item: self.delete(call, name, item)),
        ]
        if resource.updates:
            found += routes(items, post=lambda call, item: self.update(call, name, item))
        if resource.replaces:
            found += routes(items, put=lambda call, item: self._replace(call, resource, item))
        return found

    def list(self, call: Call, collection: str, aliases: Mapping[str, str] | None = None, **fixed: str) -> ApiAnswer:
        """Answer a page of what the query and `fixed` filters leave."""
        named = {name: value for name, value in call.query.items() if name not in _STEERING}
        wanted = {**{(aliases or {}).get(name, name): value for name, value in named.items()}, **fixed}
        every = self._store.every(collection)
        found = [one for one in every if all(_fits(one.get(name), value) for name, value in wanted.items())]
        order = call.query.get("sort", "").lstrip("-")
        if order:
            found.sort(key=lambda one: str(one.get(order, "")), reverse=call.query["sort"].startswith("-"))
        start, limit = call.whole("offset", 0), min(call.whole("limit", _USUAL_PAGE), LONGEST_PAGE)
        return json_answer(200, {"list": found[start : start + limit], "limit": limit, "total": len(found)})

    def get(self, _call: Call, collection: str, item: str) -> ApiAnswer:
        """Answer one object."""
        record = self._store.find(collection, item)
        return not_found() if record is None else json_answer(200, record)

    def delete(self, _call: Call, collection: str, item: str) -> ApiAnswer:
        """Answer a deletion."""
        return no_content() if self._store.delete(collection, item) else not_found()

    def update(self, call: Call, collection: str, item: str) -> ApiAnswer:
        """Answer a partial update, which must come with the version that was read."""
        refusal = self.refusal(call, collection, item)
        if refusal is None:
            self._store.change(collection, item, _settable(call.fields()), call.now)
        return refusal or no_content()

    def refusal(self, call: Call, collection: str, item: str) -> ApiAnswer | None:
        """Return why an object cannot be changed by this call, None where it can."""
        record, version = self._store.find(collection, item), call.fields().get("version_number")
        if record is None:
            return not_found()
        if version is None:
            return missing("version_number")
        if self.stale:
            self.stale -= 1
            self._store.change(collection, item, {}, call.now)
        return None if version == record["version_number"] else error(409, "1001")

    def _create(self, call: Call, resource: Resource) -> ApiAnswer:
        given = call.fields()
        lacking = next((name for name in resource.needs if given.get(name) in (None, "", [])), None)
        if lacking is not None:
            return missing(lacking)
        record = self._store.create(resource.path, {**resource.begins, **_settable(given)}, call.now)
        return json_answer(200, {"id": record["id"]})

    def _replace(self, call: Call, resource: Resource, item: str) -> ApiAnswer:
        refusal = self.refusal(call, resource.path, item)
        if refusal is None:
            fields = {**resource.begins, **_settable(call.fields())}
            self._store.replace(resource.path, item, fields, call.now)
        return refusal or no_content()


def _settable(fields: Json) -> Record:
    return {name: value for name, value in fields.items() if name not in (*PLATFORM_FIELDS, "created_date")}


def _fits(value: object, wanted: str) -> bool:
    """Tell whether a field has one of the values, joined by commas, or lies in a range of dates."""
    if wanted.startswith("[") and wanted.endswith("]"):
        begin, _, end = wanted[1:-1].partition(",")
        return isinstance(value, int) and _milliseconds(begin, 0.0) <= value <= _milliseconds(end, float("inf"))
    held = value if isinstance(value, list) else [value]
    texts = {str(one).lower() if isinstance(one, bool) else str(one) for one in held if one is not None}
    return bool(texts & set(wanted.split(",")))


def _milliseconds(text: str, otherwise: float) -> float:
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return datetime.fromisoformat(text).timestamp() * 1000
    except ValueError:
        return otherwise
