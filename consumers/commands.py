"""The identity of commands and of what came of them: repeats of the cause give the same ids."""

from schemas.events import InboundMessage, SendRequested
from schemas.ids import digest_id
from schemas.vocabulary import EventType


def reply_command_id(event: InboundMessage) -> str:
    """Return the id of the one command that may answer this message.

    It is made of the provider's message id, so that two events about one message share it.
    """
    return digest_id(event.account, EventType.SEND_REQUESTED, event.message_id or event.id)


def result_id(command: SendRequested) -> str:
    """Return the id of the one result that this command has."""
    return digest_id(command.account, EventType.SEND_COMPLETED, command.id)
