"""Slow clients: bounded in time and in bytes, whatever it is that they do slowly."""

import asyncio
import socket
import time

import pytest

from ingest.connection import Connection
from tests.support.receiver import Bench, MemoryLog, Mood, body_of, receiver, request_bytes, until
from tests.support.sample_provider import endpoint, with_policy

GENUINE = request_bytes(body_of())
HALVES = {
    "a letter": b"P",
    "a request line": b"POST /webhooks/main HTTP/1.1\r\n",
    "no host yet": b"POST /webhooks/main HTTP/1.1\r\nX: y\r\n",
    "all but the last byte": GENUINE.partition(b"\r\n\r\n")[0] + b"\r\n\r",
}


def connection_of(bench: Bench) -> Connection:
    """Return the only connection."""
    (found,) = bench.connections
    return found


@pytest.mark.parametrize("half", HALVES)
async def test_half_a_header_behind_a_whole_request_is_not_held(half: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same segment: the whole one is stored and answered, then the connection is closed in time, and counted."""
    monkeypatch.setattr("ingest.connection.HEAD_WAIT", 0.1)
    async with receiver() as bench, bench.connect() as wire:
        await wire.send(GENUINE + HALVES[half])
        assert (await wire.answer()).status == 202
        assert await wire.closed()
        assert bench.refused("slow_head", "(none)") == 1


@pytest.mark.parametrize("half", HALVES)
async def test_half_a_header_that_comes_while_a_request_is_in_hand_is_not_held(
    half: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a segment of its own, before the answer."""
    monkeypatch.setattr("ingest.connection.HEAD_WAIT", 0.1)
    memory = MemoryLog(gate=asyncio.Event())
    assert memory.gate is not None
    async with receiver(memory) as bench, bench.connect() as wire:
        await wire.send(GENUINE)
        await until(lambda: memory.appending == 1)
        await wire.send(HALVES[half])
        await asyncio.sleep(0)
        memory.gate.set()
        assert (await wire.answer()).status == 202
        assert await wire.closed()
        assert bench.refused("slow_head", "(none)") == 1


async def test_the_rest_of_such_a_header_in_time_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look into the parser comes when its time is over and not before."""
    monkeypatch.setattr("ingest.connection.HEAD_WAIT", 5.0)
    async with receiver() as bench, bench.connect() as wire:
        await wire.send(GENUINE + GENUINE[:40])
        assert (await wire.answer()).status == 202
        await wire.send(GENUINE[40:])
        assert (await wire.answer()).status == 202


@pytest.mark.parametrize("between", [b"", b"\r\n"])
async def test_an_idle_connection_is_looked_at_without_harm(between: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a whole request there is nothing, or the empty line that RFC 9112 (2.2) allows: it lives on."""
    monkeypatch.setattr("ingest.connection.HEAD_WAIT", 0.05)
    async with receiver() as bench, bench.connect() as wire:
        for _ in range(2):
            await wire.send(GENUINE + between)
            assert (await wire.answer()).status == 202
            await until(lambda: connection_of(bench)._probe_timer is None)
        assert bench.refused("slow_head", "(none)") == 0


async def test_a_request_in_hand_for_long_is_not_cut_by_the_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits until the connection is idle."""
    monkeypatch.setattr("ingest.connection.HEAD_WAIT", 0.05)
    patient = with_policy(body_wait=5.0, answer_by=9.0, broker_wait=5.0)
    async with receiver(endpoints=[endpoint(patient)]) as bench, bench.connect() as wire:
        await wire.send(GENUINE[:-5])
        await until(lambda: bench.value("bodies_in_flight") == 1)
        began = asyncio.get_running_loop().time()
        await until(lambda: asyncio.get_running_loop().time() - began > 0.2)
        await wire.send(GENUINE[-5:])
        assert (await wire.answer()).status == 202


async def test_a_header_byte_by_byte_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte buys no new time."""
    monkeypatch.setattr("ingest.connection.HEAD_WAIT", 0.2)
    async with receiver() as bench, bench.connect() as wire:

        async def trickle() -> None:
            for byte in b"POST /webhooks/main HTTP/1.1\r\nX-Slow: " + b"x" * 4000:
                await wire.send(bytes([byte]))
                await asyncio.sleep(0.01)

        sending = asyncio.create_task(trickle())
        assert await wire.closed()
        sending.cancel()
        await asyncio.wait([sending])
        assert bench.refused("slow_head", "(none)") == 1


async def test_a_header_without_end_is_bounded_in_bytes() -> None:
    """One field of a megabyte: 400 long before that, and closed."""
    async with receiver() as bench, bench.connect() as wire:
        await wire.send(b"POST /webhooks/main HTTP/1.1\r\nHost: a\r\nX: ")
        try:
            for _ in range(64):
                await wire.send(b"x" * 16_384)
        except ConnectionError:
            pass
        else:
            assert (await wire.answer()).status == 400
        await wire.closed()
        assert bench.refused("bad_request", "(none)") == 1


async def test_one_who_reads_no_answers_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """He sends request upon request and reads nothing: his connection ends, and a drain does not wait for it."""
    monkeypatch.setattr("ingest.connection.READ_WAIT", 0.2)
    async with receiver() as bench:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            deaf.setblocking(False)  # noqa: FBT003 - the socket module's own signature
            loop = asyncio.get_running_loop()
            await loop.sock_connect(deaf, bench.server.address)
            await until(lambda: len(bench.connections) == 1)
            transport = connection_of(bench).transport
            assert transport is not None
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            flood = request_bytes(b"x", secret=None) * 200

            async def send() -> None:
                while True:
                    await loop.sock_sendall(deaf, flood)

            sending = asyncio.create_task(send())
            await until(lambda: not bench.connections, 15)
            sending.cancel()
            await asyncio.wait([sending])
            with pytest.raises((ConnectionError, asyncio.CancelledError)):
                sending.result()
        assert bench.refused("slow_reader", "(none)") == 1
        assert (await bench.ask(GENUINE)).status == 202


async def test_one_who_reads_slowly_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as he reads within the time, all answers come, in order."""
    monkeypatch.setattr("ingest.connection.READ_WAIT", 5.0)
    async with receiver() as bench, bench.connect() as wire:
        await wire.send(GENUINE * 20)
        assert [(await wire.answer()).status for _ in range(20)] == [202] * 20
        assert connection_of(bench)._read_timer is None


async def test_our_own_delay_is_never_taken_for_the_senders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our loop keeps a whole request for longer than all of its time, and the log hangs: it is answered at once then.

    To begin its time anew would mean an answer after the provider has gone.
    """
    policy = with_policy(answer_by=0.4, broker_wait=0.2, deadline=5.0)
    original = Connection.data_received
    delays = [0.5]

    def held_up(self: Connection, data: bytes) -> None:
        while delays:
            # Other work of ours, ahead of the handler.
            asyncio.get_running_loop().call_soon(time.sleep, delays.pop())
        original(self, data)

    async with receiver(MemoryLog(Mood.HUNG), [endpoint(policy)]) as bench, bench.connect() as wire:
        monkeypatch.setattr(Connection, "data_received", held_up)
        began = time.monotonic()
        await wire.send(GENUINE)
        assert (await wire.answer()).status == 503
        assert time.monotonic() - began < 0.5 + 0.4
