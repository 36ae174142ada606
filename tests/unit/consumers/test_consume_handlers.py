"""What a handler of anyone's may raise, say and do: the loop takes it all as a failed try."""

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
import structlog

from consumers.consumer import Consumer, Reject, TryLater
from consumers.loop.origin import attempt_of
from consumers.loop.retries import retry_record
from consumers.loop.settings import RetrySettings
from schemas.envelope import Delivered, event_to_record
from schemas.topics import INBOUND, retry_topic
from tests.support.consumers import QUICK, Bench, inbound, until, with_header
from tests.support.consumers_seen import DLQ, ONLY, RETRY, Seen

LATER = TryLater(1, "later")


class Odd(BaseException):
    """No Exception, as some bindings to other languages raise."""


class Mute(Exception):  # noqa: N818 - what it is called matters to nobody
    """An error that cannot say what it is."""

    def __init__(self, instead: BaseException) -> None:
        super().__init__()
        self.instead = instead

    def __str__(self) -> str:
        raise self.instead


class Moody(TryLater):
    """A wish that is in no mood to be read."""

    def __init__(self) -> None:
        Exception.__init__(self)

    @property
    def seconds(self) -> float:  # type: ignore[override]
        """Cancel whoever asks."""
        raise asyncio.CancelledError


class Unmade(TryLater):
    """A wish that never was given its seconds."""

    def __init__(self) -> None:
        Exception.__init__(self)


def raising(seen: Seen, error: BaseException) -> Any:
    """Return a handler that raises at the first event and notes the others."""

    async def handle(event: Delivered) -> None:
        if event.envelope.id == "event-0":
            raise error
        await seen(event)

    return handle


@pytest.mark.parametrize(
    "error",
    [
        Odd("odd"),
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        Mute(RuntimeError("no words")),
        Mute(asyncio.CancelledError()),
        Mute(SystemExit(3)),
        Unmade(),
        Moody(),
        Reject(Mute(RuntimeError("no words"))),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - not a text
    ],
)
async def test_whatever_a_handler_raises_ends_in_the_dead_letters(
    bench: Bench, seen: Seen, error: BaseException
) -> None:
    """The loop goes on in its session, the key too, and all is committed."""
    bench.fill(inbound(0), inbound(1))
    bench.start(raising(seen, error))
    await until(lambda: bench.log.done("group") == 2)
    (letter,) = bench.log.on(DLQ)
    assert letter.text_header("ce_id") == "event-0"
    assert seen.ended == ["event-1"]
    assert bench.log.joined == 1


async def test_a_handler_that_asks_for_the_end_of_the_process_is_named(bench: Bench, seen: Seen) -> None:
    """Who wrote `sys.exit()` into a handler reads in the log that it was not done."""
    bench.fill(inbound(0))
    with structlog.testing.capture_logs() as lines:
        bench.start(raising(seen, SystemExit(3)))
        await until(lambda: bench.log.done("group") == 1)
    assert ("handler_asked_for_exit", "event-0") in [(line["event"], line.get("event_id")) for line in lines]


@pytest.mark.parametrize("seconds", [timedelta(seconds=5), "5", None])
def test_a_wish_in_something_else_than_seconds_is_refused(seconds: Any) -> None:
    """It is refused where it is made, which the handler's own traceback shows."""
    with pytest.raises(TypeError, match="seconds"):
        TryLater(seconds, "later")


def test_a_wish_for_no_time_at_all_is_refused() -> None:
    """Not a number of seconds, and never is."""
    with pytest.raises(ValueError, match="nan"):
        TryLater(float("nan"), "later")


def test_a_reason_that_is_no_text_is_refused() -> None:
    """It would be shown on the health page, whatever it quotes."""
    reason: Any = ValueError("+15550000001")
    with pytest.raises(TypeError, match="reason"):
        TryLater(5, reason)


@pytest.mark.parametrize("reason", ["\ud800", "\ud83d\n\x00", "x" * 3_000_000])
async def test_any_reason_of_a_wish_fits_on_the_health_page(bench: Bench, reason: str) -> None:
    """It waits as asked for, and the page stays one that can be written and is short."""

    async def handle(_event: Delivered) -> None:
        raise TryLater(60, reason)

    bench.fill(inbound(0))
    loop = bench.start(handle)
    await until(lambda: loop.health().reason is not None and loop.health().running)
    assert len(orjson.dumps(loop.health().reason)) < 1000
    assert bench.log.on(DLQ) == []


@pytest.mark.parametrize("last", [None, LATER])
async def test_who_swallows_the_deadline_has_failed(seen: Seen, last: Exception | None) -> None:
    """What was cut off did not do its work, whatever it returns or asks for then."""

    async def handle(event: Delivered) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.ids.append(event.envelope.id)
            if last is not None:
                raise last from None

    bench = Bench(tempo=replace(QUICK, handler_deadline=0.01, cancel_wait=1.0))
    bench.fill(inbound(0))
    bench.start(handle)
    await until(lambda: bench.log.done("group") == 1)
    (letter,) = bench.log.on(DLQ)
    assert (letter.text_header("ce_dlqreason") or "").startswith("deadline")
    assert seen.ids == ["event-0"] * 3
    await bench.stop()


async def test_an_origin_that_a_stranger_wrote_on_a_record_is_not_believed(bench: Bench, seen: Seen) -> None:
    """Whoever may write to a topic of the contract must not choose where its dead letter goes."""
    poison = replace(event_to_record(inbound(0)), value=b"damaged")
    for name, value in (("ce_origintopic", b"elsewhere"), ("ce_originpartition", b"5"), ("ce_originoffset", b"1")):
        poison = with_header(poison, name, value)
    bench.log.put(poison)
    bench.fill(inbound(1))
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 2)
    (letter,) = bench.log.on(DLQ)
    assert (letter.text_header("ce_origintopic"), letter.text_header("ce_originpartition")) == (INBOUND.name, "0")


async def test_a_letter_whose_partition_is_missing_goes_to_another(seen: Seen) -> None:
    """A topic that was given more partitions than its dead letters have goes on."""
    bench = Bench(partitions=4)
    bench.log.narrow[DLQ] = 1
    for number in range(4):
        bench.log.put(replace(event_to_record(inbound(number)), value=b"damaged", partition=number))
    bench.start(seen)
    await until(lambda: bench.log.done("group") == 4)
    assert {letter.text_header("ce_originpartition") for letter in bench.log.on(DLQ)} == {"0", "1", "2", "3"}
    await bench.stop()


async def test_a_letter_that_is_never_taken_stops_the_consumer_with_words(bench: Bench, seen: Seen) -> None:
    """What is neither handled nor a dead letter is not committed, and somebody is told what to look at."""
    bench.log.narrow[DLQ] = 0
    bench.log.put(replace(event_to_record(inbound(0)), value=b"damaged"))
    loop = bench.start(seen)
    await until(lambda: loop.health().reason == "dead_letter_refused")
    assert f"{INBOUND.name} [0] at 0" in (loop.health().detail or "")
    assert bench.log.done("group") == 0


async def test_a_letter_tells_how_many_tries_there_were(seen: Seen) -> None:
    """A handler that is stuck has one try in a round, not all of them."""

    async def handle(event: Delivered) -> None:
        seen.ids.append(event.envelope.id)
        while not done.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await done.wait()

    done = asyncio.Event()
    tempo = replace(QUICK, cancel_wait=0.01, handler_deadline=0.01)
    bench = Bench(tempo=tempo, retry=RetrySettings(delays=(0.01, 0.01)))
    bench.fill(inbound(0))
    bench.start(handle)
    await until(lambda: bench.log.on(DLQ))
    (letter,) = bench.log.on(DLQ)
    assert letter.text_header("ce_dlqattempt") == "3"
    assert len(seen.ids) == 3
    done.set()
    await bench.stop()


async def test_an_event_that_waits_in_its_place_tells_of_each_round() -> None:
    """A handler sees the rounds behind it, whether the record was written anew for each or not."""
    rounds: list[int] = []

    async def handle(event: Delivered) -> None:
        rounds.append(attempt_of(event.record))
        raise ValueError("no")

    bench = Bench(retry=RetrySettings(delays=(0.01, 0.01)))
    bench.fill(inbound(0))
    bench.start(handle)
    await until(lambda: bench.log.on(DLQ))
    assert rounds == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    await bench.stop()


async def test_those_that_ask_for_a_pause_keep_nobody_out(seen: Seen) -> None:
    """More events than may be in hand wait in place as their handler wishes; others are handled all the same."""

    async def handle(event: Delivered) -> None:
        if event.envelope.id not in {"event-90", "event-91"}:
            raise TryLater(60, "later")
        await seen(event)

    bench = Bench(concurrency=2, tempo=replace(QUICK, records_per_slot=2, waiting=100))
    bench.fill(*(inbound(n, key=f"+1777{n:07}") for n in range(92)))
    bench.start(handle)
    await until(lambda: len(seen.ended) == 2)
    await bench.stop()


async def test_those_that_ask_for_a_pause_are_bounded(seen: Seen) -> None:
    """Of them too no more are taken than a bound of theirs says."""

    async def handle(event: Delivered) -> None:
        await seen(event)
        raise TryLater(60, "later")

    bench = Bench(concurrency=2, tempo=replace(QUICK, records_per_slot=2, waiting=10))
    bench.fill(*(inbound(n, key=f"+1777{n:07}") for n in range(92)))
    bench.start(handle)
    await until(lambda: len(seen.ended) == 14)
    await until(lambda: bench.log.members[0].polls > 5)
    await asyncio.sleep(0.1)  # time enough to take more
    assert len(seen.ended) == 14
    await bench.stop()


async def test_a_redriven_event_waits_for_the_handler_that_runs_for_its_key(seen: Seen) -> None:
    """What the retry topic brings anew of a key does not run beside an event of the key from the topic itself."""
    bench = Bench(retry=RetrySettings(delays=(3600.0,)))
    gate = seen.hold("event-1")
    bench.fill(inbound(0), inbound(1), inbound(2))
    bench.log.offsets["group", ONLY] = 1
    bench.start(seen)
    await until(lambda: seen.ids == ["event-1"])
    first = bench.log.on(INBOUND.name)[0]
    bench.log.put(retry_record(first, retry_topic(INBOUND, "group"), attempt=0, due=0, reason="redriven"))
    bench.fill(inbound(3, key="+15550000009"))
    await until(lambda: "event-3" in seen.ended)
    await asyncio.sleep(0.05)  # time enough to begin it
    assert seen.ids == ["event-1", "event-3"]
    gate.set()
    await until(lambda: "event-2" in seen.ended)
    assert seen.ended == ["event-3", "event-1", "event-0", "event-2"]
    await bench.stop()


async def test_an_event_waits_as_long_as_its_handler_wishes_behind_its_key(seen: Seen) -> None:
    """A wish that is put off is one line on the retry topic, however often it is repeated there, and no failed try."""
    wishes = 0

    async def handle(event: Delivered) -> None:
        nonlocal wishes
        wishes += 1
        if wishes < 4:
            raise TryLater(0.02, "later")
        await seen(event)

    bench = Bench(retry=RetrySettings(delays=(3600.0,)))
    bench.fill(inbound(0), inbound(1))
    bench.run(Consumer("group", (INBOUND,), handle, has_effects=True, puts_off_after=0.01))
    await until(lambda: seen.ended == ["event-0", "event-1"])
    assert [record.text_header("ce_id") for record in bench.log.on(RETRY)] == ["event-0", "event-1"]
    await bench.stop()
