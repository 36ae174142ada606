"""Records as rows of the `records` table."""

import sqlite3

from broker.embedded.schema import OFFSET_BITS, OFFSET_MASK
from schemas.records import Headers, StoredRecord

Row = tuple[int, int, bytes | None, bytes, bytes | None]
COLUMNS = "id, timestamp, key, headers, value"
SIZE = "coalesce(length(key), 0) + length(headers) + coalesce(length(value), 0)"


def record_id(partition_id: int, offset: int) -> int:
    """Return the row of an offset. An offset beyond what can be is taken as the end of the partition."""
    return (partition_id << OFFSET_BITS) + min(max(offset, 0), OFFSET_MASK)


def offset_of(row_id: int) -> int:
    """Return the offset that a row has in its partition."""
    return row_id & OFFSET_MASK


def encode_headers(headers: Headers) -> bytes:
    """Return the headers as netstrings, name and value in turn: readable, and exact for any bytes.

    Raises UnicodeEncodeError for a name that is not text.
    """
    return b"".join(_pair(name.encode(), value) for name, value in headers)


def _pair(name: bytes, value: bytes) -> bytes:
    return b"%d:%b,%d:%b," % (len(name), name, len(value), value)


def decode_headers(data: bytes) -> Headers:
    """Return the headers that `encode_headers` wrote."""
    words: list[bytes] = []
    at = 0
    while at < len(data):
        colon = data.index(b":", at)
        end = colon + 1 + int(data[at:colon])
        words.append(data[colon + 1 : end])
        at = end + 1
    return tuple((name.decode(), value) for name, value in zip(words[::2], words[1::2], strict=True))


def to_stored(topic: str, partition: int, row: Row) -> StoredRecord:
    """Return the record of a row of COLUMNS."""
    row_id, timestamp, key, headers, value = row
    return StoredRecord(topic, partition, offset_of(row_id), timestamp, key, value, decode_headers(headers))


def rows_between(connection: sqlite3.Connection, first: int, end: int, limit: int, budget: int) -> list[Row]:
    """Return the rows with `first` <= id < `end`: at most `limit`, and none after `budget` bytes are reached."""
    cursor = connection.execute(
        f"SELECT {COLUMNS} FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",  # noqa: S608 - a constant
        (first, end, limit),
    )
    found: list[Row] = []
    try:
        for row in cursor:
            found.append(row)
            budget -= row_size(row)
            if budget <= 0:
                break
    finally:
        # A statement left half read would hold back the checkpoint.
        cursor.close()
    return found


def row_size(row: Row) -> int:
    """Return the bytes of a row, as SIZE counts them."""
    return len(row[2] or b"") + len(row[3]) + len(row[4] or b"")
