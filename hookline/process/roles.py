"""The roles of a process."""

from enum import StrEnum

from consumers.catalogue import AUTO_REPLY as _AUTO_REPLY
from consumers.catalogue import CONFIRM as _CONFIRM
from consumers.catalogue import CONSENT as _CONSENT
from consumers.catalogue import MIRROR as _MIRROR
from consumers.catalogue import SEND as _SEND
from consumers.catalogue import TRACK as _TRACK
from consumers.settings import ConsumersSettings


class Role(StrEnum):
    """What a process does. The words of consumers are their groups and their names on the command line."""

    INGEST = "ingest"
    AUTO_REPLY = _AUTO_REPLY.name
    SEND = _SEND.name
    CONFIRM = _CONFIRM.name
    CONSENT = _CONSENT.name
    TRACK = _TRACK.name
    MIRROR = _MIRROR.name


def roles_with_work(consumers: ConsumersSettings) -> frozenset[Role]:
    """Return all roles but those that the configuration gives nothing to do."""
    idle = set[Role]() if consumers.mirror.targets else {Role.MIRROR}
    return frozenset(Role) - idle
