"""How one message stands now: `GET /v1/messages/{id}`, for 45 days back. Source: README of this folder, section 6.

The answer is the message as it was sent, with its status: it has neither a report's id nor a time nor a code.
"""

from collections.abc import Sequence

from providers.contract import Account
from providers.messagemedia import access
from providers.messagemedia.client import MessageMediaClient
from providers.messagemedia.events.reading import MESSAGE_PATH
from providers.rest.errors import NotFoundError
from providers.rest.paths import path_part
from providers.rest.transport import Tempo
from providers.roles import Polled

_NOT_FOUND = "Resource not found."
"""What it says of an id that it does not know, or no more. Source: README of this folder, section 6."""


class MessageLookup:
    """Reads messages, each answer as MessageMedia wrote it. Owns the client."""

    def __init__(self, client: MessageMediaClient) -> None:
        self._client = client

    async def look_up(self, message_id: str) -> Sequence[Polled] | None:
        """Return the message, None where MessageMedia has it no more. Raises ApiError."""
        path = f"{MESSAGE_PATH}{path_part('message id', message_id)}"
        try:
            answer = await self._client.calls.get("look_up", path)
        except NotFoundError as error:
            # Its errors have no code.
            error.raise_if_foreign(titles={_NOT_FOUND})
            return None
        return (Polled(path, answer.body),)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def lookup(account: Account, tempo: Tempo | None = None) -> MessageLookup:
    """Return the lookup of an account. Raises AccountError where key or secret are missing."""
    return MessageLookup(access.client(account, tempo))
