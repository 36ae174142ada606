"""What a handler of anyone's may raise, say and do: the loop takes it all as a failed try."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import structlog

from consumers.consumer import Reject, TryLater
from schemas.envelope import Delivered
from tests.support.consumers import QUICK, Bench, inbound, until
from tests.support.consumers_seen import DLQ, Seen

LATER = TryLater(1, "later")


class Odd(BaseException):
    """No Exception, as some bindings to other languages raise."""


class Mute(Exception):  # noqa: N818 - what it is called matters to nobody
    """An error that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


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
    [Odd("odd"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), Mute(), Unmade(), Reject(Mute())],  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - not a text
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
