"""Reading a request's body: raw, bounded in size and in time."""

import asyncio
from enum import StrEnum

from aiohttp import HttpVersion11
from aiohttp.web import BaseRequest, RequestPayloadError

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class BodyFault(StrEnum):
    """Why there is no body."""

    TOO_LARGE = "too_large"
    SLOW = "slow"
    MALFORMED = "malformed"
    GONE = "gone"


async def read_body(request: BaseRequest, limit: int, wait: float) -> bytes | BodyFault:
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
            return await _read(request, limit)
    except TimeoutError:
        return BodyFault.SLOW
    except RequestPayloadError:
        return BodyFault.MALFORMED
    except (OSError, RuntimeError):
        # aiohttp words a lost connection as one or the other, by where it found out.
        return BodyFault.GONE


def _within(body: bytes, limit: int) -> bytes | BodyFault:
    return body if len(body) <= limit else BodyFault.TOO_LARGE


async def _read(request: BaseRequest, limit: int) -> bytes | BodyFault:
    chunks: list[bytes] = []
    size = 0
    while chunk := await request.content.readany():
        size += len(chunk)
        if size > limit:
            return BodyFault.TOO_LARGE
        chunks.append(chunk)
    return b"".join(chunks)


async def _invite(request: BaseRequest) -> None:
    """Tell a sender that waits for it to go on (RFC 9110, 10.1.1); only now, when we want the body."""
    if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(_CONTINUE)
        # aiohttp takes an answer as begun when bytes went out.
        request.writer.output_size = 0
