"""Sending one text: `POST /messaging/message_requests`. Source: specification, sections 2.15, 2.16, 2.18, 3.1.

Syniverse has no idempotency key. After a call whose outcome is not known the request is looked up by its
`external_id`, which is the command's id: at once, and where it is not found then, or nobody was there to ask, once more
when what was sent can be found. What is accepted is
a message request, so the id in a receipt is the request's: events carry it as `request_id`.
"""

from collections.abc import Mapping

import orjson

from providers.contract import Account, AccountError, SendReceipt, SendStatus
from providers.fields import text
from providers.rest.answers import json_of
from providers.rest.errors import ApiError, LimitError, NotConnectedError, RefusedError
from providers.rest.models import to_json
from providers.rest.transport import Call, Tempo
from providers.syniverse.access import caller
from providers.syniverse.api.answers import STALE, TOKEN_BUSY
from providers.syniverse.api.limits import check_recipient, prefixed
from providers.syniverse.api.paths import MESSAGE_REQUESTS
from providers.syniverse.api.token_file import TokenFileError
from providers.syniverse.client import SyniverseClient
from schemas.events import SendRequested
from schemas.vocabulary import FailureClass

SETTLES = 60.0
"""Seconds by which the list of requests may be late (I: nothing is published, and events are ahead of REST)."""

_NAME = "message_requests.create"
_CONFIGURATION = FailureClass.CONFIGURATION
# What codes of refusals say of the account, not of this one message (2.18). All others of 400 are permanent.
_AT_FAULT: Mapping[str, FailureClass] = {
    **dict.fromkeys(("40012", "40013", "40016", "40017", "40018", "40019", "40021", "40022"), _CONFIGURATION),
    **dict.fromkeys(("4010", "4020", "4021", "4033", "4034", "4035", "4036"), _CONFIGURATION),
    "1005": FailureClass.OPT_OUT,
}
# Attachments of a message, and what is about its own addresses: nobody's configuration.
_MESSAGE_AT_FAULT = frozenset({"4031", "4032", "4037", "4042", "4043", "4044", "4045"})
_FINAL = frozenset({"5001", "5002"})
_UNAVAILABLE = "5030"
_ACCOUNT_AT_FAULT = frozenset({401, 402, 403, 404, 405})


class SyniverseSender:
    """Sends texts through one account."""

    def __init__(self, client: SyniverseClient, sender: str | None) -> None:
        """`sender` is `sender_id:ID` or `channel:ID`, for commands that name no sender id."""
        self._client = client
        self._sender = sender

    @property
    def idempotent(self) -> bool:
        """The same text sent twice is two texts."""
        return False

    def prepare(self, command: SendRequested) -> bytes:
        """Return the request body: who, to whom and what, and the command's id.

        Raises ValueError where nothing says which of our senders it is, or the recipient is none.
        """
        check_recipient(command.to)
        body = {
            "from": self._from(command),
            "to": [command.to],
            "body": command.text,
            "external_id": command.id,
        }
        return orjson.dumps(to_json(body))

    async def send(self, command_id: str, body: bytes) -> SendReceipt:
        """Call Syniverse once, with a regenerated token where ours has died. Never raises for what goes wrong."""
        call = Call(name=_NAME, method="POST", path=MESSAGE_REQUESTS, body=body)
        try:
            answer = await self._client.transport.call(call)
        except NotConnectedError:
            return SendReceipt(status=SendStatus.RETRY, reason="not_connected")
        except TokenFileError:
            # Before the call, or after a refusal for the token: either way nothing was sent.
            return SendReceipt(status=SendStatus.RETRY, reason="token_file_unusable")
        except RefusedError as error:
            found = await self._found(command_id) if _in_doubt(error) else None
            return found or receipt_of(error)
        except ApiError:
            return await self._found(command_id) or SendReceipt(status=SendStatus.UNKNOWN, reason="no_answer")
        value = json_of(answer.body)
        message_id = text(value, "id") if isinstance(value, dict) else None
        if message_id is None:
            return await self._found(command_id) or SendReceipt(
                status=SendStatus.UNKNOWN, http_status=answer.status, reason="no_message_id"
            )
        return SendReceipt(status=SendStatus.ACCEPTED, http_status=answer.status, message_id=message_id)

    @property
    def settles(self) -> float:
        """How long a request may be there without being found."""
        return SETTLES

    async def look_up(self, command_id: str, body: bytes) -> SendReceipt | None:  # noqa: ARG002 - the id is enough
        """Return the receipt of the request with this `external_id`, None where Syniverse has none.

        RETRY where it cannot be asked now. Never raises for what goes wrong.
        """
        try:
            return await self._asked(command_id)
        except ApiError as error:
            wish = error.retry_after if isinstance(error, RefusedError) else None
            return SendReceipt(status=SendStatus.RETRY, retry_after=wish, reason="look_up_failed")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _from(self, command: SendRequested) -> str:
        if command.sender_id:
            return command.sender_id if prefixed(command.sender_id) else f"sender_id:{command.sender_id}"
        if self._sender:
            return self._sender
        if command.from_ is not None and prefixed(command.from_):
            return command.from_
        raise LimitError("no sender id of ours to send from")

    async def _found(self, command_id: str) -> SendReceipt | None:
        """Return the receipt of a request that is there although its answer was lost."""
        try:
            return await self._asked(command_id)
        except ApiError:
            return None

    async def _asked(self, command_id: str) -> SendReceipt | None:
        request = await self._client.message_requests.find_by_external_id(command_id)
        if request is None or request.id is None:
            return None
        return SendReceipt(status=SendStatus.ACCEPTED, message_id=request.id, reason="found_afterwards")


def receipt_of(error: RefusedError) -> SendReceipt:
    """Return what a refusal means for the command that asked."""
    status, reason = _verdict(error)
    refused = status is SendStatus.REFUSED
    return SendReceipt(
        status=status,
        http_status=error.status,
        retry_after=None if refused else error.retry_after,
        failure_class=_class(error) if refused else None,
        errors=error.errors,
        reason=reason,
    )


def _verdict(error: RefusedError) -> tuple[SendStatus, str]:
    if error.code in _FINAL:
        return SendStatus.REFUSED, "refused"
    if error.status == 409 and error.code in {TOKEN_BUSY, STALE}:
        return SendStatus.RETRY, "refused_for_now"
    if error.status in {425, 429} or _not_begun(error):
        return SendStatus.RETRY, "rate_limited" if error.status == 429 else "provider_unwell"
    if _in_doubt(error):
        return SendStatus.UNKNOWN, "provider_unwell"
    return SendStatus.REFUSED, "redirected" if error.status < 400 else "refused"


def _not_begun(error: RefusedError) -> bool:
    """Tell whether a 503 is Syniverse's own, or names a time to come back; a bare one may be a proxy's of any kind."""
    return error.status == 503 and (error.code == _UNAVAILABLE or error.retry_after is not None)


def _in_doubt(error: RefusedError) -> bool:
    """Tell whether the request may have been made although it was refused; 408 is a proxy's word."""
    unwell = error.status >= 500 and not _not_begun(error)
    return (unwell or error.status == 408) and error.code not in _FINAL


def _class(error: RefusedError) -> FailureClass:
    by_code = _AT_FAULT.get(error.code or "")
    if by_code is not None:
        return by_code
    at_fault = error.status < 400 or error.status in _ACCOUNT_AT_FAULT
    return _CONFIGURATION if at_fault and error.code not in _MESSAGE_AT_FAULT else FailureClass.PERMANENT


def sender(account: Account) -> SyniverseSender:
    """Return the sender of an account.

    Raises AccountError where it cannot call Syniverse, or its `sender` says neither sender_id: nor channel:.
    """
    return SyniverseSender(caller(account, Tempo(retries=0)), _sender_setting(account))


def _sender_setting(account: Account) -> str | None:
    value = account.settings.get("sender")
    if not value:
        return None
    if not str(value).startswith(("sender_id:", "channel:")):
        raise AccountError(f"account {account.name!r}: sender is sender_id:ID or channel:ID")
    return str(value)
