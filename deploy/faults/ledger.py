"""Every webhook that was issued: when its first attempt began, when it was first acknowledged, and by which worker.

Compact, since a run issues hundreds of thousands: a few numbers a webhook, and one digest of what was acknowledged.
The receiver may answer an attempt as the repeat of an earlier one whose answer was lost, and then has that one's bytes
alone: the contents of earlier attempts are kept beside.
Times are monotonic seconds. Event ids are not here: they follow from the raw record, see `stored.py`.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MIXED = 255
"""The worker of a webhook whose attempts went to several: nothing is promised of its place."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The content of one attempt: its digest, and the id of the raw record that would hold it (16 bytes)."""

    digest: bytes
    webhook: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One acknowledged webhook. `hint` is how many events its maker put into it.

    `contents` are those of its attempts up to the one that was acknowledged first, that one first of all.
    """

    began: float
    acked: float
    scenario: int
    worker: int
    hint: int
    contents: tuple[Sent, ...]

    @property
    def webhook(self) -> bytes:
        """The id of the raw record of what was acknowledged (16 bytes)."""
        return self.contents[0].webhook


class Ledger:
    """Grows with every webhook; not for use by two threads at once."""

    def __init__(self) -> None:
        self._began = array("d")
        self._acked = array("d")
        self._scenario = array("B")
        self._worker = array("B")
        self._hint = array("B")
        self._webhook: list[bytes] = []
        self._earlier: dict[int, tuple[Sent, ...]] = {}
        self._acknowledged: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._began)

    @property
    def acknowledged(self) -> int:
        """How many distinct contents were acknowledged."""
        return len(self._acknowledged)

    def issue(self, began: float, scenario: int, worker: int, hint: int = 1) -> int:
        """Note the first attempt of a webhook and return its number."""
        self._began.append(began)
        self._acked.append(0.0)
        self._scenario.append(scenario)
        self._worker.append(worker)
        self._hint.append(min(hint, 255))
        self._webhook.append(b"")
        return len(self._began) - 1

    def attempt(self, number: int, worker: int) -> None:
        """Note that another attempt of the webhook goes to this worker."""
        if self._worker[number] != worker:
            self._worker[number] = MIXED

    def acknowledge(self, number: int, sent: Sent, at: float, earlier: Sequence[Sent] = ()) -> None:
        """Note the first success: what was acknowledged, and what earlier attempts held. A later one does nothing."""
        if self._acked[number]:
            return
        self._acked[number] = at
        self._webhook[number] = sent.webhook
        self._acknowledged.setdefault(sent.digest, number)
        others = tuple(dict.fromkeys(one for one in earlier if one != sent))
        if others:
            self._earlier[number] = others

    def is_acknowledged(self, number: int) -> bool:
        """Tell whether the webhook was acknowledged."""
        return self._acked[number] > 0.0

    def acknowledged_since(self, number: int) -> bool:
        """Tell whether any webhook from that number on was acknowledged."""
        return any(self._acked[number:])

    def latest_since(self, number: int) -> tuple[bytes, ...]:
        """Return the digests of the latest acknowledged webhook from that number on, none where there is none."""
        latest = next((one for one in reversed(self._acknowledged.items()) if one[1] >= number), None)
        return () if latest is None else tuple(sent.digest for sent in self._contents(*latest))

    def entries(self) -> Iterator[Entry]:
        """Yield an entry for each content that was acknowledged."""
        for digest, number in self._acknowledged.items():
            yield self._entry(digest, number)

    def _contents(self, digest: bytes, number: int) -> tuple[Sent, ...]:
        return (Sent(digest, self._webhook[number]), *self._earlier.get(number, ()))

    def _entry(self, digest: bytes, number: int) -> Entry:
        return Entry(
            self._began[number],
            self._acked[number],
            self._scenario[number],
            self._worker[number],
            self._hint[number],
            self._contents(digest, number),
        )
