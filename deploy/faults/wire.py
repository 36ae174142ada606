"""As much of an HTTP/1.1 client as the sender needs, and no more: two cores are shared with what is tested."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, cast

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer; `last` tells that the server closes the connection behind it."""

    status: int
    body: bytes
    last: bool


class Wire(asyncio.Protocol):
    """One connection that carries one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._buffer = bytearray()
        self._answer: asyncio.Future[Answered] | None = None
        self.open = False

    @classmethod
    async def connect(cls, port: int) -> Self:
        """Connect to a port of the loopback. Raises OSError."""
        _, wire = await asyncio.get_running_loop().create_connection(cls, HOST, port)
        return wire

    async def ask(self, request: bytes) -> Answered:
        """Send a request and return its answer. Raises ConnectionError where the connection ends without one."""
        if not self.open or self._transport is None:
            raise ConnectionResetError("closed before the request")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Close at once."""
        self.open = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport, self.open = cast("asyncio.WriteTransport", transport), True

    def data_received(self, data: bytes) -> None:
        """Give the answer on as soon as it is whole."""
        self._buffer += data
        answer = whole_answer(self._buffer)
        if answer is not None and self._answer is not None and not self._answer.done():
            self._buffer.clear()
            self.open = self.open and not answer.last
            self._answer.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits that no answer comes."""
        self.open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc if isinstance(exc, ConnectionError) else ConnectionResetError("closed"))


def whole_answer(buffer: bytearray) -> Answered | None:
    """Return the answer that the bytes hold, None while it is not whole. Its length must be told."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(buffer[:end]).lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or b"0")
    begin = end + 4
    if len(buffer) < begin + length:
        return None
    last = b"connection: close" in head
    return Answered(int(head[9:12]), bytes(buffer[begin : begin + length]), last)


def request_bytes(method: str, target: str, port: int, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return a request as it goes over the wire."""
    lines = [f"{method} {target} HTTP/1.1", f"host: {HOST}:{port}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


async def get(port: int, target: str, wait: float = 2.0) -> Answered | None:
    """Return the answer to a GET, None where none comes in time."""
    try:
        async with asyncio.timeout(wait):
            wire = await Wire.connect(port)
            try:
                return await wire.ask(request_bytes("GET", target, port, {"connection": "close"}, b""))
            finally:
                wire.close()
    except (OSError, TimeoutError):
        return None
