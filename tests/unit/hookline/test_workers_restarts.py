"""When a worker that ended is started again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.process.restarts import LONGEST_PAUSE, STEADY, Ending, Streak, hopeless


def test_the_first_end_costs_no_pause() -> None:
    """One crash is no reason to receive with fewer workers."""
    assert Streak().after(1.0).pause == 0.0


def test_ends_that_follow_each_other_cost_more_and_more() -> None:
    """Each soon after its start: the pause doubles."""
    streak, pauses = Streak(), list[float]()
    for _ in range(5):
        streak = streak.after(1.0)
        pauses.append(streak.pause)
    assert pauses == [0.0, 0.5, 1.0, 2.0, 4.0]


def test_a_long_life_counts_as_new() -> None:
    """What happened before it is over."""
    assert Streak(50).after(STEADY).pause == 0.0


@given(st.lists(st.floats(0, 2 * STEADY), max_size=200))
def test_no_pause_is_longer_than_the_bound(lives: list[float]) -> None:
    """However the lives were."""
    streak = Streak()
    for seconds in lives:
        streak = streak.after(seconds)
    assert 0.0 <= streak.pause <= LONGEST_PAUSE


def test_weeks_of_short_lives_do_not_overflow() -> None:
    """The pause stays a number."""
    assert Streak(1_000_000).pause == LONGEST_PAUSE


@pytest.mark.parametrize(
    ("status", "words"), [(0, "status 0"), (3, "status 3"), (-9, "signal SIGKILL"), (-240, "signal 240")]
)
def test_the_way_of_an_end_is_told(status: int, words: str) -> None:
    """Signals by name, where they have one."""
    assert Ending(status, up=True, seconds=1.0).how == words


@pytest.mark.parametrize(
    ("status", "up", "others_up", "ever_up", "expected"),
    [
        (2, False, False, False, True),  # a wrong configuration at the start
        (2, False, False, True, True),  # one that was made wrong later, when nobody serves any more
        (2, False, True, True, False),  # the others serve
        (1, False, False, False, True),  # an error at the start
        (1, False, False, True, False),  # it worked before, and may again
        (2, True, False, False, False),  # it had been up
        (-9, False, False, False, False),  # killed: tells nothing about the next
        (0, False, False, False, False),  # ended in order before it was up
    ],
)
def test_only_an_error_that_stays_is_hopeless(
    status: int, *, up: bool, others_up: bool, ever_up: bool, expected: bool
) -> None:
    """A parent ends only where starting again would be a crash loop."""
    assert hopeless(Ending(status, up, 0.5), others_up=others_up, ever_up=ever_up) is expected
