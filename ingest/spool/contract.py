"""What the spool gives to the rest of the way in: values and errors."""

from dataclasses import dataclass, field

from schemas.errors import HooklineError
from schemas.webhook import Webhook


class SpoolError(HooklineError):
    """The spool cannot do what was asked."""


class SpoolUnavailableError(SpoolError):
    """Nothing is known to be durable: the disk failed, is full or too slow, or the spool was stopped."""


class SpoolFullError(SpoolError):
    """The spool has reached its `max_bytes`."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a record stands: the worker's folder, the number of the segment, the byte in it."""

    worker: str
    segment: int
    offset: int


@dataclass(frozen=True, slots=True)
class Spooled:
    """One webhook read back from the spool; `length` is that of its frame in bytes."""

    place: Place
    length: int
    webhook_id: str
    webhook: Webhook = field(repr=False)


@dataclass(frozen=True, slots=True)
class Damaged:
    """Bytes that are kept in a file of their own, because they fail their checksum or the log refuses them for good.

    `webhook_id` is None where the damage covers it; `tail`: last in its segment.
    """

    place: Place
    length: int
    webhook_id: str | None
    reason: str
    tail: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of one worker's folder, the oldest first, and what was set aside between them."""

    worker: str
    records: tuple[Spooled, ...]
    damaged: tuple[Damaged, ...]
    end: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolStatus:
    """How the spool is. Ages in seconds; None where there is nothing.

    `own` records wait in this worker's folder, `inherited` ones in folders of workers that ended. `gating`: what comes
    now has to go behind some of them. `synced_ago` is how long ago an fsync last succeeded, by a record or a probe.
    `not_read`: the last try to read records back failed. `not_taken` counts folders that gave an error in two looks or
    more, and what has the name of a segment and is no file: webhooks may wait there that nobody reads.
    """

    own: int
    inherited: int
    gating: bool
    bytes: int
    oldest_age: float | None
    synced_ago: float | None
    full: bool
    not_read: bool
    not_taken: int
    set_aside: int
