"""A TCP proxy between the receiver and a broker that misbehaves as a network does.

The broker names the proxy as its address to those who come through it (a second listener), so that a client never
leaves it; brokers reach each other directly.
"""

import asyncio
import contextlib
from collections.abc import Callable
from enum import StrEnum

HOST = "127.0.0.1"
_CHUNK = 256 * 1024
_HIGH = 4 * 1024 * 1024


class Trouble(StrEnum):
    """What the network does. REFUSE closes the port; HALF_OPEN lets the broker forget whom the client still sees."""

    NONE = "none"
    LATENCY = "latency"
    RESETS = "resets"
    BLACK_HOLE = "black_hole"
    HALF_OPEN = "half_open"
    REFUSE = "refuse"


class Pipe:
    """One connection through the proxy: two directions, each with a reader of its own."""

    def __init__(
        self, client: tuple[asyncio.StreamReader, asyncio.StreamWriter], ended: Callable[["Pipe"], None]
    ) -> None:
        self._client = client
        self._broker: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._ended = ended
        self.silent = False

    async def carry(self, port: int, proxy: "Proxy") -> None:
        """Connect to the broker and carry bytes until either side ends."""
        try:
            if not self.silent:
                await self._through(port, proxy)
            while self.silent and await self._client[0].read(_CHUNK):
                pass
        except OSError:
            pass
        finally:
            self.abort()
            self._ended(self)

    async def _through(self, port: int, proxy: "Proxy") -> None:
        await proxy.passing()
        self._broker = await asyncio.open_connection(HOST, port)
        ways = (
            asyncio.create_task(self._pump(self._client[0], self._broker[1], proxy)),
            asyncio.create_task(self._pump(self._broker[0], self._client[1], proxy)),
        )
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, proxy: "Proxy") -> None:
        late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=256)
        writer = asyncio.create_task(_write_later(late, sink, proxy))
        try:
            while data := await source.read(_CHUNK):
                await late.put((asyncio.get_running_loop().time() + proxy.latency, data))
        except OSError:
            pass
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    def forget(self) -> None:
        """End the broker's side and leave the client's open, without a word."""
        self.silent = True
        if self._broker is not None:
            self._broker[1].transport.abort()

    def abort(self) -> None:
        """Reset both sides."""
        for side in (self._client, self._broker):
            if side is not None:
                side[1].transport.abort()


async def _write_later(late: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter, proxy: "Proxy") -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):
        while True:
            due, data = await late.get()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            await proxy.passing()
            sink.write(data)
            await sink.drain()


class Proxy:
    """Stands on one port before one broker. Every change of trouble holds for open connections too."""

    def __init__(self, port: int, broker_port: int) -> None:
        self.port, self._broker_port = port, broker_port
        self._server: asyncio.Server | None = None
        self._pipes = set[Pipe]()
        self._tasks = set[asyncio.Task[None]]()
        self._open = asyncio.Event()
        self._open.set()
        self._resetting: asyncio.Task[None] | None = None
        self.trouble = Trouble.NONE
        self.latency = 0.0

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._pipes)

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, HOST, self.port, limit=_HIGH)

    async def stop(self) -> None:
        """Close everything."""
        await self.turn(Trouble.REFUSE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def turn(self, trouble: Trouble, latency: float = 0.25, every: float = 0.7) -> None:
        """Begin this trouble and end the one before: `latency` seconds each way, resets `every` so many seconds."""
        before, self.trouble = self.trouble, trouble
        self.latency = latency if trouble is Trouble.LATENCY else 0.0
        if self._resetting is not None:
            self._resetting.cancel()
            await asyncio.gather(self._resetting, return_exceptions=True)
            self._resetting = None
        (self._open.clear if trouble is Trouble.BLACK_HOLE else self._open.set)()
        if trouble is Trouble.RESETS:
            self._resetting = asyncio.create_task(self._reset(every))
        if trouble is Trouble.HALF_OPEN:
            for pipe in self._pipes:
                pipe.forget()
        await self._listen(before)

    async def passing(self) -> None:
        """Return when bytes pass."""
        await self._open.wait()

    async def _listen(self, before: Trouble) -> None:
        if self.trouble is Trouble.REFUSE and self._server is not None:
            self._server.close()
            self._server = None
            self._abort_all()
        elif before is Trouble.REFUSE and self.trouble is not Trouble.REFUSE:
            await self.start()

    async def _reset(self, every: float) -> None:
        while True:
            self._abort_all()
            await asyncio.sleep(every)

    def _abort_all(self) -> None:
        for pipe in tuple(self._pipes):
            pipe.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pipe = Pipe((reader, writer), self._pipes.discard)
        pipe.silent = self.trouble is Trouble.HALF_OPEN
        self._pipes.add(pipe)
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await pipe.carry(self._broker_port, self)
