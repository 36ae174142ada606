"""Calls to SCG's REST API, with JSON in and out. Source: specification, section 2."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from providers.fields import Json
from providers.rest.answers import Answer
from providers.rest.errors import UnreadableAnswerError
from providers.rest.pages import Page, Pages
from providers.rest.paths import path_part
from providers.rest.transport import Call, Transport
from providers.syniverse.api.answers import object_of, page_of
from providers.syniverse.api.limits import check_page
from providers.syniverse.api.records import Created, Record
from schemas.times import Clock

R = TypeVar("R", bound=Record)


class Api:
    """What the resources make their calls with. `name` is the operation, for errors."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self.clock = clock

    async def read(self, name: str, path: str, query: Iterable[tuple[str, str]] = ()) -> Answer:
        """Return the answer of a GET, which is safe to repeat. Raises ApiError."""
        call = Call(name=name, method="GET", path=path, query=tuple(query), repeatable=True)
        return await self._transport.call(call)

    async def create(self, name: str, path: str, body: Mapping[str, Any]) -> Created:
        """Return the id of what a POST made; it is never repeated where it may have had its effect. Raises ApiError."""
        found = Created.of(await self.post(name, path, body))
        if found.id is None:
            raise UnreadableAnswerError(f"{name}: the answer has no id")
        return found

    async def post(self, name: str, path: str, body: Mapping[str, Any]) -> Json:
        """Return the JSON object that a POST answers, an empty one where there is no body. Raises ApiError."""
        answer = await self._transport.call(Call(name=name, method="POST", path=path, body=orjson.dumps(body)))
        return object_of(answer, name) if answer.body.strip() else {}

    async def write(self, name: str, method: str, path: str, body: Mapping[str, Any]) -> None:
        """Write an item that has a version: to do it twice has the effect of once. Raises ApiError."""
        call = Call(name=name, method=method, path=path, body=orjson.dumps(body), repeatable=True)
        await self._transport.call(call)

    async def remove(self, name: str, path: str, query: Iterable[tuple[str, str]] = ()) -> Answer:
        """Return the answer of a DELETE, which is safe to repeat. Raises ApiError."""
        call = Call(name=name, method="DELETE", path=path, query=tuple(query), repeatable=True)
        return await self._transport.call(call)

    async def rest(self, tries: int) -> None:
        """Wait a little before an update is begun again: somebody else is at the same item."""
        await self._transport.rest(tries)

    def pages(self, kind: type[R], listing: "Listing") -> Pages[R]:
        """Return a list of resources. Raises LimitError; reading raises ApiError."""
        check_page(listing.offset, listing.limit)
        fixed = [*listing.query, *([] if listing.limit is None else [("limit", str(listing.limit))])]

        async def fetch(place: int) -> Page[R]:
            answer = await self.read(listing.name, listing.path, [*fixed, ("offset", str(place))])
            return page_of(kind, answer, place, listing.name)

        return Pages(fetch, listing.offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One list: the operation's name, where it is, its filters. `limit` is a wish: the server may give less."""

    name: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    offset: int = 0
    limit: int | None = None


def part(id: str) -> str:  # noqa: A002 - the provider's own word
    """Return an id as part of a path. Raises LimitError for what would name another place: nothing, or dots."""
    return path_part("id", id)
