"""Sending a consumer's text through Acme: `POST /messages`."""

import time

import orjson

from providers.contract import Account, SendReceipt, SendStatus
from providers.fields import text
from providers.rest.answers import Answer, pause_of
from providers.rest.errors import NotConnectedError, OutcomeUnknownError
from providers.rest.transport import Call, Transport
from schemas.events import SendRequested
from schemas.times import Clock
from schemas.vocabulary import FailureClass
from tests.support.fourth.access import errors_of, transport_of
from tests.support.fourth.tables import FAILURES


class AcmeSender:
    """Sends texts through one account."""

    def __init__(self, calls: Transport, clock: Clock = time.time) -> None:
        self._transport = calls
        self._clock = clock

    @property
    def idempotent(self) -> bool:
        """Acme knows no keys: the same text twice is two texts."""
        return False

    def prepare(self, command: SendRequested) -> bytes:
        """Return the request body. Raises ValueError where our number is not named."""
        if command.from_ is None:
            raise ValueError("no number of ours to send from")
        fields = {"from": command.from_, "to": command.to, "text": command.text}
        return orjson.dumps({name: value.encode("utf-8", "replace").decode() for name, value in fields.items()})

    async def send(self, command_id: str, body: bytes) -> SendReceipt:
        """Call Acme once."""
        del command_id  # There is nowhere to put it.
        try:
            answer = await self._transport.exchange(Call(name="send", method="POST", path="/messages", body=body))
        except NotConnectedError:
            return SendReceipt(status=SendStatus.RETRY, reason="not_connected")
        except OutcomeUnknownError:
            return SendReceipt(status=SendStatus.UNKNOWN, reason="no_answer")
        return _receipt(answer, self._clock())

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()


def sender(account: Account) -> AcmeSender:
    """Return the sender of an account. Raises AccountError where it has no token."""
    return AcmeSender(transport_of(account))


def _receipt(answer: Answer, now: float) -> SendReceipt:
    status, errors = answer.status, errors_of(answer.body)
    if 200 <= status < 300:
        value = answer.json()
        message_id = text(value, "id") if isinstance(value, dict) else None
        found = SendStatus.UNKNOWN if message_id is None else SendStatus.ACCEPTED
        return SendReceipt(status=found, http_status=status, message_id=message_id)
    wait = pause_of(answer.status, answer.headers, now)
    # A 503 without a pause may be a proxy's, after the text went out.
    if status == 429 or (status == 503 and wait is not None):
        return SendReceipt(status=SendStatus.RETRY, http_status=status, retry_after=wait, errors=errors)
    if status >= 500:
        return SendReceipt(status=SendStatus.UNKNOWN, http_status=status, errors=errors)
    code = errors[0].code if errors else None
    failure = FAILURES.get(code or "", FailureClass.UNKNOWN)
    return SendReceipt(status=SendStatus.REFUSED, http_status=status, failure_class=failure, errors=errors)
