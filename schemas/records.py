"""What a log holds, and nothing about what it means."""

from collections.abc import Iterable
from dataclasses import dataclass

Headers = tuple[tuple[str, bytes], ...]
"""Record headers in order; a name may repeat."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record on its way into a log.

    `timestamp` is in milliseconds since 1970. Without `partition` the key's murmur2 hash chooses it, as
    Kafka's own default partitioner does; a value of None is a tombstone.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int
    partition: int | None = None

    def header(self, name: str) -> bytes | None:
        """Return the first header of that name."""
        return first_header(self.headers, name)

    @property
    def size(self) -> int:
        """Bytes of key, value and headers."""
        size = len(self.key or b"") + len(self.value or b"")
        # Asked several times of each record: a generator would take twice as long.
        for name, value in self.headers:
            size += len(name) + len(value)
        return size


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One record as a log gives it back, with its place."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    def header(self, name: str) -> bytes | None:
        """Return the first header of that name."""
        return first_header(self.headers, name)

    def text_header(self, name: str) -> str | None:
        """Return the first header of that name as text, or None."""
        value = self.header(name)
        return None if value is None else value.decode("utf-8", "replace")


def first_header(headers: Iterable[tuple[str, bytes]], name: str) -> bytes | None:
    """Return the value of the first header of that name, or None."""
    return next((value for key, value in headers if key == name), None)
