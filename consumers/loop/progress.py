"""What may be committed of one partition: only what is done, with all before it. Pure."""

from collections import deque


class Progress:
    """The records taken from one partition, in order, and which of them are done.

    Offsets may have gaps: all before means all that was taken before.
    """

    def __init__(self) -> None:
        self._open: deque[tuple[int, int]] = deque()
        self._done: set[int] = set()
        self._last: int | None = None
        self._position: int | None = None
        self._committed: int | None = None

    def take(self, offset: int, timestamp: int = 0) -> bool:
        """Note a record as in hand; False where it is, or was, already."""
        if self._last is not None and offset <= self._last:
            return False
        if self._position is None:
            self._position = self._committed = offset
        self._last = offset
        self._open.append((offset, timestamp))
        return True

    def done(self, offset: int) -> None:
        """Note that a record which was taken is done."""
        self._done.add(offset)
        while self._open and self._open[0][0] in self._done:
            first, _ = self._open.popleft()
            self._done.remove(first)
            self._position = first + 1

    def committed(self, offset: int) -> None:
        """Note that `offset` is stored as the next one to read."""
        self._committed = offset

    @property
    def position(self) -> int | None:
        """The offset from which another member would have to read on; None before the first record."""
        return self._position

    @property
    def uncommitted(self) -> int | None:
        """The offset to commit, None where there is nothing new."""
        return None if self._position == self._committed else self._position

    @property
    def read(self) -> int | None:
        """The offset behind the last record that was taken; None before the first."""
        return None if self._last is None else self._last + 1

    @property
    def oldest(self) -> int | None:
        """The timestamp of the first record that is not done; None where all are."""
        return self._open[0][1] if self._open else None

    @property
    def held(self) -> int:
        """How many records are taken and not yet behind the position."""
        return len(self._open)
