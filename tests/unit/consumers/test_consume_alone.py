"""A consumer that must be the only one of its group: out where another is, and in when it has gone."""

import asyncio

import structlog

from broker.log import Holder
from consumers.consumer import Consumer, Holding
from schemas.topics import INBOUND
from tests.support.consumers import Bench, inbound, until
from tests.support.consumers_seen import Seen

ONE_HOST = Holding(lambda: Holder("state-here"), "name a PostgreSQL", "run it there")


async def test_a_second_sender_is_down_and_told_why_and_what_to_do(bench: Bench, seen: Seen) -> None:
    """It looks again from time to time, and works when the other has gone."""
    bench.fill(inbound(0))
    bench.log.occupied = True
    with structlog.testing.capture_logs() as lines:
        loop = bench.run(Consumer("group", (INBOUND,), seen, has_effects=True, holding=ONE_HOST))
        await until(lambda: len([line for line in lines if line["event"] == "consumer_down"]) > 1)
    health = loop.health()
    assert (health.running, health.reason) == (False, "another_member")
    assert health.detail == "another is there; name a PostgreSQL"
    down = next(line for line in lines if line["event"] == "consumer_down")
    assert (down["log_level"], down["reason"], down["advice"]) == ("error", "another_member", "name a PostgreSQL")
    bench.log.occupied = False
    await until(lambda: seen.ended == ["event-0"])
    assert (loop.health().running, loop.health().detail) == (True, None)


async def test_a_consumer_that_shares_its_group_is_not_kept_out(bench: Bench, seen: Seen) -> None:
    """Only those that say so are alone."""
    bench.fill(inbound(0))
    bench.log.occupied = True
    bench.start(seen)
    await until(lambda: seen.ended == ["event-0"])


async def test_where_another_state_was_a_consumer_is_down_and_told_what_to_do(bench: Bench, seen: Seen) -> None:
    """Though nobody is there now."""
    bench.fill(inbound(0))
    bench.log.holder = "state-there"
    loop = bench.run(Consumer("group", (INBOUND,), seen, has_effects=True, holding=ONE_HOST))
    await until(lambda: loop.health().detail is not None)
    health = loop.health()
    assert (health.running, health.reason, health.detail) == (
        False,
        "another_state",
        "another has read it; run it there",
    )
    bench.log.holder = "state-here"
    await until(lambda: seen.ended == ["event-0"])


async def test_a_member_that_may_have_lost_its_place_begins_nothing(bench: Bench, seen: Seen) -> None:
    """What it has read before it slept may be in another's hands by now."""
    loop = bench.run(Consumer("group", (INBOUND,), seen, has_effects=True, holding=ONE_HOST))
    await until(lambda: loop.health().running)
    (member,) = bench.log.members
    member.certain = False
    bench.fill(inbound(0))
    await until(lambda: member.read > 0)
    await asyncio.sleep(0)
    assert seen.ids == []
    member.certain = True
    await until(lambda: seen.ended == ["event-0"])
