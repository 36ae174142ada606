"""What the operations of MessageMedia's API share: one transport, and the sub-account that calls are made for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from providers.bodies import parse_object
from providers.fields import EMPTY, Json
from providers.rest.answers import Answer
from providers.rest.errors import UnreadableAnswerError
from providers.rest.models import to_json
from providers.rest.transport import Call, Transport


@dataclass(frozen=True, slots=True)
class Calls:
    """Makes calls for one account. Every call of a sub-account carries the parent's key and the header `Account`."""

    transport: Transport
    sub_account: str | None = None

    async def get(self, name: str, path: str, query: Sequence[tuple[str, str]] = ()) -> Answer:
        """Read something. Raises ApiError."""
        call = Call(name=name, method="GET", path=path, query=query, headers=self._headers(), repeatable=True)
        return await self.transport.call(call)

    async def change(
        self, name: str, method: str, path: str, body: object = None, *, repeatable: bool = False
    ) -> Answer:
        """Change something; `body` is a value for JSON, Models among it. Raises ApiError."""
        data = None if body is None else orjson.dumps(to_json(body))
        call = Call(name=name, method=method, path=path, body=data, headers=self._headers(), repeatable=repeatable)
        return await self.transport.call(call)

    async def once(self, name: str, method: str, path: str, body: bytes) -> Answer:
        """Make a call exactly once and return its answer whatever its status. Raises ApiError where none came."""
        call = Call(name=name, method=method, path=path, body=body, headers=self._headers())
        return await self.transport.exchange(call)

    def _headers(self) -> Mapping[str, str]:
        return {} if self.sub_account is None else {"Account": self.sub_account}


def object_of(answer: Answer, name: str) -> Json:
    """Return the JSON object that an answer holds. Raises UnreadableAnswerError; `name` is the operation."""
    parsed = parse_object(answer.body)
    if parsed.failure is not None:
        raise UnreadableAnswerError(f"{name}: the answer is no JSON object")
    return parsed.root


def object_if_any(answer: Answer, name: str) -> Json:
    """Return the JSON object that an answer holds, an empty one where it has no body. Raises UnreadableAnswerError."""
    return object_of(answer, name) if answer.body.strip() else EMPTY


def list_of(answer: Answer, name: str, member: str | None = None) -> Sequence[object]:
    """Return the list that an answer is, or that its object has under `member`.

    Raises UnreadableAnswerError; `name` is the operation.
    """
    value = answer.json() if member is None else object_of(answer, name).get(member)
    if not isinstance(value, list):
        raise UnreadableAnswerError(f"{name}: the answer has no list{f' {member}' if member else ''}")
    return value
