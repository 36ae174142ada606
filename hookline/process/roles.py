"""The roles of a process."""

from enum import StrEnum

from consumers.catalogue import AUTO_REPLY as _AUTO_REPLY
from consumers.catalogue import CONFIRM as _CONFIRM
from consumers.catalogue import CONSENT as _CONSENT
from consumers.catalogue import SEND as _SEND


class Role(StrEnum):
    """What a process does. The words of consumers are their groups and their names on the command line."""

    INGEST = "ingest"
    AUTO_REPLY = _AUTO_REPLY.name
    SEND = _SEND.name
    CONFIRM = _CONFIRM.name
    CONSENT = _CONSENT.name
