"""Our own consumers by role, as far as topics and the command line need to know them."""

from dataclasses import dataclass
from enum import StrEnum

from schemas.topics import COMMANDS, INBOUND, Topic


class Role(StrEnum):
    """What a process does. The words of consumers are their groups and their names on the command line."""

    INGEST = "ingest"
    AUTO_REPLY = "auto-reply"
    SEND = "send"


@dataclass(frozen=True, slots=True)
class ConsumerRole:
    """One consumer: its group and the topics it reads."""

    role: Role
    group: str
    topics: tuple[Topic, ...]


CONSUMERS: tuple[ConsumerRole, ...] = (
    ConsumerRole(Role.AUTO_REPLY, "auto-reply", (INBOUND,)),
    ConsumerRole(Role.SEND, "send", (COMMANDS,)),
)
