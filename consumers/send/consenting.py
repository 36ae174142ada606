"""Whether the person a command is for may be texted, asked at the last moment before its call."""

from consumers.consent.permission import Consents, Permission
from consumers.send.ending import OPTED_OUT, Ending, failed
from schemas.events import SendRequested
from schemas.times import to_millis
from schemas.vocabulary import Consent, FailureClass, SendOutcome, SendPurpose

OVERTAKEN = "overtaken"


async def refusal_of(command: SendRequested, consents: Consents | None) -> Ending | None:
    """Return the end of a command that may not go out, None where it may. Raises StateError.

    Help is owed to everybody. The confirmation of an opt-out is owed to the person who has not opted in again since
    they wrote it: the book may not have the opt-out yet, but what it has is true.
    """
    if consents is None or command.purpose == SendPurpose.HELP:
        return None
    permission = await consents.may_text(command.account, command.to, command.from_)
    if command.purpose == SendPurpose.OPT_OUT_CONFIRMATION:
        overtaken = _opted_in_since(permission, command)
        return Ending(outcome=SendOutcome.EXPIRED, reason=OVERTAKEN) if overtaken else None
    if permission.allowed or _is_older(permission, command):
        return None
    return failed(FailureClass.OPT_OUT, OPTED_OUT)


def _opted_in_since(permission: Permission, command: SendRequested) -> bool:
    opted_in = permission.allowed and permission.consent == Consent.OPTED_IN
    return opted_in and permission.since is not None and to_millis(permission.since) > _said_at(command)


def _is_older(permission: Permission, command: SendRequested) -> bool:
    """Tell whether the opt-out is older than the opt-in that the command confirms: the book may not have that one."""
    confirms = command.purpose == SendPurpose.OPT_IN_CONFIRMATION
    return confirms and permission.since is not None and to_millis(permission.since) < _said_at(command)


def _said_at(command: SendRequested) -> int:
    """Return when the person said what the command confirms (Unix ms): it may have come late, or been read late."""
    return to_millis(command.cause_at or command.received_at)
