"""Acme's API: two operations."""

from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self
from urllib.parse import quote

import orjson

from providers.contract import Account, Secret
from providers.credentials import credential
from providers.rest.answers import Answer
from providers.rest.errors import LimitError, UnreadableAnswerError
from providers.rest.models import Model
from providers.rest.operations import operation
from providers.rest.transport import Call, Tempo
from tests.support.fourth.access import DEFAULT_BASE_URL, base_url_of, token_of, transport

LONGEST_TEXT = 1600


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Model):
    """A message at Acme."""

    id: str | None = None
    state: str | None = None
    created_at: datetime | None = None


class AcmeClient:
    """Calls Acme with one token."""

    def __init__(
        self,
        token: Secret | str = "env:ACME_TOKEN",  # noqa: S107 - a reference, no secret
        base_url: str = DEFAULT_BASE_URL,
        *,
        tempo: Tempo | None = None,
    ) -> None:
        """`token` is a Secret or a reference. Raises SecretError where it leads to no token."""
        self._transport = transport(base_url, credential(token), tempo)

    @operation("POST", "/messages")
    async def send(self, *, to: str, text: str, from_: str | None = None) -> Message:
        """Send a text. Raises LimitError where it is longer than 1600 characters, ApiError."""
        if len(text) > LONGEST_TEXT:
            raise LimitError(f"send: a text has {LONGEST_TEXT} characters at most")
        fields = {"to": to, "text": text} | ({} if from_ is None else {"from": from_})
        call = Call(name="send", method="POST", path="/messages", body=orjson.dumps(fields))
        return _message(await self._transport.call(call), "send")

    @operation("GET", "/messages/{id}")
    async def retrieve(self, *, id: str) -> Message:  # noqa: A002 - the provider calls it so
        """Return a message. Raises ApiError."""
        call = Call(name="retrieve", method="GET", path=f"/messages/{quote(id, safe='')}", repeatable=True)
        return _message(await self._transport.call(call), "retrieve")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()


def client(account: Account) -> AcmeClient:
    """Return the client of an account. Raises AccountError where it has no token."""
    return AcmeClient(token_of(account), base_url=base_url_of(account))


def _message(answer: Answer, name: str) -> Message:
    message = Message.of(answer.json())
    if message.id is None:
        raise UnreadableAnswerError(f"{name}: the answer holds no message")
    return message
