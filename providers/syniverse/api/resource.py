# ruff: noqa: A002 - parameters are named as the provider names them
"""One class for every resource of SCG: create, get, update, replace, list, delete. Source: README, sections 2 and 3.

What can be updated has a `version_number`: an update reads it, applies the changes and writes; where somebody else has
written meanwhile (409, code 1001), it does so again. To the caller that is one call.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

from providers.rest.errors import ConflictError, LimitError
from providers.rest.operations import names_of, operation
from providers.rest.pages import Pages
from providers.syniverse.api.answers import STALE, object_of
from providers.syniverse.api.calls import Api, Listing, part
from providers.syniverse.api.filters import Filters, Query, more, query_of
from providers.syniverse.api.limits import check
from providers.syniverse.api.records import Created, Record, read, written

STALE_TRIES = 10
"""How often an update reads and writes before it gives up against somebody who is faster."""

R = TypeVar("R", bound=Record)
F = TypeVar("F", bound=Filters)


@dataclass(frozen=True, slots=True)
class Kind(Generic[R, F]):
    """What a resource is: its name for errors, its path, its classes, and which of the six it has."""

    name: str
    path: str
    record: type[R]
    filters: type[F]
    offers: frozenset[str]


class Resource(Generic[R, F]):
    """The items of one kind. What `offers` does not name is refused before any call."""

    def __init__(self, api: Api, kind: Kind[R, F]) -> None:
        self._api = api
        self._kind = kind
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.path = kind.path
        self.offers = kind.offers | (names_of(type(self)) - names_of(Resource))
        self.models: Mapping[str, type] = {"item": kind.record, "changes": kind.record, "filters": kind.filters}

    @operation("POST", "{collection}")
    async def create(self, item: R, extra: Mapping[str, object] | None = None) -> Created:
        """Create an item.

        `extra` are fields that the class does not have, or lists to send empty. Raises ApiError; after
        OutcomeUnknownError the item may be there: nothing is sent twice.
        """
        name = self._operation("create")
        check(item, self._api.clock())
        return await self._api.create(name, self.path, written(item, extra))

    @operation("GET", "{collection}/{id}")
    async def get(self, id: str) -> R:
        """Read an item.

        Raises ApiError.
        """
        name = self._operation("get")
        return read(self._kind.record, object_of(await self._api.read(name, self._item(id)), name))

    @operation("POST", "{collection}/{id}")
    async def update(self, id: str, changes: R, extra: Mapping[str, object] | None = None) -> None:
        """Change the fields of an item that are set, and leave the others.

        `extra` are fields that the class does not have, or lists to make empty. Raises ApiError.
        """
        name = self._operation("update")
        check(changes, self._api.clock())
        body = written(changes, extra)
        await self._write(name, "POST", id, lambda _: body)

    @operation("PUT", "{collection}/{id}")
    async def replace(self, id: str, item: R, extra: Mapping[str, object] | None = None) -> None:
        """Replace all fields of an item by those that are set.

        Raises ApiError.
        """
        name = self._operation("replace")
        check(item, self._api.clock())
        body = written(item, extra)
        await self._write(name, "PUT", id, lambda _: body)

    @operation("GET", "{collection}")
    def list(
        self,
        filters: F | None = None,
        *,
        sort: str | None = None,
        offset: int = 0,
        limit: int | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> Pages[R]:
        """List the items, by filters.

        `sort` is a field, with `-` in front for descending (`-created_date`). `limit` is a wish for the size of a
        page: the server has a ceiling that it does not tell. `extra` are filters that the class does not have.
        Raises LimitError; reading raises ApiError.
        """
        name = self._operation("list")
        query = list_query(filters, sort, extra, self._api.clock())
        listing = Listing(name=name, path=self.path, query=query, offset=offset, limit=limit)
        return self._api.pages(self._kind.record, listing)

    @operation("DELETE", "{collection}/{id}")
    async def delete(self, id: str) -> None:
        """Delete an item.

        Raises ApiError. NotFoundError may mean that an earlier try, whose answer was lost, has deleted it.
        """
        await self._api.remove(self._operation("delete"), self._item(id))

    async def edit(self, id: str, change: Callable[[R], R]) -> None:
        """Read an item, and write what `change` makes of it.

        `change` may run several times: after a stale version it gets the item anew. Raises ApiError.
        """
        name = self._operation("update")
        await self._write(name, "POST", id, lambda current: written(change(current)))

    async def _write(self, name: str, method: str, id: str, body_of: Callable[[R], Mapping[str, Any] | None]) -> None:
        """Read, apply, write, until no version is stale; where `body_of` gives None there is nothing to write.

        Updates of one item by one client wait for each other: only others can be faster.
        """
        turn = self._turns.setdefault(id, asyncio.Lock())
        async with turn:
            await self._write_in_turn(name, method, id, body_of)

    async def _write_in_turn(
        self, name: str, method: str, id: str, body_of: Callable[[R], Mapping[str, Any] | None]
    ) -> None:
        for tries in range(1, STALE_TRIES + 1):
            current = await self.get(id)
            body = body_of(current)
            if body is None:
                return
            try:
                await self._api.write(name, method, self._item(id), {**body, **_version(current)})
            except ConflictError as error:
                if error.code != STALE or tries == STALE_TRIES:
                    raise
                await self._api.rest(tries)
            else:
                return

    def _item(self, id: str) -> str:
        return f"{self.path}/{part(id)}"

    def _operation(self, name: str) -> str:
        """Return the name of an operation for errors. Raises LimitError where there is no such at the provider."""
        if name not in self.offers:
            raise LimitError(f"{self._kind.name} has no {name}")
        return f"{self._kind.name}.{name}"


class Stateful(Resource[R, F]):
    """Items whose state the customer sets."""

    @operation("POST", "{collection}/{id}")
    async def set_state(self, id: str, state: str) -> None:
        """Set the state of an item; one that it has already is no error.

        Raises ApiError.
        """
        await self._set_state(self._operation("set_state"), id, state)

    async def _set_state(self, name: str, id: str, state: str) -> None:
        await self._write(name, "POST", id, lambda item: None if item.raw.get("state") == state else {"state": state})


def list_query(filters: Filters | None, sort: str | None, extra: Mapping[str, str] | None, now: float) -> Query:
    """Return the query of a list without its page. Raises LimitError."""
    return [*query_of(filters, now), *([("sort", sort)] if sort else []), *more(extra)]


def _version(current: Record) -> Mapping[str, int]:
    return {} if current.version_number is None else {"version_number": current.version_number}
