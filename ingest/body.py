"""Reading a request's body: raw, bounded in size and in time, and all of them together in memory.

Nobody has proved anything while a body is on its way. What strangers can hold is bounded by bytes, and not by a
number of bodies that small ones would use up; a body of a webhook's usual size is not touched by that bound.
"""

import asyncio
from enum import StrEnum

from aiohttp import HttpVersion11
from aiohttp.web import BaseRequest, RequestPayloadError

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


FREE_BYTES = 16 * 1024
"""Of each body, what does not count. Webhooks have less, so floods of large bodies do not keep them out."""


class BodyFault(StrEnum):
    """Why there is no body. NO_ROOM: others use up the memory for bodies."""

    TOO_LARGE = "too_large"
    NO_ROOM = "no_room"
    SLOW = "slow"
    MALFORMED = "malformed"
    GONE = "gone"


class BodyRoom:
    """The memory that bodies on their way share."""

    def __init__(self, size: int) -> None:
        self._left = size
        self.readers = 0

    def take(self, size: int) -> bool:
        """Take bytes if they are there."""
        if size > self._left:
            return False
        self._left -= size
        return True

    def give_back(self, size: int) -> None:
        """Give bytes back."""
        self._left += size


async def read_body(request: BaseRequest, limit: int, wait: float, room: BodyRoom) -> bytes | BodyFault:
    """Return the body's bytes as they were sent, without any decoding but that of chunks.

    A body over `limit` bytes is refused by its Content-Length where it has one, else as soon as it is over. All
    of it must be here within `wait` seconds.
    """
    if (request.content_length or 0) > limit:
        return BodyFault.TOO_LARGE
    try:
        if request.content.is_eof():
            return _within(request.content.read_nowait(), limit)
        async with asyncio.timeout(wait):
            await _invite(request)
            return await _read(request, limit, room)
    except TimeoutError:
        return BodyFault.SLOW
    except RequestPayloadError:
        return BodyFault.MALFORMED
    except (OSError, RuntimeError):
        # aiohttp words a lost connection as one or the other, by where it found out.
        return BodyFault.GONE


def _within(body: bytes, limit: int) -> bytes | BodyFault:
    return body if len(body) <= limit else BodyFault.TOO_LARGE


async def _read(request: BaseRequest, limit: int, room: BodyRoom) -> bytes | BodyFault:
    chunks: list[bytes] = []
    size = taken = 0
    room.readers += 1
    try:
        while chunk := await request.content.readany():
            size += len(chunk)
            if size > limit:
                return BodyFault.TOO_LARGE
            more = max(0, size - FREE_BYTES) - taken
            if not room.take(more):
                return BodyFault.NO_ROOM
            taken += more
            chunks.append(chunk)
        return b"".join(chunks)
    finally:
        room.readers -= 1
        room.give_back(taken)


async def _invite(request: BaseRequest) -> None:
    """Tell a sender that waits for it to go on (RFC 9110, 10.1.1); only now, when we want the body."""
    if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(_CONTINUE)
        # aiohttp takes an answer as begun when bytes went out.
        request.writer.output_size = 0
