"""Calls to Event Manager: delivery configurations and subscriptions. Source: specification, 1.4, 1.7, 5.1 to 5.5.

The answers of some calls are not published: ids and lists are read by the names that the published ones use. The
documentation also lists a `user-token` header; its own samples do without, and so do we.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from providers.fields import Json, code, text
from providers.rest.answers import json_of
from providers.rest.transport import Call, Transport
from providers.syniverse.api.answers import object_of
from providers.syniverse.api.paths import ESS
from schemas.times import format_time, parse_time

TOPIC = "SCG-Message"
# The list wants a limit; its own example has this one.
_MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A delivery configuration: where events of its subscriptions are posted to."""

    id: str
    name: str | None
    address: str | None
    active: bool
    is_json: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription to a topic; without an event type, and without criteria, to all of it."""

    delivery_id: str | None
    topic: str | None
    event_type: str | None
    criteria: str | None
    ends: datetime | None = None


class EventManager:
    """What setting up takes of Event Manager."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def deliveries(self) -> Sequence[Delivery]:
        """Return the delivery configurations of the company. Raises ApiError."""
        found = await self._list("delivery-configurations")
        return [_delivery(item, ident) for item in found if (ident := _id(item)) is not None]

    async def subscriptions(self) -> Sequence[Subscription]:
        """Return the subscriptions of the company. Raises ApiError."""
        return [_subscription(item) for item in await self._list("topic-subscriptions")]

    async def create_delivery(self, name: str, address: str) -> str | None:
        """Create an active delivery configuration and return its id, if the answer has it. Raises ApiError."""
        body = {
            "del-cfg-nm": name,
            "del-prtcl-cd": "REST",
            "addr": address,
            "del-fmt-cd": "JSON",
            "is-active": True,
        }
        return _id(await self._post("delivery-configurations", body))

    async def subscribe(self, delivery_id: str, start: datetime) -> None:
        """Subscribe a delivery configuration to all messaging events, without an end. Raises ApiError."""
        body = {"del-cfg-id": delivery_id, "start-date": format_time(start), "end-date": None}
        await self._post(f"topics/{TOPIC}/subscriptions", body)

    async def _list(self, what: str) -> Sequence[Json]:
        name = f"event manager {what}"
        call = Call(name=name, method="GET", path=f"{ESS}/{what}", query=(("limit", str(_MOST)),), repeatable=True)
        answer = await self._transport.call(call)
        value = answer.json()
        found = value if isinstance(value, list) else _listed(object_of(answer, name), what)
        return [item for item in found if isinstance(item, dict)]

    async def _post(self, what: str, body: Mapping[str, Any]) -> Json:
        call = Call(name=f"event manager {what}", method="POST", path=f"{ESS}/{what}", body=orjson.dumps(body))
        value = json_of((await self._transport.call(call)).body)
        return value if isinstance(value, dict) else {}


def _listed(found: Json, what: str) -> Sequence[Any]:
    """Return the list of that name, or else the only list that there is."""
    named = found.get(what)
    lists = [named] if isinstance(named, list) else [value for value in found.values() if isinstance(value, list)]
    return lists[0] if lists else ()


def _id(item: Json) -> str | None:
    return code(item, "id") or code(item, "del-cfg-id")


def _delivery(item: Json, ident: str) -> Delivery:
    return Delivery(
        id=ident,
        name=text(item, "del-cfg-nm"),
        address=text(item, "addr"),
        active=item.get("is-active") is not False,
        # What the answer leaves out is not held against it.
        is_json=(text(item, "del-fmt-cd") or "JSON").upper() == "JSON",
    )


def _subscription(item: Json) -> Subscription:
    return Subscription(
        delivery_id=code(item, "del-cfg-id"),
        topic=text(item, "topic-nm"),
        event_type=text(item, "evt-tp"),
        criteria=text(item, "match-crt"),
        ends=parse_time(item.get("end-date")),
    )
