"""A consumer that must be the only one of its group: out where another is, and in when it has gone."""

import structlog

from consumers.consumer import Consumer
from schemas.topics import INBOUND
from tests.support.consumers import Bench, inbound, until
from tests.support.consumers_seen import Seen


async def test_a_second_sender_is_down_and_told_why_and_what_to_do(bench: Bench, seen: Seen) -> None:
    """It looks again from time to time, and works when the other has gone."""
    bench.fill(inbound(0))
    bench.log.occupied = True
    with structlog.testing.capture_logs() as lines:
        loop = bench.run(Consumer("group", (INBOUND,), seen, has_effects=True, sole="name a PostgreSQL"))
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
