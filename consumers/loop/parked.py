"""Which keys of a partition have records in the retry topic, and which records stand in both. Pure."""

from consumers.loop.origin import Origin, origin_of
from schemas.records import StoredRecord

MOST_KEYS = 250_000
"""Some 50 MB of a partition's keys."""


class Parked:
    """What waits in the retry partition that belongs to one partition of a topic.

    Of each key the last offset is kept, not each record: the records of a key are done in order. Without `keys`, for
    who keeps no order, nothing is kept of them: there may be a million. Of more than `most` keys the rest counts as
    one: until the last record of them is done, with all before it, every key waits.
    """

    def __init__(self, *, keys: bool = True, most: int = MOST_KEYS) -> None:
        self._keys = keys
        self._most = most
        self._rest: int | None = None
        self._last: dict[bytes, int] = {}
        self._in_both: dict[int, tuple[bytes | None, bytes | None]] = {}

    def learn(self, record: StoredRecord, origin: Origin) -> None:
        """Take in a record that a former owner left in the retry partition.

        `origin` is where reading the topic begins. A record from there on stands in both: the crash came after it was
        stored for later, and before that was committed.
        """
        self.add(record.key, record.offset)
        first = origin_of(record)
        if (first.topic, first.partition) == (origin.topic, origin.partition) and first.offset >= origin.offset:
            self._in_both[first.offset] = _mark(record)

    def add(self, key: bytes | None, offset: int) -> None:
        """Note that a record of the key stands in the retry partition at `offset`."""
        if not self._keys or key is None:
            return
        if key in self._last or len(self._last) < self._most:
            self._last[key] = max(offset, self._last.get(key, -1))
        else:
            self._rest = max(offset, self._rest or 0)

    def done(self, key: bytes | None, offset: int) -> None:
        """Note that the record of the key at `offset` of the retry partition is done, and all before it."""
        if key is not None and self._last.get(key, offset + 1) <= offset:
            del self._last[key]

    def holds(self, key: bytes | None) -> bool:
        """Tell whether the key has records that wait. One without a key waits behind nothing."""
        return key is not None and (key in self._last or self._rest is not None)

    def passed(self, offset: int) -> None:
        """Note that all before `offset` of the retry partition is done."""
        if self._rest is not None and self._rest < offset:
            self._rest = None

    def stands_in_both(self, record: StoredRecord) -> bool:
        """Tell whether this record of the topic waits in the retry partition already.

        Its offset alone does not say so: a topic that was made anew counts from 0 again.
        """
        return record.offset in self._in_both and self._in_both[record.offset] == _mark(record)


def _mark(record: StoredRecord) -> tuple[bytes | None, bytes | None]:
    return record.key, record.header("ce_id")
