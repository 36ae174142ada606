"""What strangers do in great numbers costs them, and not the senders that are proved."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncGenerator

import pytest
from structlog.testing import capture_logs

from ingest.refusals import LINES_A_SECOND
from tests.support.receiver import Bench, MemoryLog, Wire, body_of, receiver, request_bytes, until
from tests.support.sample_provider import endpoint, with_policy

PATIENT = with_policy(body_wait=30.0, broker_wait=5.0, answer_by=9.0, body_limit=1_000_000)
MIB = 1024 * 1024


@contextlib.asynccontextmanager
async def held(bench: Bench, count: int, data: bytes) -> AsyncGenerator[list[Wire], None]:
    """Give that many connections on which the data was sent and nothing more."""
    async with contextlib.AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(bench.connect()) for _ in range(count)]
        for wire in wires:
            await wire.send(data)
        yield wires


def half(size: int, sent: int) -> bytes:
    """Return an unsigned request whose body stops on its way."""
    return request_bytes(b"x" * size, secret=None)[: sent - size or None]


async def test_half_bodies_of_strangers_keep_no_webhook_out() -> None:
    """More of them than there may be webhooks in hand, and a proved one is stored."""
    async with receiver(endpoints=[endpoint(PATIENT)]) as bench, held(bench, 600, half(100, 50)) as wires:
        await until(lambda: bench.value("bodies_in_flight") == 600)
        assert (await bench.ask(request_bytes(body_of()))).status == 202
        assert bench.value("webhooks_in_flight") == 0
        for wire in wires:
            wire.reset()
        await until(lambda: bench.value("bodies_in_flight") == 0)


async def test_large_bodies_of_strangers_have_a_bound_in_all() -> None:
    """Who wants more than is left gets the retry status; small webhooks do not count, even in two pieces."""
    async with (
        receiver(endpoints=[endpoint(PATIENT)], max_body_bytes=MIB) as bench,
        held(bench, 2, half(900_000, 500_000)),
        held(bench, 1, half(900_000, 500_000)) as (third,),
        bench.connect() as small,
    ):
        answer = await third.answer()
        assert (answer.status, answer.headers["retry-after"], answer.headers["connection"]) == (503, "7", "close")
        assert bench.value("webhooks_total", account="main", outcome="overloaded") == 1
        request = request_bytes(body_of())
        await small.send(request[:-5])
        await until(lambda: bench.value("bodies_in_flight") == 3)
        await small.send(request[-5:])
        assert (await small.answer()).status == 202


async def test_a_body_gives_back_what_it_took() -> None:
    """The bound is on bodies being read, not on all that ever came."""
    async with receiver(endpoints=[endpoint(PATIENT)], max_body_bytes=MIB) as bench:
        for _ in range(3):
            async with bench.connect() as wire:
                request = request_bytes(b"x" * 900_000)
                await wire.send(request[:500_000])
                await until(lambda: bench.value("bodies_in_flight") == 1)
                await wire.send(request[500_000:])
                assert (await wire.answer()).status == 202


async def test_an_unproved_sender_gets_no_5xx_from_webhooks_in_hand() -> None:
    """P3: over the limit the proved are asked to come again, and the others are refused as always."""
    memory = MemoryLog(gate=asyncio.Event())
    assert memory.gate is not None
    async with receiver(memory, [endpoint(PATIENT)], max_in_flight=1) as bench:
        holding = asyncio.create_task(bench.ask(request_bytes(body_of())))
        await until(lambda: memory.appending == 1)
        assert (await bench.ask(request_bytes(body_of(), secret="wrong"))).status == 401
        assert (await bench.ask(request_bytes(body_of()))).status == 503
        memory.gate.set()
        assert (await holding).status == 202


@pytest.mark.parametrize("sent", [b"", b"POST /webhooks/main HT"])
async def test_idle_connections_give_way_to_new_ones(sent: bytes) -> None:
    """At the bound, connections that wait or have half a header are closed first."""
    async with receiver(max_connections=20) as bench, held(bench, 20, sent) as wires:
        await until(lambda: len(bench.connections) == 20)
        await until(lambda: all(each.idle for each in bench.connections))
        assert (await bench.ask(request_bytes(body_of()))).status == 202
        assert [await wire.closed() for wire in wires] == [True] * 20
        assert bench.refused("too_many_connections", "(none)") == 20


async def test_many_newcomers_in_one_turn_are_all_served_where_idle_ones_gave_way() -> None:
    """The idle ones that were closed for the first newcomer are not counted against those that come with it."""
    async with receiver(max_connections=20) as bench, held(bench, 20, b""):
        await until(lambda: len(bench.connections) == 20)
        with contextlib.ExitStack() as stack:
            newcomers = [stack.enter_context(socket.socket()) for _ in range(10)]
            for number, each in enumerate(newcomers):
                # Without a turn of the loop in between: all wait when it comes to accept.
                each.connect(bench.server.address)
                each.sendall(request_bytes(body_of(id=f"m{number}")))
                each.settimeout(0)
            loop = asyncio.get_running_loop()
            answers = [await asyncio.wait_for(loop.sock_recv(each, 1000), 5) for each in newcomers]
        assert [answer.partition(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 202 Accepted"] * 10


async def test_over_the_bound_of_connections_new_ones_are_closed(caplog: pytest.LogCaptureFixture) -> None:
    """Where all that are open have a request in hand, the new one goes, and is counted; nothing else is said."""
    async with (
        receiver(endpoints=[endpoint(PATIENT)], max_connections=3) as bench,
        held(bench, 3, half(100, 50)) as wires,
    ):
        await until(lambda: bench.value("bodies_in_flight") == 3)
        async with bench.connect() as fourth:
            assert await fourth.closed()
        assert bench.refused("too_many_connections", "(none)") == 1
        gc.collect()
        assert caplog.records == []
        wires[0].reset()
        await until(lambda: len(bench.connections) == 2)
        assert (await bench.ask(request_bytes(body_of()))).status == 202


@pytest.mark.parametrize(
    "request_",
    [request_bytes(body_of(), secret="wrong"), request_bytes(target="/webhooks/nobody"), b"nonsense\r\n\r\n"],
)
async def test_refusals_are_all_counted_and_few_are_written(request_: bytes) -> None:
    """A flood of strangers is not a flood of lines: the rest of a second is one line with their number."""
    count = LINES_A_SECOND + 15
    with capture_logs() as lines:
        async with receiver() as bench:
            for _ in range(count):
                await bench.ask(request_)
            await until(lambda: lines[-1]["event"] == "refusals_left_out")
            assert bench.value("webhooks_total", account=lines[0]["account"], outcome="refused") == count
    written = [line for line in lines if line["event"] == "webhook_refused"]
    assert LINES_A_SECOND <= len(written) < count
    assert len(written) + sum(line["count"] for line in lines if line["event"] == "refusals_left_out") == count
    assert {line["reason"] for line in lines} == {lines[0]["reason"]}
    assert len({line["request_id"] for line in written}) == len(written)
