"""Sending a consumer's text through Telnyx: `POST /messages`. Source: README, section 5."""

import time

import orjson

from providers.contract import Account, Secret, SendReceipt, SendStatus
from providers.rest.errors import DeadlineError, NotConnectedError, OutcomeUnknownError
from providers.rest.transport import DEFAULT_TIMEOUT, Call, Tempo
from providers.telnyx.access import api_key_of, base_url_of, transport
from providers.telnyx.answers import receipt_of
from providers.telnyx.limits import is_idempotency_key
from schemas.events import SendRequested
from schemas.times import Clock
from schemas.vocabulary import FailureClass


class TelnyxSender:
    """Sends texts through one Telnyx account. The connections open with the first call."""

    def __init__(
        self, base_url: str, api_key: Secret, timeout: float = DEFAULT_TIMEOUT, clock: Clock = time.time
    ) -> None:
        """Raises AccountError where the URL is none or the key cannot be one."""
        self._transport = transport(base_url, api_key, Tempo(timeout=timeout, clock=clock))
        self._clock = clock

    @property
    def idempotent(self) -> bool:
        """Telnyx replays a successful answer for 24 hours to the same key with the same bytes."""
        return True

    def prepare(self, command: SendRequested) -> bytes:
        """Return the request body: who, to whom and what, and nothing else that a caller could choose.

        Raises ValueError where our number is not named: Telnyx chooses none.
        """
        if command.from_ is None:
            raise ValueError("no number of ours to send from")
        fields = {"from": command.from_, "to": command.to, "text": command.text}
        return orjson.dumps({name: value.encode("utf-8", "replace").decode() for name, value in fields.items()})

    async def send(self, command_id: str, body: bytes) -> SendReceipt:
        """Call Telnyx once, within the timeout. Never raises for what Telnyx or the network does."""
        if not is_idempotency_key(command_id):
            return SendReceipt(
                status=SendStatus.REFUSED, failure_class=FailureClass.PERMANENT, reason="invalid_command_id"
            )
        headers = {"Idempotency-Key": command_id}
        call = Call(name="send", method="POST", path="/messages", body=body, headers=headers, repeatable=True)
        try:
            answer = await self._transport.exchange(call)
        except NotConnectedError:
            return SendReceipt(status=SendStatus.RETRY, reason="not_connected")
        except DeadlineError:
            return SendReceipt(status=SendStatus.UNKNOWN, reason="timeout")
        except OutcomeUnknownError:
            return SendReceipt(status=SendStatus.UNKNOWN, reason="connection_lost")
        return receipt_of(answer.status, answer.headers, answer.body, self._clock())

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()


def sender(account: Account) -> TelnyxSender:
    """Return the sender of an account.

    Raises AccountError where the API key is missing or cannot be one, or where the base URL is no URL.
    """
    return TelnyxSender(base_url_of(account), api_key_of(account))
