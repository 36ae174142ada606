"""What all calls to Telnyx share: bodies, answers, pages."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import orjson

from providers.rest.answers import Answer
from providers.rest.errors import UnreadableAnswerError
from providers.rest.models import Model, moment_text, to_json
from providers.rest.pages import Page, Pages
from providers.rest.transport import Call, Transport
from providers.telnyx import limits
from providers.telnyx.models import Message
from schemas.times import Clock

M = TypeVar("M", bound=Model)
Fields = Mapping[str, Any]
Query = Sequence[tuple[str, str]]


class _Unset:
    """Says that a field is not sent at all, where null is a value of its own."""

    def __repr__(self) -> str:
        return "left out"


UNSET: Any = _Unset()
"""The default of a field for which None is sent as null."""


class Calls:
    """Makes calls through one transport."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        """`clock` tells what lies ahead."""
        self._transport = transport
        self._clock = clock

    async def _get(self, name: str, path: str, model: type[M], query: Query = ()) -> M:
        answer = await self._transport.call(Call(name=name, method="GET", path=path, query=query, repeatable=True))
        return one_of(answer, model, name)

    async def _write(self, name: str, method: str, path: str, body: bytes | None, model: type[M]) -> M:
        """Make a call that is not made again where its outcome is not known: Telnyx takes no key for it."""
        answer = await self._transport.call(Call(name=name, method=method, path=path, body=body))
        return one_of(answer, model, name)

    async def _send(self, name: str, path: str, fields: Fields, idempotency_key: str | None) -> Message:
        """Make a call with an idempotency key, so that it may be made again with the same bytes."""
        headers = {"Idempotency-Key": limits.idempotency_key(idempotency_key)}
        call = Call(name=name, method="POST", path=path, body=body_of(fields), headers=headers, repeatable=True)
        return one_of(await self._transport.call(call), Message, name)

    def _list(self, name: str, path: str, model: type[M], wishes: Fields) -> Pages[M]:
        """Return a list; `wishes` is its query, `page[number]` in it the first page."""
        first = wishes.get("page[number]")
        limits.page(first, wishes.get("page[size]"))

        async def fetch(place: int) -> Page[M]:
            query = query_of({**wishes, "page[number]": place})
            call = Call(name=name, method="GET", path=path, query=query, repeatable=True)
            return page_of(await self._transport.call(call), model, name, place)

        return Pages(fetch, 1 if first is None else first)


def body_of(fields: Fields) -> bytes:
    """Return the JSON of a request, without what is None."""
    return orjson.dumps({name: to_json(value) for name, value in fields.items() if value is not None})


def body_with_nulls(fields: Fields) -> bytes:
    """Return the JSON of a request, without what is UNSET; None is sent as null."""
    return orjson.dumps({name: to_json(value) for name, value in fields.items() if value is not UNSET})


def query_of(fields: Fields) -> Query:
    """Return the query of a request, without what is None."""
    return [(name, _text(value)) for name, value in fields.items() if value is not None]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return moment_text(value) if isinstance(value, datetime) else str(value)


def one_of(answer: Answer, model: type[M], name: str) -> M:
    """Return the object under `data`; a cancelled message comes without that. Raises UnreadableAnswerError."""
    value = answer.json()
    found = value.get("data", value) if isinstance(value, dict) else None
    if not isinstance(found, dict) or not found:
        raise UnreadableAnswerError(f"{name}: the answer holds no object")
    return model.of(found)


def items_and_pages(answer: Answer, name: str) -> tuple[list[Any], Mapping[str, Any]]:
    """Return the list under `data`, and `meta`. Raises UnreadableAnswerError where there is no list."""
    value = answer.json()
    items = value.get("data") if isinstance(value, dict) else None
    if not isinstance(items, list):
        raise UnreadableAnswerError(f"{name}: the answer holds no list")
    meta = value.get("meta")
    return items, meta if isinstance(meta, dict) else {}


def next_page(items: Sequence[Any], meta: Mapping[str, Any], place: int) -> int | None:
    """Return the number of the page after `place`; None after the last one, and after an empty one."""
    last = meta.get("total_pages")
    return place + 1 if items and (not isinstance(last, int) or place < last) else None


def page_of(answer: Answer, model: type[M], name: str, place: int) -> Page[M]:
    """Return one page of a list. Raises UnreadableAnswerError."""
    items, meta = items_and_pages(answer, name)
    total = meta.get("total_results")
    return Page(
        items=tuple(model.of(item) for item in items),
        place=place,
        next_place=next_page(items, meta, place),
        total=total if isinstance(total, int) else None,
    )
