"""The consume loop as a member of its group: drain, rebalance, and every trouble of the log."""

import asyncio
from dataclasses import replace

import pytest

from schemas.envelope import event_to_record
from tests.support.consumed_log import MemoryLog
from tests.support.consumers import NOW, QUICK, Bench, inbound, until
from tests.support.consumers_seen import ONLY, ONLY_RETRY, Seen


async def test_a_drain_finishes_what_is_in_hand(bench: Bench, seen: Seen) -> None:
    """The running handler ends and is committed; what has not begun is left for the next member."""
    gate = seen.hold("event-0")
    bench.fill(inbound(0), inbound(1))
    loop = bench.start(seen)
    await until(lambda: seen.ids == ["event-0"])
    loop.stop()
    asyncio.get_running_loop().call_later(0.02, gate.set)
    await bench.stop()
    assert seen.ended == ["event-0"]
    assert bench.log.done("group") == 1
    assert bench.log.members[0].closed
    assert (loop.health().running, loop.health().reason) == (False, "stopped")


async def test_a_drain_does_not_wait_for_a_stuck_handler(seen: Seen) -> None:
    """After the bound the handler is cancelled and its event stays undone."""
    bench = Bench(tempo=replace(QUICK, finish_wait=0.02))
    seen.hold("event-0")
    bench.fill(inbound(0))
    bench.start(seen)
    await until(lambda: seen.ids == ["event-0"])
    await bench.stop()
    assert bench.log.done("group") == 0


async def test_a_drain_ends_though_the_log_hangs(seen: Seen) -> None:
    """No call to the log holds the drain up."""
    bench = Bench(tempo=replace(QUICK, leave_wait=0.02))
    bench.fill(inbound(0))
    bench.start(seen)
    await until(lambda: seen.ended == ["event-0"])
    bench.log.hang = True
    started = asyncio.get_running_loop().time()
    await bench.stop()
    assert asyncio.get_running_loop().time() - started < 1.0


async def test_a_log_that_goes_and_comes_back_loses_nothing(bench: Bench, seen: Seen) -> None:
    """The consumer says why it does not run, joins again and goes on."""
    bench.fill(inbound(0))
    loop = bench.start(seen)
    await until(lambda: bench.log.done("group") == 1)
    bench.log.away = True
    bench.fill(inbound(1))
    await until(lambda: loop.health().reason == "log_unavailable")
    assert not loop.health().running
    bench.log.away = False
    await until(lambda: bench.log.done("group") == 2)
    assert loop.health().running


async def test_a_fault_while_leaving_does_not_end_the_consumer(
    bench: Bench, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a member's end raises, the consumer joins again."""
    bench.fill(inbound(0))
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 1)

    async def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(bench.log.members[0], "close", fail)
    bench.log.fence_next_commit = True
    bench.fill(inbound(1))
    await until(lambda: bench.log.done("group") == 2)
    assert bench.log.joined == 2


async def test_a_log_that_is_away_at_the_start_is_waited_for(bench: Bench, seen: Seen) -> None:
    """Joining is tried until it works."""
    bench.log.away = True
    bench.fill(inbound(0))
    loop = bench.start(seen)
    await until(lambda: loop.health().reason == "log_unavailable")
    bench.log.away = False
    await until(lambda: bench.log.done("group") == 1)
    assert seen.ended == ["event-0"]


async def test_a_hung_poll_counts_as_an_absent_log(seen: Seen) -> None:
    """A poll that does not come back is ended and the group joined anew."""
    bench = Bench(tempo=replace(QUICK, log_wait=0.02))
    bench.log.hang = True
    loop = bench.start(seen)
    await until(lambda: bench.log.joined > 1)
    bench.log.hang = False
    bench.fill(inbound(0))
    await until(lambda: bench.log.done("group") == 1)
    assert loop.health().running
    await bench.stop()


async def test_a_fenced_member_drops_its_work_and_joins_again(bench: Bench, seen: Seen) -> None:
    """What could not be committed comes again: at least once, never lost."""
    bench.log.fence_next_commit = True
    bench.fill(inbound(0), inbound(1))
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 2)
    assert bench.log.joined == 2
    assert set(seen.ended) == {"event-0", "event-1"}
    assert bench.count("failed_commits_total", consumer="group") == 1


async def test_a_revoked_partition_is_finished_and_committed(bench: Bench, seen: Seen) -> None:
    """Work in hand ends before the partition is given away, and its commit goes out."""
    gate = seen.hold("event-0")
    bench.fill(inbound(0), inbound(1))
    bench.start(seen)
    await until(lambda: seen.ids == ["event-0"])
    asyncio.get_running_loop().call_later(0.02, gate.set)
    await bench.log.members[0].revoke(frozenset({ONLY}))
    assert bench.log.done("group") == 1
    assert seen.ids == ["event-0"]


async def test_a_partition_that_comes_back_is_read_from_what_was_committed(bench: Bench, seen: Seen) -> None:
    """What was dropped when it went is handled when it is here again."""
    gate = seen.hold("event-0")
    bench.fill(inbound(0), inbound(1))
    bench.start(seen)
    await until(lambda: seen.ids == ["event-0"])
    asyncio.get_running_loop().call_later(0.02, gate.set)
    await bench.log.members[0].revoke(frozenset({ONLY}))
    bench.log.members[0].give(frozenset({ONLY}))
    await until(lambda: bench.log.done("group") == 2)
    assert seen.ids == ["event-0", "event-1"]


async def test_records_of_a_poll_that_a_revocation_overtook_are_not_skipped(bench: Bench, seen: Seen) -> None:
    """A poll that gives later records after a revocation made us drop earlier ones opens no gap."""
    seen.hold("event-0")
    bench.fill(*(inbound(n) for n in range(3)))
    bench.start(seen, tempo=replace(QUICK, finish_wait=0.01, idle_poll=0.5, busy_poll=0.5))
    await until(lambda: seen.ids == ["event-0"])
    member = bench.log.members[0]
    await member.revoke(frozenset({ONLY}))
    seen.held.clear()
    member.assignment |= {ONLY}  # as a client does that forgets to go back to what is committed
    bench.fill(inbound(3))
    await until(lambda: bench.log.done("group") == 4)
    assert seen.ended == [f"event-{n}" for n in range(4)]


async def test_nothing_new_is_begun_of_a_partition_that_is_going(bench: Bench, seen: Seen) -> None:
    """What a poll gives while the work in hand ends is left to the partition's next owner."""
    gate = seen.hold("event-0")
    bench.fill(inbound(0))
    bench.start(seen)
    await until(lambda: seen.ids == ["event-0"])
    member = bench.log.members[0]
    going = asyncio.create_task(member.revoke(frozenset({ONLY})))
    await asyncio.sleep(0)
    bench.fill(inbound(1, key="+16660000001"))
    polls = member.polls
    await until(lambda: member.polls > polls + 2)
    gate.set()
    await going
    assert seen.ids == ["event-0"]
    member.give(frozenset({ONLY}))
    await until(lambda: bench.log.done("group") == 2)
    assert seen.ended == ["event-0", "event-1"]


async def test_polling_goes_on_while_the_hands_are_full(seen: Seen) -> None:
    """A member whose handlers are all busy still shows the group that it lives, and loses no record by it."""
    bench = Bench(concurrency=1, tempo=replace(QUICK, records_per_slot=2))
    gate = seen.hold("event-0")
    bench.fill(*(inbound(n) for n in range(9)))
    bench.start(seen)
    await until(lambda: seen.ids == ["event-0"])
    before = bench.log.members[0].polls
    await until(lambda: bench.log.members[0].polls > before + 2)
    gate.set()
    await until(lambda: bench.log.done("group") == 9)
    assert seen.ended == [f"event-{n}" for n in range(9)]
    await bench.stop()


async def test_health_names_partitions_and_last_progress(bench: Bench, seen: Seen) -> None:
    """A running consumer tells what it reads and when it last got on."""
    bench.fill(inbound(0))
    loop = bench.start(seen)
    await until(lambda: bench.log.done("group") == 1)
    health = loop.health()
    assert (health.name, health.running, health.reason) == ("group", True, None)
    assert health.assigned == {ONLY, ONLY_RETRY}
    assert health.last_progress == NOW.timestamp()


async def test_the_age_of_handled_events_is_measured(bench: Bench, seen: Seen) -> None:
    """From our receiving it to its being handled."""
    bench.now += 7
    bench.fill(inbound(0))
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 1)
    assert bench.count("event_age_seconds_sum", consumer="group") == 7


def test_the_log_of_these_tests_keeps_its_promise() -> None:
    """The in-memory log gives offsets in order."""
    log = MemoryLog()
    assert [log.put(event_to_record(inbound(n))).offset for n in range(3)] == [0, 1, 2]
