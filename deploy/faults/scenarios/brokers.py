"""Brokers that die, stand still, come and go, and lose what they had."""

import asyncio
import time

from deploy.faults.acls import allow_writing, forbid_writing
from deploy.faults.bench import Bench
from deploy.faults.scenarios.scenario import Scenario
from deploy.faults.sender import broker_away
from schemas.topics import CLICKS, WEBHOOKS

_PREFIX = "messaging."


async def steady(bench: Bench) -> None:
    """Do nothing: what the others are compared with."""
    await asyncio.sleep(1_000 / bench.rate)


async def broker_killed(bench: Bench) -> None:
    """Kill the broker that leads and start it again."""
    node = await bench.leader(WEBHOOKS.name)
    with broker_away(bench.sending):
        await asyncio.to_thread(bench.cluster.kill, node)
        await asyncio.sleep(4)
        await asyncio.to_thread(bench.cluster.restart, node)


async def broker_stopped_5(bench: Bench) -> None:
    """Stop the leader for 5 s."""
    await _stopped(bench, 5)


async def broker_stopped_30(bench: Bench) -> None:
    """Stop the leader for 30 s."""
    await _stopped(bench, 30)


async def _stopped(bench: Bench, seconds: float) -> None:
    node = await bench.leader(WEBHOOKS.name)
    bench.cluster.pause(node)
    try:
        with broker_away(bench.sending):
            await asyncio.sleep(seconds)
    finally:
        bench.cluster.resume(node)


async def leader_bounced(bench: Bench) -> None:
    """Kill whoever leads and start it again, five times."""
    for _ in range(5):
        node = await bench.leader(WEBHOOKS.name)
        with broker_away(bench.sending):
            await asyncio.to_thread(bench.cluster.kill, node)
            await asyncio.sleep(1)
            await asyncio.to_thread(bench.cluster.restart, node)
        await asyncio.sleep(1)


async def one_of_three_gone(bench: Bench) -> None:
    """Kill one broker of three and bring it back later."""
    await _gone(bench, 1, 8)


async def two_of_three_gone(bench: Bench) -> None:
    """Kill two brokers of three: too few copies are left, nothing may be called stored."""
    await _gone(bench, 2, 8)


async def _gone(bench: Bench, count: int, seconds: float) -> None:
    nodes = range(1, count + 1)
    with broker_away(bench.sending):
        for node in nodes:
            await asyncio.to_thread(bench.cluster.kill, node)
        await asyncio.sleep(seconds)
        for node in nodes:
            await asyncio.to_thread(bench.cluster.restart, node)


async def topic_deleted(bench: Bench) -> None:
    """Delete a topic under load and make it again; what was in it is gone and is named."""
    await bench.reader.catch_up()
    async with bench.admin() as admin:
        with broker_away(bench.sending):
            await admin.delete_topics([CLICKS.name])
            while CLICKS.name in await admin.list_topics():  # noqa: ASYNC110 - nobody tells us when it is gone
                await asyncio.sleep(0.1)
            # Another broker may hear of it a moment later, and confirm until then.
            await asyncio.sleep(1)
            bench.deleted[CLICKS.name] = time.monotonic()
            await asyncio.sleep(4)
            await bench.apply_topics()
    bench.reader.made_again(CLICKS.name)


async def writing_forbidden(bench: Bench) -> None:
    """Take the right to write away from everybody and give it back."""
    port = bench.cluster.layout.nodes[0].port
    await asyncio.to_thread(forbid_writing, port, _PREFIX)
    try:
        with broker_away(bench.sending):
            await asyncio.sleep(6)
    finally:
        await asyncio.to_thread(allow_writing, port, _PREFIX)


SCENARIOS = (
    Scenario("steady", "no fault, for comparison", steady),
    # Early: all that stood in the topic before is lost by name.
    Scenario("topic-deleted", "a topic is deleted and made again", topic_deleted),
    Scenario("broker-sigkill", "the leading broker is killed and started again", broker_killed, short=True),
    Scenario("broker-sigstop-5", "the leading broker stands still for 5 s", broker_stopped_5, short=True),
    Scenario("broker-sigstop-30", "the leading broker stands still for 30 s", broker_stopped_30),
    Scenario("leader-bounced", "whoever leads is killed and started again, five times", leader_bounced),
    Scenario("one-of-three-gone", "one of three brokers is gone for 8 s", one_of_three_gone, (3,)),
    Scenario("two-of-three-gone", "two of three brokers are gone for 8 s", two_of_three_gone, (3,)),
    Scenario("authorization-revoked", "writing is denied for 6 s and allowed again", writing_forbidden),
)
