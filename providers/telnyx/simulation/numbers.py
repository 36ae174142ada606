"""The account's numbers: their messaging settings, and orders that change many at once."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from providers.api_calls import Call, json_answer
from providers.fiction import Fiction
from providers.fields import Json
from providers.simulation import ApiAnswer
from providers.telnyx.simulation.bodies import ORGANIZATION, PROFILE, stamp
from providers.telnyx.simulation.pages import page
from providers.telnyx.simulation.refusals import error, not_found, wrong
from providers.telnyx.simulation.telling import AGENT, OURS

SHORT_CODE = "55501"
_CREATED = 1_700_000_000.0
_FIRST_ID = 1293384261075731499
_PRODUCTS = ("A2P", "P2P")
_TYPES = ("tollfree", "longcode", "shortcode")
# Number and type; the last one is a mobile number, which has its own paths.
_NUMBERS = (
    (OURS, "longcode"),
    ("+17735550101", "longcode"),
    ("+18885550100", "tollfree"),
    (SHORT_CODE, "shortcode"),
    ("+17735550102", "longcode"),
)
_DONE_AFTER = 0.5
_ORDERS = 1_000


@dataclass(frozen=True, slots=True)
class _Order:
    """A bulk update: made at `at` Unix seconds, done half a second later."""

    id: str
    at: float
    success: Sequence[str]
    failed: Sequence[str]

    def answer(self, now: float) -> ApiAnswer:
        """Return where it stands."""
        done = now - self.at >= _DONE_AFTER
        lists = {"success": self.success if done else [], "pending": [] if done else self.success}
        record = {"record_type": "messaging_numbers_bulk_update", "order_id": self.id}
        return json_answer(200, {"data": {**record, **lists, "failed": self.failed}})


class Numbers:
    """Keeps the settings of five numbers, all of them assigned to the profile at first."""

    def __init__(self, fiction: Fiction) -> None:
        self._fiction = fiction
        every = [_settings(str(_FIRST_ID + place), *each) for place, each in enumerate(_NUMBERS)]
        self._numbers = {one["id"]: one for one in every[:-1]}
        self._mobile = {one["id"]: one for one in every[-1:]}
        self._orders: OrderedDict[str, _Order] = OrderedDict()

    def usable(self, number: str) -> bool | None:
        """Tell whether a sender of ours is assigned to a profile; None where it is none of ours."""
        if number == AGENT:
            return True
        found = self._of(number)
        return None if found is None else found["messaging_profile_id"] is not None

    def pool(self) -> str | None:
        """Return a number of the profile to send from, None where it has none."""
        every = self._numbers.values()
        return next((one["phone_number"] for one in every if one["messaging_profile_id"] is not None), None)

    def get(self, _call: Call, number_id: str) -> ApiAnswer:
        """Answer the settings of a number."""
        return _answer(self._numbers.get(number_id))

    def get_mobile(self, _call: Call, number_id: str) -> ApiAnswer:
        """Answer the settings of a mobile number."""
        return _answer(self._mobile.get(number_id))

    def list_mobile(self, call: Call) -> ApiAnswer:
        """Answer a page of the mobile numbers."""
        return page(call, list(self._mobile.values()))

    def list(self, call: Call) -> ApiAnswer:
        """Answer a page of what the filters leave."""
        query = call.query
        if query.get("filter[type]", _TYPES[0]) not in _TYPES:
            return error(422, "10032", f"One of {', '.join(_TYPES)}.", parameter="filter[type]")
        order = query.get("sort[phone_number]", "")
        if order not in {"", "asc", "desc"}:
            return error(422, "10018", parameter="sort[phone_number]")
        fits = [rule(query[name]) for name, rule in _FILTERS.items() if name in query]
        found = [one for one in self._numbers.values() if all(fit(one) for fit in fits)]
        if order:
            found.sort(key=lambda one: one["phone_number"], reverse=order == "desc")
        return page(call, found)

    def update(self, call: Call, number_id: str) -> ApiAnswer:
        """Answer a change. As profile a known id assigns, the empty text unassigns, null or nothing keeps."""
        settings, given = self._numbers.get(number_id), call.value()
        if settings is None:
            return not_found()
        if not isinstance(given, dict):
            return error(400, "10023")
        refusal = _refusal(given)
        if refusal is not None:
            return refusal
        changes = {name: given[name] for name in ("messaging_product", "tags") if given.get(name) is not None}
        settings.update({**changes, "updated_at": stamp(call.now)})
        if given.get("messaging_profile_id") is not None:
            settings["messaging_profile_id"] = given["messaging_profile_id"] or None
        return _answer(settings)

    def order(self, call: Call) -> ApiAnswer:
        """Answer a bulk update. What is none of our numbers fails."""
        given = call.value()
        if not isinstance(given, dict):
            return error(400, "10023")
        refusal = _order_refusal(given)
        if refusal is not None:
            return refusal
        numbers: Sequence[str] = given["numbers"]
        found = {number: self._of(number) for number in numbers}
        for settings in found.values():
            if settings is not None:
                profile = given["messaging_profile_id"] or None
                settings.update({"messaging_profile_id": profile, "updated_at": stamp(call.now)})
        known = [number for number, settings in found.items() if settings is not None]
        unknown = [number for number, settings in found.items() if settings is None]
        return self._ordered(_Order(self._fiction.uuid(), call.now, known, unknown))

    def get_order(self, call: Call, order_id: str) -> ApiAnswer:
        """Answer where a bulk update stands."""
        order = self._orders.get(order_id)
        return not_found() if order is None else order.answer(call.now)

    def _ordered(self, order: _Order) -> ApiAnswer:
        self._orders[order.id] = order
        if len(self._orders) > _ORDERS:
            self._orders.popitem(last=False)
        return order.answer(order.at)

    def _of(self, number: str) -> dict[str, Any] | None:
        every = (*self._numbers.values(), *self._mobile.values())
        return next((one for one in every if one["phone_number"] == number), None)


_Fit = Callable[[Json], bool]
_FILTERS: Mapping[str, Callable[[str], _Fit]] = {
    "filter[messaging_profile_id]": lambda value: lambda one: one["messaging_profile_id"] == value,
    "filter[phone_number]": lambda value: lambda one: one["phone_number"] in value.split(","),
    "filter[phone_number][contains]": lambda value: lambda one: value in one["phone_number"],
    "filter[type]": lambda value: lambda one: one["type"] == value,
}


def _answer(settings: Json | None) -> ApiAnswer:
    return not_found() if settings is None else json_answer(200, {"data": settings})


def _profile_refusal(value: object) -> ApiAnswer | None:
    if not isinstance(value, str):
        return wrong("10026", "messaging_profile_id")
    return wrong("10017", "messaging_profile_id") if value not in {"", PROFILE} else None


def _refusal(given: Json) -> ApiAnswer | None:
    profile, tags = given.get("messaging_profile_id"), given.get("tags")
    if given.get("messaging_product") not in (None, *_PRODUCTS):
        return wrong("10032", "messaging_product", f"One of {', '.join(_PRODUCTS)}.")
    if tags is not None and not _are_texts(tags):
        return wrong("10026", "tags")
    return None if profile is None else _profile_refusal(profile)


def _order_refusal(given: Json) -> ApiAnswer | None:
    if "messaging_profile_id" not in given:
        return wrong("10004", "messaging_profile_id")
    if not given.get("numbers"):
        return wrong("10004", "numbers")
    if not _are_texts(given["numbers"]):
        return wrong("10026", "numbers")
    if not isinstance(given.get("assign_only", False), bool):
        return wrong("10026", "assign_only")
    return _profile_refusal(given["messaging_profile_id"])


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _settings(number_id: str, number: str, kind: str) -> dict[str, Any]:
    ways = {"domestic_two_way": True, "international_inbound": True, "international_outbound": True}
    return {
        "record_type": "messaging_settings",
        "id": number_id,
        "phone_number": number,
        "messaging_profile_id": PROFILE,
        "messaging_product": "A2P",
        "eligible_messaging_products": ["A2P"],
        "traffic_type": "A2P",
        "type": kind,
        "country_code": "US",
        "features": {"sms": ways, "mms": None},
        "health": {"message_count": 122, "inbound_outbound_ratio": 0.43, "success_ratio": 0.94, "spam_ratio": 0.06},
        "tags": [],
        "organization_id": ORGANIZATION,
        "created_at": stamp(_CREATED),
        "updated_at": stamp(_CREATED),
    }
