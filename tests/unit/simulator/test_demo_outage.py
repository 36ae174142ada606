"""The outage of the demo: a lock that is real, ends in time, and is told of in words."""

import argparse
import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.log import LogState
from hookline.demo.command import add_arguments, options_of
from hookline.demo.outage import AFTERWARDS, LEAD, Outage, Plan
from hookline.demo.outage_view import OutagePhase, OutageView, SpoolView, outage_rows, outage_text
from hookline.errors import CommandError
from hookline.simulator.latency import Histogram, Latency


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a SQLite file in WAL mode, as the log's is."""
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE records (id INTEGER)")
    return tmp_path / "log.db"


def is_locked(path: Path) -> bool:
    """Tell whether nobody can write now, and that everybody can read all the same."""
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        connection.execute("SELECT count(*) FROM records").fetchone()
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False


def outage(
    path: Path,
    seconds: float,
    state: Callable[[], LogState] = lambda: LogState.HEALTHY,
    answers: Callable[[], Histogram] = Histogram,
) -> Outage:
    """Return an outage that begins at once."""
    return Outage(path, Plan(seconds=seconds, lead=0.0), state, answers)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for the condition, at most ten seconds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a view has no event to wait for
            await asyncio.sleep(0.01)


async def test_nobody_can_write_while_it_lasts(path: Path) -> None:
    """The lock is SQLite's own, and it is let go of at the end."""
    one = outage(path, 0.3)
    running = asyncio.create_task(one.run())
    await until(lambda: one.view().phase is OutagePhase.AWAY)
    assert await asyncio.to_thread(is_locked, path)
    await running
    assert not await asyncio.to_thread(is_locked, path)
    assert one.view().phase is OutagePhase.OVER
    assert one.view().lasted >= 0.3


async def test_a_cancelled_outage_gives_the_broker_back(path: Path) -> None:
    """Ctrl-C in its midst: what is on its way can still be stored."""
    one = outage(path, 60.0)
    running = asyncio.create_task(one.run())
    await until(lambda: one.view().phase is OutagePhase.AWAY)
    running.cancel()
    await asyncio.wait([running])
    assert not await asyncio.to_thread(is_locked, path)
    assert one.view().phase is OutagePhase.OVER
    assert one.view().lasted < 60.0


async def test_an_outage_that_is_ended_before_its_time_never_takes_place(path: Path) -> None:
    """Then it says so, and the lock was never taken."""
    one = Outage(path, Plan(seconds=1.0, lead=60.0), lambda: LogState.HEALTHY, Histogram)
    running = asyncio.create_task(one.run())
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    assert outage_rows(one.view(), SpoolView()) == [("broker away", "not yet: the demo was ended before")]


async def test_a_lock_that_is_not_to_be_had_is_told(tmp_path: Path) -> None:
    """There is no such file: the demo must not claim an outage that was none."""
    with pytest.raises(CommandError, match="could not be taken away"):
        await outage(tmp_path / "none.db", 0.1).run()


async def test_when_the_log_noticed_is_kept(path: Path) -> None:
    """The first time that its state is not healthy."""
    states = iter([LogState.HEALTHY, LogState.AWAY])
    one = outage(path, 0.3, lambda: next(states, LogState.HEALTHY))
    await one.run()
    noticed = one.view().noticed
    assert noticed is not None
    assert 0.0 < noticed < 0.3


async def test_only_answers_of_its_time_are_measured(path: Path) -> None:
    """The quick ones before it would hide a slow one, and what came after it is no part of it."""
    answers = Histogram()

    def copied() -> Histogram:
        found = Histogram()
        found.include(answers)
        return found

    answers.add(9.0)
    one = outage(path, 0.3, answers=copied)
    running = asyncio.create_task(one.run())
    await until(lambda: one.view().phase is OutagePhase.AWAY)
    answers.add(0.5)
    await running
    answers.add(7.0)
    measured = one.view().answers
    assert measured.count == 1
    assert measured.slowest == pytest.approx(0.5, rel=0.02)


times = st.lists(st.floats(min_value=0.0, max_value=100.0))


@given(times, times)
def test_a_histogram_since_another_holds_what_came_later(before: list[float], after: list[float]) -> None:
    """As if the later ones had been counted alone."""
    earlier, whole, alone = Histogram(), Histogram(), Histogram()
    for seconds in before:
        earlier.add(seconds)
        whole.add(seconds)
    for seconds in after:
        whole.add(seconds)
        alone.add(seconds)
    found, wanted = whole.since(earlier).summary(), alone.summary()
    assert found.count == wanted.count
    assert found.slowest == pytest.approx(wanted.slowest, rel=0.021, abs=1e-5)
    assert found.p999 == pytest.approx(wanted.p999, rel=0.021, abs=1e-5)


def asked(*words: str) -> argparse.Namespace:
    """Return what the command line gives."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def test_an_outage_ends_the_demo_by_itself() -> None:
    """Lead-in, outage, and some seconds in which the spool is seen to be drained."""
    options = options_of(asked("--outage", "20"), 1.0)
    assert options.seconds == LEAD + 20 + AFTERWARDS
    assert options.outage == Plan(seconds=20)


def test_without_an_outage_the_demo_goes_on() -> None:
    """Until Ctrl-C, as ever."""
    assert options_of(asked(), 1.0).seconds is None
    assert options_of(asked(), 1.0).outage is None


def test_an_outage_has_to_fit_into_the_time() -> None:
    """Else the demo would end in the midst of it."""
    assert options_of(asked("--outage", "20", "--for", "30"), 1.0).seconds == 30
    with pytest.raises(CommandError, match="needs --for 25 at least"):
        options_of(asked("--outage", "20", "--for", "10"), 1.0)


FULL = SpoolView(waiting=1200, bytes=2_048_000, oldest=12.4, spooled=1300, drained=100)


@pytest.mark.parametrize(
    ("view", "spool", "text"),
    [
        (OutageView(left=4.2), SpoolView(), "broker there, taken away in 5 s · spool empty"),
        (
            OutageView(phase=OutagePhase.AWAY, left=11.9),
            FULL,
            "BROKER AWAY, back in 12 s, log away · spool 1,200 (2,000 KiB, oldest 12 s), 100 of 1,300 drained",
        ),
        (
            OutageView(phase=OutagePhase.OVER, lasted=20.0),
            SpoolView(spooled=1300, drained=1300),
            "broker back after 20 s, log away · spool empty, 1,300 of 1,300 drained",
        ),
    ],
)
def test_the_line_tells_of_broker_and_spool(view: OutageView, spool: SpoolView, text: str) -> None:
    """What is away, how long still, and what waits."""
    assert outage_text(view, spool, "away") == text


def test_the_closing_rows_have_the_answers_of_the_outage() -> None:
    """How long it was, when it was noticed, p99.9 and the slowest answer, and that nothing is left."""
    view = OutageView(phase=OutagePhase.OVER, lasted=20.0, noticed=0.8, answers=Latency(1300, 0.004, 0.02, 1.2, 0.9))
    assert outage_rows(view, SpoolView(spooled=1300, drained=1300)) == [
        ("broker away", "20.00 s, noticed after 800.0 ms"),
        ("answers meanwhile", "1,300, p50 4.0 ms, p99 20.0 ms, p99.9 900.0 ms, slowest 1.20 s"),
        ("spooled", "1,300, drained 1,300, left 0"),
    ]


def test_what_was_damaged_is_told_at_the_end() -> None:
    """Set-aside records are no loss that may be passed over."""
    view = OutageView(phase=OutagePhase.OVER, lasted=20.0)
    assert ("damaged in the spool", "2") in outage_rows(view, SpoolView(set_aside=2))
    assert ("answers meanwhile", "none") in outage_rows(view, SpoolView())
