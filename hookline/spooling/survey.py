"""What is in a spool, counted folder by folder. Pure: it takes what was read."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ingest.spool.contract import Damaged, Place, Spooled


@dataclass(frozen=True, slots=True)
class Torn:
    """The end of a worker's last segment, which cuts a frame off. `webhook_id`: where its header still stands.

    Mostly a write that was cut before its answer. Bytes that a disk lost after it had confirmed them look the same.
    """

    place: Place
    length: int
    webhook_id: str | None = None


Item = Spooled | Damaged | Torn
"""What stands in a segment."""


@dataclass(frozen=True, slots=True, order=True)
class Share:
    """How many webhooks of one account wait."""

    account: str
    provider: str
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One worker's folder. `held`: its process lives, and drains it itself.

    `oldest` is when the webhook that waits longest was received. Of a segment that is drained in part all records
    count: it is removed as a whole.
    """

    worker: str
    held: bool
    segments: int = 0
    bytes: int = 0
    records: int = 0
    oldest: datetime | None = None
    shares: Sequence[Share] = ()
    damaged: Sequence[Damaged] = ()
    torn: Sequence[Torn] = ()


@dataclass(frozen=True, slots=True)
class SetAside:
    """A file of bytes that were damaged, or that the log refused.

    `whole` are the ids of webhooks that can be read, `broken` the places of those that cannot. Without either it is a
    file of a name that no spool gives.
    """

    name: str
    bytes: int
    whole: Sequence[str] = ()
    broken: Sequence[Damaged] = ()


@dataclass(frozen=True, slots=True, order=True)
class Stray:
    """What has no place in a spool. Nobody reads it."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A whole spool."""

    root: str
    folders: Sequence[Folder] = ()
    set_aside: Sequence[SetAside] = ()
    strays: Sequence[Stray] = ()

    @property
    def records(self) -> int:
        """Webhooks in all folders."""
        return sum(folder.records for folder in self.folders)

    @property
    def bytes(self) -> int:
        """Bytes of all segments."""
        return sum(folder.bytes for folder in self.folders)

    @property
    def damage(self) -> bool:
        """Whether anything is damaged, in a segment or set aside."""
        return bool(self.set_aside) or any(folder.damaged for folder in self.folders)


def counted(worker: str, items: Iterable[Item], *, held: bool, segments: int, size: int) -> Folder:
    """Return what a folder holds, counted as it is read: a spool may be larger than memory."""
    shares: Counter[tuple[str, str]] = Counter()
    damaged: list[Damaged] = []
    torn: list[Torn] = []
    oldest: datetime | None = None
    for item in items:
        match item:
            case Damaged():
                damaged.append(item)
            case Torn():
                torn.append(item)
            case Spooled(webhook=webhook):
                shares[webhook.account, webhook.provider] += 1
                oldest = webhook.received_at if oldest is None else min(oldest, webhook.received_at)
    return Folder(
        worker=worker,
        held=held,
        segments=segments,
        bytes=size,
        records=shares.total(),
        oldest=oldest,
        shares=tuple(Share(*who, number) for who, number in sorted(shares.items())),
        damaged=tuple(damaged),
        torn=tuple(torn),
    )
