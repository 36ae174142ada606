"""Later tries through the group's retry topic: order kept or given up, nothing lost, what a crash leaves in both."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from consumers.consumer import Consumer, Reject, TryLater
from consumers.loop.retries import retry_record
from consumers.loop.settings import RetrySettings
from consumers.loop.tempo import Tempo
from schemas.envelope import Delivered, event_to_record
from schemas.records import StoredRecord
from schemas.topics import CONSENT, INBOUND, retry_topic
from tests.support.consumers import QUICK, Bench, inbound, until
from tests.support.consumers_seen import DLQ, ONLY, ONLY_RETRY, RETRY, Seen

SOON = RetrySettings(delays=(0.01, 0.02))
NEVER = RetrySettings(delays=(3600.0,))
OTHER = "+16660000001"


def retrying(retry: RetrySettings, *, tempo: Tempo = QUICK, concurrency: int = 16) -> Bench:
    """Return a bench whose consumer tries again later."""
    return Bench(retry=retry, tempo=tempo, concurrency=concurrency)


@pytest.fixture
async def soon() -> AsyncIterator[Bench]:
    """Give a bench whose delays are short."""
    made = retrying(SOON)
    yield made
    made.log.away = False
    await made.stop()


@pytest.fixture
async def never() -> AsyncIterator[Bench]:
    """Give a bench whose later tries are an hour away."""
    made = retrying(NEVER)
    yield made
    made.log.away = False
    await made.stop()


def fail(seen: Seen, event_id: str, times: int) -> None:
    """Let the handler fail at an event so many times."""
    seen.failing[event_id] = [ValueError("no") for _ in range(times)]


def number(record: StoredRecord, header: str) -> int:
    """Return the number in a header."""
    return int(record.text_header(header) or "-1")


async def test_an_event_that_fails_in_place_succeeds_later(soon: Bench, seen: Seen) -> None:
    """After the tries in place it goes through the retry topic, and both topics are committed."""
    fail(seen, "event-0", 4)
    soon.fill(inbound(0))
    soon.start(seen)
    await until(lambda: seen.ended == ["event-0"])
    await until(lambda: soon.log.done("group") == 2)
    assert seen.ids == ["event-0"] * 5
    assert soon.log.on(DLQ) == []
    assert soon.count("retries_total", consumer="group", kind="later") == 1


async def test_a_retry_record_names_its_origin_its_attempt_and_its_time(never: Bench, seen: Seen) -> None:
    """Key, value and the event's own headers stay; the topic's time counts from now."""
    fail(seen, "event-0", 3)
    never.now += 500
    never.fill(inbound(0))
    never.start(seen)
    await until(lambda: never.log.done("group") == 1)
    (waiting,), (first,) = never.log.on(RETRY), never.log.on(INBOUND.name)
    assert (waiting.key, waiting.value) == (first.key, first.value)
    assert waiting.headers[: len(first.headers)] == first.headers
    assert waiting.text_header("ce_origintopic") == INBOUND.name
    assert (number(waiting, "ce_originpartition"), number(waiting, "ce_originoffset")) == (0, 0)
    assert number(waiting, "ce_origintime") == first.timestamp
    assert number(waiting, "ce_retryattempt") == 1
    assert number(waiting, "ce_retrydue") == waiting.timestamp + 3_600_000
    assert waiting.timestamp == int(never.now * 1000)


async def test_later_events_of_the_key_wait_behind_it(never: Bench, seen: Seen) -> None:
    """Order kept: they are put behind the one that is retried, due at once, and others go on."""
    fail(seen, "event-0", 3)
    never.fill(inbound(0), inbound(1), inbound(2, key=OTHER), inbound(3))
    never.start(seen)
    await until(lambda: never.log.offsets.get(("group", ONLY)) == 4)
    assert seen.ended == ["event-2"]
    assert [record.text_header("ce_id") for record in never.log.on(RETRY)] == ["event-0", "event-1", "event-3"]
    assert [number(record, "ce_retryattempt") for record in never.log.on(RETRY)] == [1, 0, 0]
    assert never.count("retries_total", consumer="group", kind="behind") == 2


async def test_the_order_of_a_key_holds_through_the_retry_topic(soon: Bench, seen: Seen) -> None:
    """The first of a key ends before the second begins, however late."""
    fail(seen, "event-0", 7)
    soon.fill(*(inbound(n) for n in range(5)))
    soon.start(seen)
    await until(lambda: len(seen.ended) == 5)
    assert seen.ended == [f"event-{n}" for n in range(5)]


async def test_a_key_goes_directly_again_once_nothing_of_it_waits(soon: Bench, seen: Seen) -> None:
    """The detour ends with the last record of the key in the retry topic."""
    fail(seen, "event-0", 4)
    soon.fill(inbound(0))
    soon.start(seen)
    await until(lambda: soon.log.offsets.get(("group", ONLY_RETRY)) == 1)
    soon.fill(inbound(1))
    await until(lambda: seen.ended == ["event-0", "event-1"])
    assert len(soon.log.on(RETRY)) == 1


async def test_with_order_given_up_the_key_goes_on(seen: Seen) -> None:
    """Later events of the key do not wait, and what fails again goes to the end of the retry topic."""
    bench = retrying(replace(SOON, order="given_up"))
    fail(seen, "event-0", 7)
    bench.fill(inbound(0), inbound(1))
    bench.start(seen)
    await until(lambda: len(seen.ended) == 2)
    assert seen.ended == ["event-1", "event-0"]
    assert [number(record, "ce_retryattempt") for record in bench.log.on(RETRY)] == [1, 2]
    await bench.stop()


async def test_a_consumer_may_decide_about_its_order_itself(seen: Seen) -> None:
    """What the consumer says stands above the configuration."""
    bench = retrying(NEVER)
    fail(seen, "event-0", 3)
    bench.fill(inbound(0), inbound(1))
    bench.run(Consumer("group", (INBOUND,), seen, has_effects=True, keeps_order=False))
    await until(lambda: seen.ended == ["event-1"])
    await bench.stop()


async def test_after_the_last_delay_it_is_a_dead_letter_with_all_its_tries(soon: Bench, seen: Seen) -> None:
    """Three rounds of three tries; the letter names the first place, and the key's next event follows."""
    fail(seen, "event-0", 9)
    soon.fill(inbound(0), inbound(1))
    soon.start(seen)
    await until(lambda: seen.ended == ["event-1"])
    (letter,) = soon.log.on(DLQ)
    assert number(letter, "ce_dlqattempt") == 9
    assert letter.text_header("ce_origintopic") == INBOUND.name
    assert letter.header("ce_retryattempt") is None
    assert soon.count("dead_letters_total", consumer="group", reason="handler_failed") == 1


async def test_a_rejected_event_goes_to_the_dead_letters_at_once(soon: Bench, seen: Seen) -> None:
    """No try will help it, so none is made."""
    seen.failing["event-0"] = [Reject("no such account")]
    soon.fill(inbound(0))
    soon.start(seen)
    await until(lambda: soon.log.done("group") == 1)
    (letter,) = soon.log.on(DLQ)
    assert letter.text_header("ce_dlqreason") == "rejected: no such account"
    assert (seen.ids, number(letter, "ce_dlqattempt")) == (["event-0"], 1)


async def test_a_redriven_letter_has_fresh_tries(soon: Bench, seen: Seen) -> None:
    """What is sent on from the dead letters begins as if it were new, an old time and all."""
    fail(seen, "event-0", 5)
    soon.log.put(event_to_record(inbound(0)))
    (first,) = soon.log.on(INBOUND.name)
    soon.log.records.clear()
    soon.now += 40 * 86_400
    now = int(soon.now * 1000)
    topic = retry_topic(INBOUND, "group")
    soon.log.put(retry_record(first, topic, attempt=0, due=now, reason="redriven"))
    soon.start(seen)
    await until(lambda: seen.ended == ["event-0"])
    assert soon.log.on(DLQ) == []
    assert soon.log.on(RETRY)[0].timestamp == now


async def test_while_the_retry_topic_is_away_nothing_is_committed(soon: Bench, seen: Seen) -> None:
    """The record stays in hand until its retry is stored, and the health says why."""
    fail(seen, "event-0", 4)
    soon.log.refuse_topics.add(RETRY)
    soon.fill(inbound(0), inbound(1, key=OTHER))
    loop = soon.start(seen)
    await until(lambda: loop.health().reason == "retry_not_stored")
    await until(lambda: seen.ended == ["event-1"])
    assert soon.log.done("group") == 0
    soon.log.refuse_topics.clear()
    await until(lambda: soon.log.done("group") == 3)
    assert seen.ended == ["event-1", "event-0"]


async def test_what_waits_is_learnt_before_the_key_goes_on(seen: Seen) -> None:
    """A new owner knows which keys wait before it hands anything out, though it polls the retry topic last."""
    bench = retrying(NEVER, tempo=replace(QUICK, records_per_slot=1), concurrency=1)
    fail(seen, "event-0", 3)
    bench.fill(inbound(0))
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 1)
    await bench.kill()
    bench.fill(inbound(1), inbound(2, key=OTHER))
    bench.start(seen)
    await until(lambda: seen.ended == ["event-2"])
    await until(lambda: bench.log.offsets.get(("group", ONLY)) == 3)
    assert [record.text_header("ce_id") for record in bench.log.on(RETRY)] == ["event-0", "event-1"]
    await bench.stop()


async def test_a_topic_made_anew_is_not_taken_for_what_waits(seen: Seen) -> None:
    """Its offsets count from 0 again: another record at an old one's offset is handled."""
    bench = retrying(NEVER)
    bench.fill(inbound(0))
    (first,) = bench.log.on(INBOUND.name)
    bench.log.records.clear()
    bench.log.put(retry_record(first, retry_topic(INBOUND, "group"), attempt=0, due=0, reason="behind_its_key"))
    bench.fill(inbound(1, key=OTHER))
    bench.start(seen)
    await until(lambda: sorted(seen.ended) == ["event-0", "event-1"])
    await bench.stop()


@pytest.mark.parametrize("order", ["kept", "given_up"])
async def test_a_crash_between_the_retry_and_its_commit_makes_no_second_one(seen: Seen, order: str) -> None:
    """The record stands in both topics then; it is tried through the retry topic alone."""
    bench = retrying(replace(SOON, order=order))
    bench.fill(inbound(0))
    (first,) = bench.log.on(INBOUND.name)
    due = int(bench.now * 1000)
    topic = retry_topic(INBOUND, "group")
    bench.log.put(retry_record(first, topic, attempt=1, due=due, reason="handler_failed"))
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 2)
    assert seen.ids == ["event-0"]
    await bench.stop()


async def test_waiting_for_its_time_holds_no_place(seen: Seen) -> None:
    """With one place and an event that is due in an hour, all others are handled."""
    bench = retrying(NEVER, concurrency=1)
    fail(seen, "event-0", 3)
    bench.fill(inbound(0), *(inbound(n, key=f"+1777{n:07}") for n in range(1, 40)))
    loop = bench.start(seen)
    await until(lambda: len(seen.ended) == 39)
    await until(lambda: loop.health().waiting == 1)
    assert loop.health().reason is None
    await bench.stop()


@pytest.mark.parametrize(("keeps", "places"), [(False, 2), (True, 1)])
async def test_who_is_put_off_again_makes_way_where_order_is_given_up(*, keeps: bool, places: int) -> None:
    """It goes to the end of the retry topic with its rounds; where order is kept it waits in its place."""
    bench, calls = Bench(retry=NEVER), list[str]()

    async def wait(event: Delivered) -> None:
        calls.append(event.envelope.id)
        await asyncio.sleep(0)
        raise TryLater(1000.0, "not_yet")

    bench.fill(inbound(0))
    (first,) = bench.log.on(INBOUND.name)
    bench.log.records.clear()
    bench.log.put(retry_record(first, retry_topic(INBOUND, "group"), attempt=2, due=0, reason="test", now=7))
    bench.run(Consumer("group", (INBOUND,), wait, has_effects=True, keeps_order=keeps, puts_off_after=10.0))
    await until(lambda: calls and len(bench.log.on(RETRY)) == places)
    assert calls == ["event-0"]
    last = bench.log.on(RETRY)[-1]
    assert (number(last, "ce_retryattempt"), number(last, "ce_retrysince")) == (2, 7)
    await until(lambda: bench.log.done("group") == places - 1)
    await bench.stop()


async def test_what_waits_is_bounded_by_pausing_the_retry_partition(seen: Seen) -> None:
    """No more of it is read than may wait; the rest comes when there is room, and nothing is lost."""
    bench = retrying(SOON, tempo=replace(QUICK, waiting=4))
    bench.fill(*(inbound(n, key=f"+1777{n:07}") for n in range(12)))
    now = int(bench.now * 1000)
    topic = retry_topic(INBOUND, "group")
    for stored in bench.log.on(INBOUND.name):
        bench.log.put(retry_record(stored, topic, attempt=1, due=now + 60_000, reason="handler_failed"))
    bench.log.offsets["group", ONLY] = 12
    loop = bench.start(seen, tempo=replace(QUICK, waiting=4, records_per_slot=1, idle_poll=0.02))
    await until(lambda: bench.log.members and ONLY_RETRY in bench.log.members[0].paused)
    assert loop.health().waiting <= 16
    bench.fill(inbound(50, key=OTHER))
    await until(lambda: seen.ended == ["event-50"])
    await bench.stop()


async def test_what_has_waited_for_half_of_the_topics_time_waits_no_more(seen: Seen) -> None:
    """It goes to the dead letters with those behind it, before the topic drops it."""
    bench = retrying(NEVER)
    fail(seen, "event-0", 3)
    bench.fill(inbound(0))
    (first,) = bench.log.on(INBOUND.name)
    bench.log.records.clear()
    four_days_ago = int(bench.now * 1000) - 4 * 86_400_000
    topic = retry_topic(INBOUND, "group")
    bench.log.put(retry_record(first, topic, attempt=0, due=four_days_ago, reason="behind_its_key"))
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 1)
    assert len(bench.log.on(DLQ)) == 1
    await bench.stop()


async def test_a_tombstone_is_skipped_and_counted(bench: Bench, seen: Seen) -> None:
    """On a compacted topic a record without a value says that its key is gone; that is no poison."""
    record = event_to_record(inbound(0))
    bench.log.put(replace(record, topic=CONSENT.name, value=None))
    bench.run(Consumer("group", (CONSENT,), seen, has_effects=True))
    await until(lambda: bench.log.done("group") == 1)
    assert bench.count("records_total", consumer="group", outcome="tombstone") == 1
    assert seen.ids == []


async def test_a_value_that_is_missing_elsewhere_is_a_dead_letter(bench: Bench, seen: Seen) -> None:
    """A topic that is not compacted has no tombstones."""
    bench.log.put(replace(event_to_record(inbound(0)), value=None))
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 1)
    assert len(bench.log.on(DLQ)) == 1


async def test_records_without_a_key_wait_for_nobody(soon: Bench, seen: Seen) -> None:
    """Nothing says what they come after."""
    fail(seen, "event-0", 4)
    for n in range(3):
        soon.log.put(replace(event_to_record(inbound(n)), key=None))
    gate = seen.hold("event-1")
    soon.start(seen)
    await until(lambda: seen.ended == ["event-2", "event-0"])
    gate.set()
    await until(lambda: soon.log.done("group") == 4)


async def test_a_drain_leaves_what_waits_for_its_time(seen: Seen) -> None:
    """It does not hold the drain up, and comes again."""
    bench = retrying(NEVER)
    fail(seen, "event-0", 3)
    bench.fill(inbound(0))
    loop = bench.start(seen)
    await until(lambda: loop.health().waiting == 1)
    started = asyncio.get_running_loop().time()
    await bench.stop()
    assert asyncio.get_running_loop().time() - started < 5.0
    assert bench.log.offsets.get(("group", ONLY_RETRY)) is None
