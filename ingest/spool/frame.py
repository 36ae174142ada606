"""Frames: how one record stands in a segment, and how records are found again among damage. Pure.

A frame is 32 bytes of header and the payload, all numbers big-endian::

    0   magic            4 bytes, D7 48 4B 01
    4   payload length   u32
    8   webhook id       16 bytes
    24  payload CRC32C   u32
    28  header CRC32C    u32: over the seal, the frame's offset in its segment (u64), and bytes 0 to 27

The seal is the CRC32C of `<worker folder>/<16-digit segment number>`. So a frame is right in its own place only: a
body that holds a copy of a frame, or a block of another file, is never taken for one. No sender knows the folder.
"""

import struct
from dataclasses import dataclass, field

import google_crc32c

MAGIC = b"\xd7HK\x01"
HEADER = 32
MAX_PAYLOAD = (1 << 32) - 1
_FIELDS = struct.Struct(">4sI16sI")
_CRC = struct.Struct(">I")
_OFFSET = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class Found:
    """A frame whose checksums are right. `end` is the offset behind it."""

    offset: int
    end: int
    webhook_id: str
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bad:
    """Bytes from `offset` to `end` that are no right frame."""

    offset: int
    end: int
    webhook_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Scan:
    """What a stretch of a segment holds.

    `end` is the offset up to which all is told; `torn` counts the bytes behind it of a frame that the segment's end
    cuts off.
    """

    found: tuple[Found | Bad, ...]
    end: int
    torn: int = 0


def seal_of(worker: str, segment: int) -> int:
    """Return what binds the frames of a segment to it."""
    return int(google_crc32c.value(f"{worker}/{segment:016d}".encode()))


def encode(payload: bytes, webhook_id: str, seal: int, offset: int) -> bytes:
    """Return the header of the frame that stands at `offset`; the payload follows it.

    Raises ValueError unless the id is 32 hexadecimal digits, struct.error for a payload over MAX_PAYLOAD.
    """
    fields = _FIELDS.pack(MAGIC, len(payload), id_bytes(webhook_id), google_crc32c.value(payload))
    return fields + _CRC.pack(_header_crc(fields, seal, offset))


def id_bytes(webhook_id: str) -> bytes:
    """Return the 16 bytes of an id. Raises ValueError unless it is 32 hexadecimal digits in lower case."""
    data = bytes.fromhex(webhook_id)
    if len(data) != 16 or data.hex() != webhook_id:
        raise ValueError("a webhook id has 32 hexadecimal digits")
    return data


@dataclass(slots=True)
class Scanner:
    """Reads frames from `data`, which stands at offset `base` of a segment; `whole`: the segment ends with it."""

    data: bytes
    base: int
    seal: int
    whole: bool

    def scan(self, most_records: int, most_bytes: int) -> Scan:
        """Return frames and damage in order, at least one thing where there is one in the data."""
        found: list[Found | Bad] = []
        at = 0
        records = 0
        while at < len(self.data) and records < most_records and (not found or at < most_bytes):
            item = self._next(at)
            if item is None:
                break
            records += isinstance(item, Found)
            if isinstance(item, Found) and records > 1 and item.end - self.base > most_bytes:
                break
            found.append(item)
            at = item.end - self.base
        else:
            return Scan(tuple(found), self.base + at)
        torn = len(self.data) - at if self.whole and item is None else 0
        return Scan(tuple(found), self.base + at, torn)

    def _next(self, at: int) -> Found | Bad | None:
        """Return what stands at `at`, None where the data ends too soon to tell."""
        if len(self.data) - at < HEADER:
            return None
        if not self._is_header(at):
            return self._bad_header(at)
        _, length, identity, crc = _FIELDS.unpack_from(self.data, at)
        end = at + HEADER + length
        if end > len(self.data):
            return None
        payload = self.data[at + HEADER : end]
        if google_crc32c.value(payload) != crc:
            return Bad(self.base + at, self.base + end, identity.hex(), "the payload fails its checksum")
        return Found(self.base + at, self.base + end, identity.hex(), payload)

    def _bad_header(self, at: int) -> Bad | None:
        behind = self._resynchronized(at + 1)
        if behind is None and not self.whole:
            return None
        end = len(self.data) if behind is None else behind
        return Bad(self.base + at, self.base + end, None, "the header fails its checksum")

    def _resynchronized(self, start: int) -> int | None:
        at = self.data.find(MAGIC, start)
        while at >= 0:
            if len(self.data) - at >= HEADER and self._is_header(at):
                return at
            at = self.data.find(MAGIC, at + 1)
        return None

    def _is_header(self, at: int) -> bool:
        if not self.data.startswith(MAGIC, at):
            return False
        (crc,) = _CRC.unpack_from(self.data, at + _FIELDS.size)
        return _header_crc(self.data[at : at + _FIELDS.size], self.seal, self.base + at) == int(crc)


def _header_crc(fields: bytes, seal: int, offset: int) -> int:
    return int(google_crc32c.extend(seal, _OFFSET.pack(offset) + fields))
