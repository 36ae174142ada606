"""How one message stands now: `GET /messages/{id}`, for ten days back. Source: README, section "Calls"."""

from collections.abc import Sequence

from providers.contract import Account
from providers.rest.errors import NotFoundError
from providers.rest.transport import Call, Tempo, Transport
from providers.roles import Polled
from providers.telnyx import limits
from providers.telnyx.access import api_key_of, base_url_of, transport
from providers.telnyx.reading import MESSAGES

_NOT_FOUND = frozenset({"10005", "40303"})
"""Resource not found, message not found. Source: README, section 4, and `error_codes.json`."""


class MessageLookup:
    """Reads messages, each answer as Telnyx wrote it."""

    def __init__(self, calls: Transport) -> None:
        self._transport = calls

    async def look_up(self, message_id: str) -> Sequence[Polled] | None:
        """Return the message, None where Telnyx has it no more. Raises ApiError."""
        path = f"{MESSAGES}{limits.uuid_text('message id', message_id)}"
        try:
            answer = await self._transport.call(Call(name="look_up", method="GET", path=path, repeatable=True))
        except NotFoundError as error:
            error.raise_if_foreign(codes=_NOT_FOUND)
            return None
        return (Polled(path, answer.body),)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()


def lookup(account: Account, tempo: Tempo | None = None) -> MessageLookup:
    """Return the lookup of an account.

    Raises AccountError where the API key is missing or cannot be one, or where the base URL is no URL.
    """
    return MessageLookup(transport(base_url_of(account), api_key_of(account), tempo))
