"""The proxy of the fault bench: every trouble that it makes, and that it ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from deploy.faults.proxy import HOST, Proxy, Trouble
from deploy.kafka.cluster import free_ports

SOON = 5.0


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Give back what comes."""
    with contextlib.suppress(OSError):
        while data := await reader.read(1024):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """Return a proxy before an echo."""
    front, behind = free_ports(2)
    server = await asyncio.start_server(echo, HOST, behind)
    proxy = Proxy(front, behind)
    await proxy.start()
    yield proxy
    await proxy.stop()
    server.close()


class Client:
    """One connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def of(cls, proxy: Proxy) -> "Client":
        """Connect."""
        return cls(*await asyncio.open_connection(HOST, proxy.port))

    async def says(self, wait: float = SOON) -> bytes:
        """Send a word and return what comes back; raises TimeoutError where nothing does."""
        self.writer.write(b"word")
        async with asyncio.timeout(wait):
            return await self.reader.read(4)

    def close(self) -> None:
        """Close."""
        self.writer.transport.abort()


@pytest.fixture
async def client(proxy: Proxy) -> AsyncIterator[Client]:
    """Return a connection that has carried something."""
    client = await Client.of(proxy)
    assert await client.says() == b"word"
    yield client
    client.close()


async def test_latency_holds_every_byte_both_ways(proxy: Proxy, client: Client) -> None:
    """An echo takes twice the latency."""
    await proxy.turn(Trouble.LATENCY, latency=0.1)
    began = asyncio.get_running_loop().time()
    assert await client.says() == b"word"
    assert asyncio.get_running_loop().time() - began >= 0.19


async def test_a_reset_ends_the_connection(proxy: Proxy, client: Client) -> None:
    """The client is told."""
    await proxy.turn(Trouble.RESETS)
    with pytest.raises(ConnectionError):
        assert await client.says() == b"word"


async def test_a_black_hole_swallows_and_gives_it_back_at_the_end(proxy: Proxy, client: Client) -> None:
    """A network that comes back delivers what was held."""
    await proxy.turn(Trouble.BLACK_HOLE)
    with pytest.raises(TimeoutError):
        await client.says(0.2)
    await proxy.turn(Trouble.NONE)
    async with asyncio.timeout(SOON):
        assert await client.reader.read(4) == b"word"


async def test_half_open_tells_the_client_nothing(proxy: Proxy, client: Client) -> None:
    """Neither an answer nor an end comes, also after the trouble; a new connection works then."""
    await proxy.turn(Trouble.HALF_OPEN)
    with pytest.raises(TimeoutError):
        await client.says(0.2)
    await proxy.turn(Trouble.NONE)
    with pytest.raises(TimeoutError):
        await client.says(0.2)
    other = await Client.of(proxy)
    assert await other.says() == b"word"
    other.close()


async def test_refusing_closes_the_port_and_opens_it_again(proxy: Proxy, client: Client) -> None:
    """Connections end and none is taken, until the trouble ends."""
    await proxy.turn(Trouble.REFUSE)
    with pytest.raises(ConnectionError):
        await Client.of(proxy)
    await proxy.turn(Trouble.NONE)
    other = await Client.of(proxy)
    assert await other.says() == b"word"
    other.close()
    with contextlib.suppress(ConnectionError):
        assert await client.reader.read(4) == b""
