"""The receiver's own end: killed at any moment, asked to end under load, and two of it side by side."""

import asyncio
import time

from deploy.faults.bench import Bench
from deploy.faults.receiver import DRAIN_FINISH, DRAIN_LISTEN
from deploy.faults.scenarios.scenario import Scenario
from deploy.faults.sender import Target

_END_WITHIN = DRAIN_LISTEN + DRAIN_FINISH + 2.0


async def killed(bench: Bench) -> None:
    """Kill the receiver at random moments while Kafka is well."""
    for _ in range(4):
        await _kill_and_start(bench)


async def killed_while_away(bench: Bench) -> None:
    """Kill the receiver at random moments while Kafka is away, and while it drains afterwards."""
    with bench.kafka_hung():
        await asyncio.sleep(3)
        await _kill_and_start(bench)
        await _kill_and_start(bench)
    await _kill_and_start(bench)


async def _kill_and_start(bench: Bench) -> None:
    await asyncio.sleep(0.3 + 1.7 * bench.random.random())
    await bench.receiver.kill()
    bench.target.forget_connections()
    await bench.receiver.start()


async def terminated(bench: Bench) -> None:
    """Ask the receiver to end under load, Kafka being well."""
    await _terminate(bench)


async def terminated_while_hung(bench: Bench) -> None:
    """Ask the receiver to end under load while Kafka hangs."""
    with bench.kafka_hung():
        # Soon: what is in flight waits for a broker of whom nobody knows yet that it hangs.
        await asyncio.sleep(0.4)
        await _terminate(bench)
        await asyncio.sleep(2)


async def _terminate(bench: Bench) -> None:
    asked, cut_before = time.monotonic(), len(bench.sending.cut)
    in_flight = bench.sending.in_flight
    took = await bench.receiver.terminate()
    bench.target.forget_connections()
    await asyncio.sleep(0.1)
    # Those that began after the signal met a port that was about to close: they come again.
    cut = sum(began <= asked for began in bench.sending.cut[cut_before:])
    bench.notes.append(f"SIGTERM with {in_flight} in flight: ended after {took:.1f} s, {cut} cut")
    if took > _END_WITHIN:
        bench.faults.append(f"the end took {took:.1f} s, more than {_END_WITHIN:.1f} s")
    if cut:
        bench.faults.append(f"{cut} requests in flight at SIGTERM were cut")
    await bench.receiver.start()


async def two_receivers(bench: Bench) -> None:
    """Let two receivers share one spool folder, Kafka away, and kill the second: the first takes over its spool."""
    await bench.second.start()
    second = Target(bench.second.setup.listen, bench.new_worker())
    bench.sending.targets = (bench.target, second)
    await asyncio.sleep(2)
    with bench.kafka_hung():
        await asyncio.sleep(4)
        bench.sending.targets = (bench.target,)
        await bench.second.kill()
        second.forget_connections()
        await asyncio.sleep(1)


SCENARIOS = (
    Scenario("receiver-sigkill", "the receiver is killed at random moments, Kafka well", killed, short=True),
    Scenario(
        "receiver-sigkill-away", "the receiver is killed while Kafka hangs and while it drains", killed_while_away
    ),
    Scenario("sigterm-under-load", "the receiver is asked to end under load", terminated),
    Scenario("sigterm-kafka-hung", "the same while Kafka hangs", terminated_while_hung),
    Scenario("two-receivers", "two receivers on one spool folder, one is killed, Kafka away", two_receivers),
)
