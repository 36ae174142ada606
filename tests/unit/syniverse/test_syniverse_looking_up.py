"""Syniverse: an id is of a message, or of a request with all its messages."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from providers.rest.answers import Answer
from providers.rest.errors import NotFoundError, UnreadableAnswerError
from providers.rest.transport import Call
from providers.roles import Polled
from providers.syniverse import looking_up
from providers.syniverse.api.paths import MESSAGE_REQUESTS, MESSAGES
from providers.syniverse.looking_up import MessageLookup
from schemas.events import ProviderError


class Calls:
    """A client whose transport answers from a table of paths."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.calls: list[Call] = []
        self.transport = self

    async def call(self, call: Call) -> Answer:
        """Answer, with 404 for what is not in the table."""
        self.calls.append(call)
        answer = self.answers.get(call.path)
        if answer is None:
            raise NotFoundError(404, (ProviderError(code="404", title="Resource not found"),), None, call.name)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, list):
            offset, limit = (int(dict(call.query)[name]) for name in ("offset", "limit"))
            answer = {"list": answer[offset : offset + limit], "total": len(answer)}
        return Answer(200, {}, answer if isinstance(answer, bytes) else orjson.dumps(answer))


async def looked_up(answers: dict[str, Any], ident: str = "x1") -> tuple[Sequence[Polled] | None, Calls]:
    """Look an id up."""
    calls = Calls(answers)
    return await MessageLookup(calls).look_up(ident), calls  # type: ignore[arg-type]


async def test_a_message_is_one_call() -> None:
    """Its bytes as they came, under the path that polls have."""
    found, calls = await looked_up({f"{MESSAGES}/x1": b'{"id":"x1", "state":"SENT"}'})
    assert found == (Polled(MESSAGES, b'{"id":"x1", "state":"SENT"}'),)
    assert len(calls.calls) == 1


async def test_a_request_comes_with_all_its_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Page by page."""
    monkeypatch.setattr(looking_up, "PAGE_SIZE", 2)
    messages = [{"id": f"m{number}"} for number in range(5)]
    base = f"{MESSAGE_REQUESTS}/x1"
    found, calls = await looked_up({base: {"id": "x1"}, f"{base}/messages": messages})
    assert found is not None
    assert [(item.target, orjson.loads(item.body)["id"]) for item in found] == [
        (MESSAGE_REQUESTS, "x1"),
        *((MESSAGES, f"m{number}") for number in range(5)),
    ]
    assert len(calls.calls) == 2 + 3


async def test_what_is_neither_is_gone() -> None:
    """After both were asked for."""
    found, calls = await looked_up({})
    assert (found, len(calls.calls)) == (None, 2)


async def test_a_dead_token_is_no_sign_that_a_message_is_gone() -> None:
    """Syniverse answers 404 for it too."""
    with pytest.raises(NotFoundError):
        await looked_up({f"{MESSAGES}/x1": NotFoundError(404, (ProviderError(code="SCG_ERROR_4046"),), None, "x")})


async def test_an_answer_without_a_list_is_told() -> None:
    """And is no message."""
    base = f"{MESSAGE_REQUESTS}/x1"
    with pytest.raises(UnreadableAnswerError):
        await looked_up({base: {"id": "x1"}, f"{base}/messages": b"[]"})
