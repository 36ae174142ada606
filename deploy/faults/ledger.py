"""Every webhook that was issued: when its first attempt began, when it was first acknowledged, and by which worker.

Compact, since a run issues hundreds of thousands: a few numbers a webhook, and one digest of what was acknowledged.
Times are monotonic seconds. Event ids are not here: they follow from the raw record, see `stored.py`.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

MIXED = 255
"""The worker of a webhook whose attempts went to several: nothing is promised of its place."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One acknowledged webhook. `hint` is how many events its maker put into it, `webhook` its id (16 bytes)."""

    began: float
    acked: float
    scenario: int
    worker: int
    hint: int
    webhook: bytes


class Ledger:
    """Grows with every webhook; not for use by two threads at once."""

    def __init__(self) -> None:
        self._began = array("d")
        self._acked = array("d")
        self._scenario = array("B")
        self._worker = array("B")
        self._hint = array("B")
        self._webhook: list[bytes] = []
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

    def acknowledge(self, number: int, digest: bytes, webhook: bytes, at: float) -> None:
        """Note a success: digest and id of the content that was acknowledged. A second success changes no time."""
        if not self._acked[number]:
            self._acked[number] = at
            self._webhook[number] = webhook
        self._acknowledged.setdefault(digest, number)

    def is_acknowledged(self, number: int) -> bool:
        """Tell whether the webhook was acknowledged."""
        return self._acked[number] > 0.0

    def acknowledged_since(self, number: int) -> bool:
        """Tell whether any webhook from that number on was acknowledged."""
        return any(self._acked[number:])

    def latest_since(self, number: int) -> bytes | None:
        """Return the digest of an acknowledged content, the latest, whose webhook has that number or a later one."""
        return next((digest for digest, found in reversed(self._acknowledged.items()) if found >= number), None)

    def entries(self) -> Iterator[tuple[bytes, Entry]]:
        """Yield each acknowledged content with its entry."""
        for digest, number in self._acknowledged.items():
            yield digest, self._entry(number)

    def _entry(self, number: int) -> Entry:
        return Entry(
            self._began[number],
            self._acked[number],
            self._scenario[number],
            self._worker[number],
            self._hint[number],
            self._webhook[number],
        )
