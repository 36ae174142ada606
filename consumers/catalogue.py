"""Our own consumers: the group of each, which is its name on the command line too, and the topics that it reads."""

from dataclasses import dataclass

from schemas.topics import COMMANDS, DELIVERY, INBOUND, Topic
from schemas.topics import CONSENT as CONSENT_TOPIC


@dataclass(frozen=True, slots=True)
class Listed:
    """One consumer of ours."""

    name: str
    topics: tuple[Topic, ...]


AUTO_REPLY = Listed("auto-reply", (INBOUND,))
SEND = Listed("send", (COMMANDS,))
CONFIRM = Listed("confirm", (DELIVERY, INBOUND))
CONSENT = Listed("consent", (CONSENT_TOPIC, INBOUND))
CONSUMERS = (AUTO_REPLY, SEND, CONFIRM, CONSENT)
