"""Sending through MessageMedia: `POST /v1/messages`, one message a call. Source: README of this folder, section 6."""

import time

import orjson

from providers.contract import Account, AccountError, SendReceipt, SendStatus
from providers.messagemedia import access
from providers.messagemedia.api.answers import receipt_of
from providers.messagemedia.api.limits import check_message, check_url
from providers.messagemedia.api.models import NewMessage
from providers.messagemedia.api.operations import MESSAGES_PATH
from providers.messagemedia.client import MessageMediaClient
from providers.rest.errors import ApiError, LimitError, NotConnectedError
from providers.rest.models import to_json
from schemas.events import SendRequested
from schemas.times import Clock

COMMAND_KEY = "hookline_command"
"""The key of the metadata under which a message carries the id of its command, into reports and replies too."""


class MessageMediaSender:
    """Sends texts through one account, over its client's connections."""

    def __init__(self, client: MessageMediaClient, callback_url: str | None = None, clock: Clock = time.time) -> None:
        self._client = client
        self._callback_url = callback_url
        self._clock = clock

    @property
    def idempotent(self) -> bool:
        """MessageMedia knows no idempotency key: the same bytes sent twice are two messages."""
        return False

    def prepare(self, command: SendRequested) -> bytes:
        """Return the request body: the text, who gets it, and the wish for delivery reports.

        Without a number of ours the platform chooses one. Raises LimitError, which is a ValueError, for what
        MessageMedia would refuse.
        """
        message = NewMessage(
            content=command.text,
            destination_number=command.to,
            source_number=command.from_,
            callback_url=self._callback_url,
            delivery_report=True,
            metadata={COMMAND_KEY: command.id},
        )
        check_message(message)
        return orjson.dumps(to_json({"messages": [message]}))

    async def send(self, command_id: str, body: bytes) -> SendReceipt:  # noqa: ARG002 - it is in the body's metadata
        """Call MessageMedia once, within the deadline. Never raises for what it or the network does."""
        try:
            answer = await self._client.calls.once("send", "POST", MESSAGES_PATH, body)
        except NotConnectedError:
            return SendReceipt(status=SendStatus.RETRY, reason="not_connected")
        except ApiError as error:
            timed_out = isinstance(error.__cause__, TimeoutError)
            return SendReceipt(status=SendStatus.UNKNOWN, reason="timeout" if timed_out else "connection_lost")
        return receipt_of(answer, self._clock())

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def sender(account: Account) -> MessageMediaSender:
    """Return the sender of an account.

    Raises AccountError where a credential is missing or cannot be one, or where `callback_url` is no URL.
    """
    callback_url = str(account.settings.get("callback_url") or "")
    try:
        if callback_url:
            check_url("callback_url", callback_url)
    except LimitError as error:
        raise AccountError(f"account {account.name!r}: {error}") from error
    return MessageMediaSender(access.client(account), callback_url or None)
