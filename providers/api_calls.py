"""Calls of a simulated cloud's API, read once, and its answers."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson

from providers.fields import Json
from providers.simulation import ApiAnswer, Outgoing

_DIGITS = 19
_JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Call:
    """One call at `now` Unix seconds. `target` is path and query as they came; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    now: float

    @property
    def path(self) -> str:
        """The target without its query, and without a slash at its end."""
        return self.target.partition("?")[0].rstrip("/")

    @property
    def query(self) -> Mapping[str, str]:
        """The query, decoded; of a repeated name the last value."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    def value(self) -> Any:
        """Return the JSON of the body, None where there is none."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None

    def fields(self) -> Json:
        """Return the JSON object of the body, empty where there is none."""
        value = self.value()
        return value if isinstance(value, dict) else {}

    def whole(self, name: str, otherwise: int) -> int:
        """Return a whole number of the query, or another where it is missing or none."""
        text = self.query.get(name, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < _DIGITS else otherwise


Handler = Callable[..., ApiAnswer]
"""Answers a call; it is given the call and the texts that the path holds."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method on paths of a pattern; `handler` is given what the groups of the pattern held, decoded."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler


def routes(pattern: str, **handlers: Handler) -> Sequence[Route]:
    """Return the routes of a pattern: each argument is a method in lower case and its handler."""
    compiled = re.compile(pattern)
    return [Route(method.upper(), compiled, handler) for method, handler in handlers.items()]


def routed(
    table: Sequence[Route], call: Call, *, unknown: Callable[[], ApiAnswer], wrong_method: Callable[[], ApiAnswer]
) -> ApiAnswer:
    """Return the answer of the first route that fits, else that for an unknown path or for a wrong method."""
    found = [(route, match) for route in table if (match := route.pattern.fullmatch(call.path))]
    for route, match in found:
        if route.method == call.method:
            return route.handler(call, *map(unquote, match.groups()))
    return wrong_method() if found else unknown()


def json_answer(
    status: int, value: Any, *, follow_ups: Sequence[Outgoing] = (), effects: Sequence[str] = ()
) -> ApiAnswer:
    """Return an answer with JSON. `effects` are the ids of the messages that the call made."""
    return ApiAnswer(
        status=status,
        body=orjson.dumps(value),
        headers=_JSON,
        follow_ups=tuple(follow_ups),
        effect=effects[0] if effects else None,
        more_effects=tuple(effects[1:]),
    )


def no_content(status: int = 204) -> ApiAnswer:
    """Return an answer without a body."""
    return ApiAnswer(status=status, body=b"")
