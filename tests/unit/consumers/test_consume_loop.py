"""The consume loop: order, side by side, commits, dead letters, drain, and every trouble of the log."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.log import LogUnavailableError, Partition
from consumers.consumer import TryLater
from schemas.envelope import Delivered, event_to_record
from schemas.topics import INBOUND
from tests.support.consumers import NOW, QUICK, Bench, MemoryLog, inbound, until, with_header

DLQ = "messaging.inbound.v1.group.dlq"
ONLY = Partition(INBOUND.name, 0)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """Give a loop's bench and drain it at the end."""
    made = Bench()
    yield made
    made.log.away = made.log.hang = False
    await made.stop()


class Seen:
    """A handler that notes what it is given and holds back or fails what it is told to."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.ended: list[str] = []
        self.by_key: dict[bytes | None, list[str]] = defaultdict(list)
        self.held: dict[str, asyncio.Event] = {}
        self.failing: dict[str, list[Exception]] = {}

    def hold(self, event_id: str) -> asyncio.Event:
        """Hold an event back until the returned event is set."""
        return self.held.setdefault(event_id, asyncio.Event())

    async def __call__(self, event: Delivered) -> None:
        """Handle one event."""
        self.ids.append(event.envelope.id)
        if self.failing.get(event.envelope.id):
            raise self.failing[event.envelope.id].pop(0)
        if event.envelope.id in self.held:
            await self.held[event.envelope.id].wait()
        await asyncio.sleep(0)
        self.ended.append(event.envelope.id)
        self.by_key[event.record.key].append(event.envelope.id)


@pytest.fixture
def seen() -> Seen:
    """Return a handler."""
    return Seen()


async def test_events_of_one_key_are_handled_in_order(bench: Bench, seen: Seen) -> None:
    """Of each of many keys the events end in the order of the log, though keys run side by side."""
    events = [inbound(n, key=f"+1555000{n % 7}000") for n in range(200)]
    bench.fill(*events)
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 200)
    for key, ids in seen.by_key.items():
        assert ids == [event.id for event in events if event_to_record(event).key == key]


async def test_one_event_of_a_key_runs_at_a_time(bench: Bench, seen: Seen) -> None:
    """The second event of a key waits for the first."""
    first = seen.hold("event-0")
    bench.fill(inbound(0), inbound(1), inbound(2, key="+15550000009"))
    bench.start(seen)
    await until(lambda: "event-2" in seen.ended)
    assert seen.ids == ["event-0", "event-2"]
    first.set()
    await until(lambda: bench.log.done("group") == 3)
    assert seen.ids[-1] == "event-1"


async def test_no_more_handlers_run_than_the_setting_allows() -> None:
    """`concurrency` bounds the handlers that run."""
    bench = Bench(concurrency=3)
    running = most = 0

    async def handle(_event: Delivered) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1

    bench.fill(*(inbound(n, key=f"+1666{n:07}") for n in range(60)))
    bench.start(handle)
    await until(lambda: bench.log.done("group") == 60)
    await bench.stop()
    assert most == 3


async def test_nothing_is_committed_before_its_effect(bench: Bench, seen: Seen) -> None:
    """While the first event is in hand, the later ones of other keys are done but not committed."""
    first = seen.hold("event-0")
    bench.fill(*(inbound(n, key=f"+1666{n:07}") for n in range(10)))
    bench.start(seen)
    await until(lambda: len(seen.ended) == 9)
    await until(lambda: bench.log.members[0].polls > 5)
    assert bench.log.commits == []
    first.set()
    await until(lambda: bench.log.offsets.get(("group", ONLY)) == 10)


@given(st.permutations(range(8)))
def test_every_commit_is_a_done_prefix(order: list[int]) -> None:
    """In whatever order handlers end, no commit passes an event that has not ended."""

    async def scenario() -> None:
        bench, seen = Bench(), Seen()
        gates = [seen.hold(f"event-{n}") for n in range(8)]
        bench.fill(*(inbound(n, key=f"+1666{n:07}") for n in range(8)))
        bench.start(seen)
        await until(lambda: len(seen.ids) == 8)
        for n in order:
            gates[n].set()
            await until(lambda n=n: f"event-{n}" in seen.ended)  # type: ignore[misc] # a default binds the loop's value
            done = bench.log.offsets.get(("group", ONLY), 0)
            assert all(f"event-{before}" in seen.ended for before in range(done))
        await bench.stop()
        assert bench.log.done("group") == 8

    asyncio.run(scenario())


async def test_what_a_crash_left_undone_comes_again(bench: Bench, seen: Seen) -> None:
    """An event in hand when the process dies is given to the next one; what was committed is not."""
    seen.hold("event-1")
    bench.fill(inbound(0), inbound(1))
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 1 and "event-1" in seen.ids)
    await bench.kill()
    again = Seen()
    bench.start(again)
    await until(lambda: bench.log.done("group") == 2)
    assert again.ids == ["event-1"]


async def test_a_replayed_record_is_skipped_by_a_consumer_with_effects(bench: Bench, seen: Seen) -> None:
    """It is committed and counted, and no handler sees it."""
    bench.log.put(with_header(event_to_record(inbound(0)), "ce_replayid", b"replay-1"))
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 1)
    assert seen.ids == []
    assert bench.count("records_total", consumer="group", outcome="replay_skipped") == 1


async def test_a_replayed_record_is_shown_to_a_consumer_without_effects(bench: Bench, seen: Seen) -> None:
    """A consumer that only looks sees replays too."""
    bench.log.put(with_header(event_to_record(inbound(0)), "ce_replayid", b"replay-1"))
    bench.start(seen, has_effects=False)
    await until(lambda: seen.ids == ["event-0"])


async def test_a_damaged_record_becomes_a_dead_letter(bench: Bench, seen: Seen) -> None:
    """Key, value, time and headers are as they were, with the reason and the origin added; others go on."""
    damaged = replace(event_to_record(inbound(0)), value=b'{"provider": 1')
    bench.log.put(damaged)
    bench.fill(inbound(1))
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 2)
    (letter,) = bench.log.on(DLQ)
    assert (letter.key, letter.value, letter.timestamp) == (damaged.key, damaged.value, damaged.timestamp)
    assert letter.headers[: len(damaged.headers)] == damaged.headers
    assert (letter.text_header("ce_dlqreason") or "").startswith("undecodable: ")
    assert letter.text_header("ce_origintopic") == INBOUND.name
    assert letter.text_header("ce_originpartition") == "0"
    assert letter.text_header("ce_originoffset") == "0"
    assert seen.ids == ["event-1"]


async def test_a_record_without_envelope_becomes_a_dead_letter(bench: Bench, seen: Seen) -> None:
    """What a foreign writer put there does not stop the topic."""
    bench.log.put(replace(event_to_record(inbound(0)), headers=()))
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 1)
    assert len(bench.log.on(DLQ)) == 1


async def test_an_unknown_type_is_skipped_and_counted(bench: Bench, seen: Seen) -> None:
    """A newer writer's event type is no damage."""
    record = event_to_record(inbound(0))
    headers = tuple((n, b"messaging.message.sung" if n == "ce_type" else v) for n, v in record.headers)
    bench.log.put(replace(record, headers=headers))
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 1)
    assert bench.log.on(DLQ) == []
    assert bench.count("records_total", consumer="group", outcome="unknown_type") == 1


async def test_a_failing_event_is_tried_again(bench: Bench, seen: Seen) -> None:
    """One success within the tries is a success."""
    seen.failing["event-0"] = [ValueError("no"), ValueError("no")]
    bench.fill(inbound(0))
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 1)
    assert seen.ids == ["event-0"] * 3
    assert bench.log.on(DLQ) == []
    assert bench.count("retries_total", consumer="group") == 2


async def test_an_event_that_keeps_failing_becomes_a_dead_letter(bench: Bench, seen: Seen) -> None:
    """After `attempts` tries, with the kind of the error as the reason; the key's next event follows."""
    seen.failing["event-0"] = [KeyError("x") for _ in range(9)]
    bench.fill(inbound(0), inbound(1))
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 2)
    assert seen.ids == ["event-0"] * 3 + ["event-1"]
    assert (bench.log.on(DLQ)[0].text_header("ce_dlqreason") or "").startswith("handler_failed: KeyError")


async def test_the_words_of_a_failure_stay_out_of_the_health_page() -> None:
    """An error may quote a text or a number: the health names its kind in one word, the dead letter quotes it."""
    bench, seen = Bench(tempo=replace(QUICK, first_pause=0.05, longest_pause=0.05)), Seen()
    seen.failing["event-0"] = [ValueError("no answer for +15550000002") for _ in range(9)]
    bench.fill(inbound(0))
    loop = bench.start(seen)
    await until(lambda: loop.health().reason is not None and loop.health().running)
    assert loop.health().reason == "handler_failed"
    await until(lambda: bench.log.done("group") == 1)
    reason = bench.log.on(DLQ)[0].text_header("ce_dlqreason")
    assert reason == "handler_failed: ValueError: no answer for +15550000002"
    await bench.stop()


async def test_other_keys_go_on_while_one_retries() -> None:
    """A key in back-off holds no place of a handler."""
    bench, seen = Bench(concurrency=1, tempo=replace(QUICK, first_pause=30.0, longest_pause=30.0)), Seen()
    seen.failing["event-0"] = [ValueError("no")]
    bench.fill(inbound(0), *(inbound(n, key=f"+1666{n:07}") for n in range(1, 20)))
    loop = bench.start(seen)
    await until(lambda: len(seen.ended) == 19)
    assert loop.health().reason is not None
    await bench.stop()
    assert bench.log.done("group") == 0


async def test_a_dead_letter_that_cannot_be_stored_keeps_its_record(bench: Bench, seen: Seen) -> None:
    """Until the dead letter is stored the record is not done, and the health says why."""
    seen.failing["event-0"] = [ValueError("no") for _ in range(9)]
    bench.log.refuse_topics.add(DLQ)
    bench.fill(inbound(0))
    loop = bench.start(seen)
    await until(lambda: loop.health().reason == "dead_letter_not_stored")
    assert bench.log.done("group") == 0
    bench.log.refuse_topics.clear()
    await until(lambda: bench.log.done("group") == 1)
    assert len(bench.log.on(DLQ)) == 1


async def test_a_flood_of_dead_letters_stops_the_consumer(seen: Seen) -> None:
    """The consumer gives up instead of emptying its topic into the dead letters."""
    bench = Bench(tempo=replace(QUICK, flood_count=5))
    for n in range(20):
        bench.log.put(replace(event_to_record(inbound(n)), value=b"damaged"))
    loop = bench.start(seen)
    await until(lambda: loop.health().reason == "dead_letter_flood" and not loop.health().running)
    assert len(bench.log.on(DLQ)) == 5
    assert bench.log.done("group") == 5
    await bench.stop()


async def test_a_handler_that_asks_for_a_pause_uses_up_no_try(bench: Bench, seen: Seen) -> None:
    """More pauses than tries, and still no dead letter."""
    seen.failing["event-0"] = [TryLater(0.001, "busy") for _ in range(10)]
    bench.fill(inbound(0))
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 1)
    assert bench.log.on(DLQ) == []


async def test_an_absent_log_uses_up_no_try_of_an_event(bench: Bench, seen: Seen) -> None:
    """That a handler cannot append is no fault of the event."""
    seen.failing["event-0"] = [LogUnavailableError("away") for _ in range(10)]
    bench.fill(inbound(0))
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 1)
    assert bench.log.on(DLQ) == []


async def test_a_stuck_handler_is_a_failure_and_not_a_standstill(seen: Seen) -> None:
    """The deadline ends it, the tries end, the dead letter is written."""
    bench = Bench(tempo=replace(QUICK, handler_deadline=0.01))
    seen.hold("event-0")
    bench.fill(inbound(0), inbound(1))
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 2)
    assert "TimeoutError" in (bench.log.on(DLQ)[0].text_header("ce_dlqreason") or "")
    await bench.stop()


async def test_a_handler_that_leaks_a_cancellation_has_failed(bench: Bench) -> None:
    """A task of its own that was cancelled must not end the lane in silence."""

    async def handle(_event: Delivered) -> None:
        task = asyncio.create_task(asyncio.sleep(5))
        task.cancel()
        await task

    bench.fill(inbound(0))
    bench.start(handle)
    await until(lambda: bench.log.done("group") == 1)
    assert len(bench.log.on(DLQ)) == 1


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
    assert (health.name, health.running, health.assigned, health.reason) == ("group", True, frozenset({ONLY}), None)
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
