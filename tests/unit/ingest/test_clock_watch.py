"""Our own clock: suspected by evidence, trusted again by evidence, and watched for leaps."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ingest.clock_watch import ENOUGH, LEAP, ClockWatch
from ingest.server import Endpoint
from providers.contract import Request, Verdict
from tests.conftest import FakeClock
from tests.support.cases import CASES
from tests.support.provider_cases import NOW, ProviderCase, Way, request_of
from tests.support.receiver import Bench, receiver, request_bytes
from tests.support.sample_provider import endpoint

DATED = [(case, way) for case in CASES.values() for way in case.ways if way.patience is not None]
IDS = [f"{case.provider.name}-{way.name}" for case, way in DATED]


def dated_endpoint(case: ProviderCase, way: Way) -> Endpoint:
    """Return an account that proves senders in that way."""
    account = case.account(way)
    return Endpoint(account, case.provider, case.provider.verifier(account))


def proved(case: ProviderCase, way: Way, at: float, number: int = 0) -> Request:
    """Return a request that was proved at that time; another number gives another body."""
    sample = replace(case.story.sent, body=case.story.sent.body + b" " * number)
    return request_of(sample, way.prove(request_of(sample), at))


def on_the_wire(request: Request) -> bytes:
    """Return the bytes of a request."""
    fields = [(name.encode(), value.encode()) for name, value in request.headers]
    return request_bytes(request.body, method=request.method, target=request.target, secret=None, headers=fields)


@pytest.mark.parametrize(("case", "way"), DATED, ids=IDS)
@pytest.mark.parametrize("side", [-1, 1])
def test_a_refusal_for_age_tells_the_difference(case: ProviderCase, way: Way, side: int) -> None:
    """The replay window is closed in the past and in the future alike, and what is refused says by how much."""
    verifier = case.provider.verifier(case.account(way))
    patience = way.patience or 0
    for off, verdict in ((patience, Verdict.VERIFIED), (patience + 1, Verdict.TIMESTAMP_OUT_OF_TOLERANCE)):
        found = verifier.verify(proved(case, way, NOW + side * off), NOW)
        assert (found.verdict, found.skew) == (verdict, side * off)


@pytest.mark.parametrize(("case", "way"), DATED, ids=IDS)
@pytest.mark.parametrize(("side", "direction"), [(1, "our clock is behind"), (-1, "our clock is ahead")])
async def test_a_skewed_clock_is_told_and_ends_with_a_proved_webhook(
    case: ProviderCase, way: Way, side: int, direction: str
) -> None:
    """Enough genuine requests off in one direction: line, gauge and readiness name our clock; one in time ends it."""
    off = side * ((way.patience or 0) + 3600)
    async with receiver(endpoints=[dated_endpoint(case, way)]) as bench:
        with capture_logs() as lines:
            for number in range(ENOUGH):
                assert not bench.server.readiness().degraded
                assert (await bench.ask(on_the_wire(proved(case, way, NOW + off, number)))).status == 401
        found = [line for line in lines if line["event"] == "own_clock_suspected"]
        assert [(line["seconds"], line["direction"]) for line in found] == [(off, direction)]
        readiness = bench.server.readiness()
        assert (readiness.ready, readiness.degraded, readiness.reason) == (True, True, "own_clock_suspected")
        assert bench.value("clock_skew_seconds") == off
        assert (await bench.ask(on_the_wire(proved(case, way, NOW)))).status < 300
        assert (bench.server.readiness().reason, bench.value("clock_skew_seconds")) == ("ready", 0)


async def test_strangers_raise_no_alarm() -> None:
    """What would not be proved at its own time either says nothing of our clock."""
    case, way = DATED[0]
    false = next(iter(way.false.values()))
    async with receiver(endpoints=[dated_endpoint(case, way)]) as bench:
        for number in range(ENOUGH + 1):
            sample = replace(case.story.sent, body=case.story.sent.body + b" " * number)
            forged = request_of(sample, false(request_of(sample), NOW - 3600))
            assert (await bench.ask(on_the_wire(forged))).status == 401
        assert bench.refused("timestamp_out_of_tolerance") == ENOUGH + 1
        assert bench.server.readiness().reason == "ready"


def watch_of(clock: FakeClock, steady: FakeClock) -> ClockWatch:
    """Return a watch on two clocks that a test moves."""
    return ClockWatch(clock, now=steady)


def tell(watch: ClockWatch, at: float, off: float, number: int) -> None:
    """Tell the watch of a request that was proved `off` seconds from `at`."""
    case, way = DATED[0]
    verifier = case.provider.verifier(case.account(way))
    request = proved(case, way, at + off, number)
    watch.judged(verifier, request, at, verifier.verify(request, at))


def test_one_old_request_sent_again_raises_no_alarm(clock: FakeClock) -> None:
    """Whoever has caught one genuine request can send it as often as he likes."""
    watch = watch_of(clock, FakeClock(0))
    for _ in range(3 * ENOUGH):
        tell(watch, clock(), -3600, 1)
    assert not watch.suspected


def test_both_directions_raise_no_alarm(clock: FakeClock) -> None:
    """A clock is wrong in one direction."""
    watch = watch_of(clock, FakeClock(0))
    for number in range(3 * ENOUGH):
        tell(watch, clock(), 3600 if number % 2 else -3600, number)
    assert not watch.suspected


def test_one_proved_between_begins_the_row_anew(clock: FakeClock) -> None:
    """Late retries among webhooks in time are the provider's, not our clock's."""
    watch = watch_of(clock, FakeClock(0))
    for number in range(3 * ENOUGH):
        tell(watch, clock(), 0 if number % ENOUGH == ENOUGH - 1 else -3600, number)
    assert not watch.suspected


def test_one_proved_by_a_wide_window_ends_nothing(clock: FakeClock) -> None:
    """A provider that allows days proves with the difference that another is refused for."""
    watch = watch_of(clock, FakeClock(0))
    for number in range(ENOUGH):
        tell(watch, clock(), 3600, number)
        case, way = next((case, way) for case, way in DATED if (way.patience or 0) > 86_400)
        verifier = case.provider.verifier(case.account(way))
        request = proved(case, way, clock() + 3600)
        watch.judged(verifier, request, clock(), verifier.verify(request, clock()))
    assert watch.suspected


def test_the_difference_is_the_median(clock: FakeClock) -> None:
    """One very old request among them does not move it."""
    watch = watch_of(clock, FakeClock(0))
    for number in range(ENOUGH):
        tell(watch, clock(), -90_000 if number == 3 else -3600 - number, number)
    assert watch.suspected
    assert -3600 - ENOUGH < watch.skew <= -3600


def test_a_new_process_judges_anew(clock: FakeClock) -> None:
    """Nothing is kept over a restart."""
    watch = watch_of(clock, FakeClock(0))
    for number in range(ENOUGH):
        tell(watch, clock(), 3600, number)
    assert (watch.suspected, watch_of(clock, FakeClock(0)).suspected) == (True, False)


@pytest.mark.parametrize(("leap", "direction"), [(3600, "forward"), (-3600, "back")])
def test_a_leap_is_told_once(clock: FakeClock, leap: float, direction: str) -> None:
    """The wall clock moved and the monotonic one did not."""
    steady = FakeClock(0)
    watch = watch_of(clock, steady)
    with capture_logs() as lines:
        for seconds in (1, leap + 1, 1):
            clock.advance(seconds)
            steady.advance(1)
            watch.look()
    assert [(line["event"], line["seconds"], line["direction"]) for line in lines] == [("clock_leapt", leap, direction)]


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(-LEAP, LEAP)), max_size=20))
def test_a_clock_that_is_set_right_slowly_does_not_leap(steps: list[tuple[float, float]]) -> None:
    """Small steps and slewing are what a time service does."""
    clock, steady = FakeClock(), FakeClock(0)
    watch = watch_of(clock, steady)
    with capture_logs() as lines:
        for passed, moved in steps:
            steady.advance(passed)
            clock.advance(passed + 0.999 * moved + passed * 0.0005)
            watch.look()
    assert lines == []


@pytest.mark.parametrize("leap", [7200.0, -7200.0])
async def test_a_leap_in_flight_changes_no_answer_and_no_duration(clock: FakeClock, leap: float) -> None:
    """A webhook whose header came before the leap is stored after it, and its latency is not two hours."""

    async def leap_within(bench: Bench, request: bytes) -> int:
        async with bench.connect() as wire:
            await wire.send(request[:-5])
            clock.advance(leap)
            await wire.send(request[-5:])
            return (await wire.answer()).status

    async with receiver(endpoints=[endpoint()], clock=clock) as bench:
        assert await leap_within(bench, request_bytes(b'{"to": []}')) == 202
        assert 0 <= bench.value("answer_seconds_sum") < 30
