"""Starting, telling the truth about readiness, and ending well (P6, P14)."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from ingest.metrics import IngestMetrics
from ingest.server import ListenError, Readiness, Server
from ingest.settings import ServerSettings
from tests.support.receiver import MemoryLog, Mood, body_of, receiver, request_bytes, until
from tests.support.sample_provider import endpoint, with_policy

PATIENT = with_policy(broker_wait=8.0, answer_by=9.0, body_wait=8.0)


async def test_it_takes_a_free_port_and_tells_which() -> None:
    """Port 0 asks for any; the address has the real one."""
    async with receiver() as bench:
        host, port = bench.server.address
        assert host == "127.0.0.1"
        assert port > 0


async def test_an_address_that_is_taken_is_told_plainly() -> None:
    """The error names the address."""
    async with receiver() as bench:
        taken = "{}:{}".format(*bench.server.address)
        with pytest.raises(ListenError, match=taken):
            async with receiver(listen=taken):
                pass


@pytest.mark.parametrize("listen", ["", "localhost", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:99999", "127.0.0.1:-1"])
async def test_what_is_no_address_is_told_plainly(listen: str) -> None:
    """No traceback from the depths of a socket."""
    with pytest.raises(ListenError, match=r"is no address|cannot listen on") as caught:
        async with receiver(listen=listen):
            pass
    assert listen in str(caught.value)


async def test_an_ipv6_address_is_taken() -> None:
    """In brackets, as in a URL."""
    async with receiver(listen="[::1]:0") as bench:
        assert bench.server.address[0] == "::1"
        assert (await bench.ask(request_bytes(body_of()))).status == 202


async def test_ready_means_that_it_can_store_now() -> None:
    """The word follows the log, both ways."""
    async with receiver() as bench:
        assert bench.server.readiness() == Readiness(ready=True, degraded=False, reason="ready")
        bench.memory.mood = Mood.AWAY
        assert bench.server.readiness() == Readiness(ready=False, degraded=True, reason="log_away")
        bench.memory.mood = Mood.WELL
        assert bench.server.readiness().ready


async def test_a_log_that_is_starting_is_not_yet_ready_and_not_degraded() -> None:
    """A start takes a moment; that is no trouble."""
    async with receiver(MemoryLog(starting=True)) as bench:
        assert bench.server.readiness() == Readiness(ready=False, degraded=False, reason="log_starting")


async def test_a_receiver_that_does_not_listen_is_not_ready() -> None:
    """And it has no address, and nothing to drain."""
    server = Server(ServerSettings(), {"main": endpoint()}, MemoryLog().log, IngestMetrics(CollectorRegistry()))
    assert server.readiness().reason == "not_started"
    with pytest.raises(ListenError):
        _ = server.address
    await server.drain()


async def test_a_drain_is_not_ready_at_once_and_listens_a_little_longer() -> None:
    """Balancers need a moment; whoever comes in it is served and told to leave."""
    async with receiver(drain_listen=0.3) as bench:
        draining = asyncio.create_task(bench.server.drain())
        await asyncio.sleep(0)
        assert bench.server.readiness() == Readiness(ready=False, degraded=False, reason="draining")
        answer = await bench.ask(request_bytes(body_of()))
        assert (answer.status, answer.headers["connection"]) == (202, "close")
        await draining


async def test_nothing_in_hand_is_cut() -> None:
    """64 webhooks wait for the log when the drain begins; all are answered with success."""
    memory = MemoryLog(gate=asyncio.Event())
    assert memory.gate is not None
    async with receiver(memory, [endpoint(PATIENT)], drain_finish=5.0) as bench:
        asked = [asyncio.create_task(bench.ask(request_bytes(body_of(id=str(number))))) for number in range(64)]
        await until(lambda: memory.appending == 64)
        address = bench.server.address
        draining = asyncio.create_task(bench.server.drain())
        await until(lambda: not bench.listening)
        assert not draining.done()
        memory.gate.set()
        assert [(await each).status for each in asked] == [202] * 64
        await draining
        assert len(memory.webhooks) == 64
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)


async def test_a_body_on_its_way_is_read_to_its_end() -> None:
    """A request whose header is here is in hand."""
    async with receiver(endpoints=[endpoint(PATIENT)]) as bench, bench.connect() as wire:
        request = request_bytes(body_of())
        await wire.send(request[:-5])
        await until(lambda: bench.value("bodies_in_flight") == 1)
        draining = asyncio.create_task(bench.server.drain())
        await until(lambda: not bench.listening)
        await wire.send(request[-5:])
        assert (await wire.answer()).status == 202
        await draining
        assert len(bench.memory.webhooks) == 1


async def test_pipelined_requests_in_hand_are_all_answered() -> None:
    """The connection is closed behind the last one."""
    memory = MemoryLog(gate=asyncio.Event())
    assert memory.gate is not None
    async with receiver(memory, [endpoint(PATIENT)]) as bench, bench.connect() as wire:
        await wire.send(request_bytes(body_of()) * 3)
        await until(lambda: memory.appending == 1)
        draining = asyncio.create_task(bench.server.drain())
        await until(lambda: not bench.listening)
        memory.gate.set()
        assert [(await wire.answer()).status for _ in range(3)] == [202] * 3
        assert await wire.closed()
        await draining


async def test_idle_connections_are_closed() -> None:
    """Keep-alive does not hold a drain up."""
    async with receiver() as bench, bench.connect() as wire, bench.connect() as silent:
        await wire.send(request_bytes(body_of()))
        await wire.answer()
        began = asyncio.get_running_loop().time()
        await bench.server.drain()
        assert asyncio.get_running_loop().time() - began < 1.0
        assert await wire.closed()
        assert await silent.closed()


async def test_what_does_not_end_in_time_is_cut() -> None:
    """The whole drain keeps its time, whatever the log and the senders do."""
    memory = MemoryLog(Mood.HUNG, honest=False)
    async with (
        receiver(memory, [endpoint(PATIENT)], drain_finish=0.2) as bench,
        bench.connect() as waiting,
        bench.connect() as sending,
    ):
        await waiting.send(request_bytes(body_of()))
        await sending.send(request_bytes(body_of())[:-5])
        await until(lambda: bench.value("webhooks_in_flight") == bench.value("bodies_in_flight") == 1)
        began = asyncio.get_running_loop().time()
        await bench.server.drain()
        assert asyncio.get_running_loop().time() - began < 1.5
        assert await waiting.closed()
        await until(lambda: bench.value("webhooks_in_flight") == bench.value("bodies_in_flight") == 0)


async def test_a_second_drain_waits_for_the_first() -> None:
    """Two signals are one drain."""
    async with receiver(drain_listen=0.2) as bench:
        first = asyncio.create_task(bench.server.drain())
        await asyncio.sleep(0)
        await bench.server.drain()
        await asyncio.wait_for(first, 0.05)
        await bench.server.drain()


async def test_the_default_drain_takes_under_ten_seconds() -> None:
    """P6, by the settings that a site gets without asking."""
    settings = ServerSettings()
    assert settings.drain_listen + settings.drain_finish + 0.5 < 10
