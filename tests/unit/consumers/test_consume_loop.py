"""The consume loop: order, side by side, commits, retries and dead letters."""

import asyncio
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from broker.log import LogUnavailableError
from consumers.consumer import TryLater
from consumers.loop.settings import FloodSettings
from schemas.envelope import Delivered, event_to_record
from schemas.topics import INBOUND
from tests.support.consumers import QUICK, Bench, inbound, until, with_header
from tests.support.consumers_seen import DLQ, ONLY, Seen


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
        await asyncio.sleep(0)
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
    await until(lambda: bench.log.done("group") == 1)
    assert seen.ids == ["event-0"]


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
    assert bench.count("retries_total", consumer="group", kind="in_place") == 2


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
    bench = Bench(flood=FloodSettings(count=5))
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
        task = asyncio.create_task(asyncio.Event().wait())
        task.cancel()
        await task

    bench.fill(inbound(0))
    bench.start(handle)
    await until(lambda: bench.log.done("group") == 1)
    assert len(bench.log.on(DLQ)) == 1


async def test_a_lane_that_somebody_cancels_is_begun_anew(bench: Bench, seen: Seen) -> None:
    """What it had in hand comes again, in a new membership, instead of waiting for the next start in silence."""
    seen.hold("event-0")
    bench.fill(inbound(0), inbound(1))
    bench.start(seen)
    await until(lambda: seen.ids == ["event-0"])
    (lane,) = (task for task in asyncio.all_tasks() if "PartitionWork._run" in repr(task.get_coro()))
    seen.held.clear()
    lane.cancel()
    await until(lambda: seen.ended == ["event-0", "event-1"])
    assert bench.count("rebuilds_total", consumer="group", reason="internal_error") == 1
