"""A network that is slow, resets, swallows, forgets or refuses, by the proxies before all brokers."""

import asyncio
from collections.abc import Awaitable, Callable

from deploy.faults.bench import Bench
from deploy.faults.proxy import Trouble
from deploy.faults.scenarios.scenario import Scenario
from deploy.faults.sender import broker_away

_SECONDS = 6.0


def _troubled(trouble: Trouble) -> Callable[[Bench], Awaitable[None]]:
    async def run(bench: Bench) -> None:
        await bench.go_through_proxies()
        with broker_away(bench.sending):
            await _turn(bench, trouble)
            await asyncio.sleep(_SECONDS)
            await _turn(bench, Trouble.NONE)

    return run


async def _turn(bench: Bench, trouble: Trouble) -> None:
    for proxy in bench.proxies:
        await proxy.turn(trouble)


SCENARIOS = (
    Scenario("network-refuses", "connections to the brokers are refused for 6 s", _troubled(Trouble.REFUSE)),
    Scenario("network-latency", "every byte is late by 250 ms each way for 6 s", _troubled(Trouble.LATENCY)),
    Scenario("network-resets", "connections are reset every 0.7 s for 6 s", _troubled(Trouble.RESETS)),
    Scenario("network-black-hole", "nothing passes for 6 s, then all that was held", _troubled(Trouble.BLACK_HOLE)),
    Scenario("network-half-open", "the brokers forget every connection, no word of it", _troubled(Trouble.HALF_OPEN)),
)
