"""What ends a handler, a client or a consumer: the deadline, the watch, the flood."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from broker.log import Partition, Position
from consumers.consumer import Consumer
from consumers.loop.settings import FloodSettings, RetrySettings
from schemas.envelope import Delivered, event_to_record
from schemas.records import Record
from schemas.topics import INBOUND
from tests.support.consumers import QUICK, Bench, inbound, until
from tests.support.consumers_seen import DLQ, ONLY, ONLY_RETRY, RETRY, Seen

STUCK = replace(QUICK, cancel_wait=0.01, handler_deadline=0.01)
SLEEPY = replace(QUICK, stalled_after=0.05, idle_poll=0.01)


def broken(bench: Bench, count: int) -> None:
    """Put damaged records of as many keys on the topic."""
    for n in range(count):
        bench.log.put(replace(event_to_record(inbound(n, key=f"+1777{n:07}")), value=b"damaged"))


class Stubborn:
    """A handler that goes on though it is cancelled, until it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.calls = 0

    async def __call__(self, _event: Delivered) -> None:
        """Handle an event."""
        self.calls += 1
        while not self.go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.go.wait()


async def test_a_handler_that_swallows_its_cancelling_does_not_hang_the_loop(seen: Seen) -> None:
    """It is left to itself, its record gets no other try in place, and the key goes on."""
    stubborn = Stubborn()

    async def handle(event: Delivered) -> None:
        await (stubborn(event) if event.envelope.id == "event-0" else seen(event))

    bench = Bench(tempo=STUCK)
    bench.fill(inbound(0), inbound(1))
    bench.start(handle)
    await until(lambda: seen.ended == ["event-1"])
    (letter,) = bench.log.on(DLQ)
    assert (letter.text_header("ce_dlqreason") or "").startswith("handler_stuck")
    assert stubborn.calls == 1
    assert bench.count("stuck_handlers_total", consumer="group") == 1
    stubborn.go.set()
    await bench.stop()


async def test_as_many_stuck_handlers_as_may_run_stop_the_consumer() -> None:
    """Nothing but a new process ends them, so it says so instead of starting more of them."""
    stubborn = Stubborn()
    bench = Bench(tempo=STUCK, concurrency=2)
    bench.fill(*(inbound(n, key=f"+1777{n:07}") for n in range(9)))
    loop = bench.start(stubborn)
    await until(lambda: loop.health().reason == "handlers_stuck")
    assert not loop.health().running
    assert stubborn.calls <= 4
    stubborn.go.set()
    await bench.stop()


@pytest.fixture
async def stuck() -> AsyncIterator[Stubborn]:
    """Give a handler that is stuck until the test is over."""
    made = Stubborn()
    yield made
    made.go.set()


async def stopped(bench: Bench, handle: Callable[[Delivered], Awaitable[None]]) -> None:
    """Run a process until nothing but a new one helps, then end it."""
    loop = bench.start(handle)
    await until(lambda: loop.health().reason == "handlers_stuck")
    await bench.stop()


async def test_what_stops_the_consumer_is_a_dead_letter_first(stuck: Stubborn) -> None:
    """Else it would come first at each start, and stop each process."""
    bench = Bench(tempo=STUCK, concurrency=2)
    bench.fill(*(inbound(n, key=f"+1777{n:07}") for n in range(2)))
    await stopped(bench, stuck)
    assert {letter.text_header("ce_id") for letter in bench.log.on(DLQ)} == {"event-0", "event-1"}
    assert bench.log.done("group") == 2
    assert stuck.calls == 2


@pytest.mark.parametrize("order", ["kept", "given_up"])
async def test_one_event_does_not_stop_every_process_for_ever(stuck: Stubborn, seen: Seen, order: str) -> None:
    """Its rounds are remembered across the stops, so that it ends in the dead letters and the others go on."""

    async def handle(event: Delivered) -> None:
        await (stuck(event) if event.envelope.id == "event-0" else seen(event))

    retry = RetrySettings(delays=(0.01,), order=order)
    bench = Bench(tempo=STUCK, concurrency=1, retry=retry)
    bench.fill(inbound(0), inbound(1))
    await stopped(bench, handle)
    assert [record.text_header("ce_retryattempt") for record in bench.log.on(RETRY)][:1] == ["1"]
    await stopped(bench, handle)
    (letter,) = bench.log.on(DLQ)
    assert (letter.text_header("ce_id"), letter.text_header("ce_dlqattempt")) == ("event-0", "2")
    bench.start(handle)
    await until(lambda: seen.ended == ["event-1"])
    assert stuck.calls == 2
    await bench.stop()


@pytest.mark.parametrize("order", ["kept", "given_up"])
async def test_a_round_that_stops_a_second_process_is_the_last_one(stuck: Stubborn, order: str) -> None:
    """The event has more delays left, and each process that it gets would have no handler."""
    bench = Bench(tempo=STUCK, concurrency=1, retry=RetrySettings(delays=(0.01,) * 9, order=order))
    bench.fill(inbound(0))
    await stopped(bench, stuck)
    await stopped(bench, stuck)
    (letter,) = bench.log.on(DLQ)
    assert (letter.text_header("ce_dlqreason") or "").startswith("handler_stuck")
    assert bench.log.done("group") == 2


async def test_a_drain_does_not_wait_for_a_handler_that_cannot_be_cancelled() -> None:
    """The process ends all the same, and the event stays undone."""
    stubborn = Stubborn()
    bench = Bench(tempo=replace(QUICK, finish_wait=0.01, cancel_wait=0.01))
    bench.fill(inbound(0))
    bench.start(stubborn)
    await until(lambda: stubborn.calls == 1)
    started = asyncio.get_running_loop().time()
    await bench.stop()
    assert asyncio.get_running_loop().time() - started < 5.0
    assert bench.log.done("group") == 0
    stubborn.go.set()


async def test_a_consumer_has_its_own_deadline_and_tries(bench: Bench, seen: Seen) -> None:
    """What it says stands above what holds for all."""
    seen.hold("event-0")
    bench.fill(inbound(0))
    bench.run(Consumer("group", (INBOUND,), seen, has_effects=True, deadline=0.01, attempts=2))
    await until(lambda: bench.log.done("group") == 1)
    assert seen.ids == ["event-0"] * 2
    assert bench.log.on(DLQ)[0].text_header("ce_dlqattempt") == "2"


async def test_a_client_that_gives_nothing_is_given_up(seen: Seen) -> None:
    """The log has a record, nobody hands it out: a new member joins and reads on."""
    bench = Bench(tempo=SLEEPY)
    loop = bench.start(seen)
    await until(lambda: bench.log.members)
    bench.log.members[0].deaf = True
    bench.fill(inbound(0))
    await until(lambda: seen.ended == ["event-0"])
    assert bench.log.joined == 2
    assert bench.log.members[0].closed
    assert bench.count("rebuilds_total", consumer="group", reason="no_progress") == 1
    await until(lambda: loop.health().running)
    await bench.stop()


async def test_a_client_with_nothing_to_give_is_left_alone(seen: Seen) -> None:
    """Silence on an empty topic is no trouble."""
    bench = Bench(tempo=SLEEPY)
    bench.start(seen)
    await until(lambda: bench.log.members and bench.log.members[0].polls > 30)
    assert bench.log.joined == 1
    await bench.stop()


async def test_a_slow_handler_is_no_stalled_client(seen: Seen) -> None:
    """While something is in hand nothing is given up."""
    bench = Bench(tempo=SLEEPY, concurrency=1)
    gate = seen.hold("event-0")
    bench.fill(*(inbound(n) for n in range(40)))
    bench.start(seen)
    await until(lambda: bench.log.members and bench.log.members[0].polls > 10)
    await asyncio.sleep(0.15)  # three times as long as a client may give nothing
    assert bench.log.joined == 1
    gate.set()
    await bench.stop()


async def test_a_paused_retry_partition_is_no_stalled_client(seen: Seen) -> None:
    """What is not asked for does not come."""
    bench = Bench(tempo=replace(SLEEPY, waiting=1), retry=RetrySettings(delays=(3600.0,)))
    for n in range(40):
        seen.failing[f"event-{n}"] = [ValueError("no") for _ in range(3)]
    bench.fill(*(inbound(n, key=f"+1777{n:07}") for n in range(40)))
    bench.start(seen)
    await until(lambda: ONLY_RETRY in bench.log.members[0].paused if bench.log.members else None)
    polls = bench.log.members[0].polls
    await until(lambda: bench.log.members[0].polls > polls + 12)
    assert bench.log.joined == 1
    await bench.stop()


async def test_offsets_without_a_record_are_no_lag_to_rebuild_for(seen: Seen) -> None:
    """A transaction's marker moves the end, and no record will ever come."""
    bench = Bench(tempo=SLEEPY)
    bench.log.tail = 1
    bench.start(seen)
    await until(lambda: bench.log.members and bench.log.members[0].polls > 30)
    assert bench.log.joined == 1
    await bench.stop()


async def test_lag_and_age_are_shown_for_each_partition(seen: Seen) -> None:
    """What is not done counts, be it in hand or not; both go when the consumer does."""
    bench = Bench(concurrency=1, tempo=replace(QUICK, records_per_slot=2))
    seen.hold("event-0")
    bench.now += 9
    bench.fill(*(inbound(n) for n in range(5)))
    loop = bench.start(seen)
    place = {"consumer": "group", "topic": INBOUND.name}
    await until(lambda: bench.count("lag", **place, partition="0") == 5)
    assert bench.count("oldest_seconds", **place) == 9
    assert loop.health().lag == 5
    assert (
        bench.registry.get_sample_value(
            "hookline_consumer_lag", {"consumer": "group", "topic": RETRY, "partition": "0"}
        )
        == 0
    )
    seen.held["event-0"].set()
    await until(lambda: bench.count("lag", **place, partition="0") == 0)
    await bench.stop()
    assert bench.registry.get_sample_value("hookline_consumer_lag", place | {"partition": "0"}) is None


async def test_failures_in_a_row_stop_the_consumer(seen: Seen) -> None:
    """The health says what was seen and what to do; what is beyond the limit is not committed."""
    bench = Bench(flood=FloodSettings(run=4))
    broken(bench, 10)
    loop = bench.start(seen)
    await until(lambda: loop.health().reason == "dead_letter_flood")
    assert "more than 4 records failed in a row" in (loop.health().detail or "")
    assert "start the process again" in (loop.health().detail or "")
    assert len(bench.log.on(DLQ)) == 4
    assert bench.log.offsets["group", ONLY] == 4
    await bench.stop()


async def test_a_flood_into_the_retry_topic_stops_the_consumer_too(seen: Seen) -> None:
    """A broken handler must not drain its topic into the retry topic."""
    bench = Bench(flood=FloodSettings(run=4), retry=RetrySettings(delays=(3600.0,)))
    for n in range(20):
        seen.failing[f"event-{n}"] = [ValueError("no") for _ in range(3)]
    bench.fill(*(inbound(n, key=f"+1777{n:07}") for n in range(20)))
    loop = bench.start(seen)
    await until(lambda: loop.health().reason == "dead_letter_flood")
    assert len(bench.log.on(RETRY)) == 4
    assert bench.log.offsets.get(("group", ONLY), 0) <= 4
    await bench.stop()


async def test_an_append_that_hangs_counts_as_an_absent_log(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record stays in hand, and its retry is stored once the log answers."""
    bench = Bench(retry=RetrySettings(delays=(0.01,)), tempo=replace(QUICK, log_wait=0.5))
    append, hangs = bench.log.append, asyncio.Event()

    async def slow(records: Sequence[Record], wait: float) -> Sequence[Position]:
        if not hangs.is_set():
            hangs.set()
            await asyncio.Event().wait()
        return await append(records, wait)

    monkeypatch.setattr(bench.log, "append", slow)
    seen.failing["event-0"] = [ValueError("no") for _ in range(3)]
    bench.fill(inbound(0))
    bench.start(seen)
    await until(lambda: seen.ended == ["event-0"])
    await until(lambda: bench.log.done("group") == 2)
    await bench.stop()


async def test_a_log_that_hangs_while_we_learn_what_waits_is_left(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """The group is joined anew, and nothing was handed out meanwhile."""
    bench = Bench(tempo=replace(QUICK, log_wait=0.3, look_every=60.0))
    committed, asked = bench.log.committed, 0

    async def slow(group: str, partition: Partition) -> int | None:
        nonlocal asked
        asked += 1
        if asked == 1:
            await asyncio.Event().wait()
        return await committed(group, partition)

    monkeypatch.setattr(bench.log, "committed", slow)
    bench.fill(inbound(0))
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 1)
    assert bench.log.joined == 2
    assert bench.count("rebuilds_total", consumer="group", reason="log_unavailable") == 1
    await bench.stop()
