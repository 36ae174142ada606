"""Turns at a rate: never more than it allows, in the order of asking, no turn lost."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from consumers.send.rates import MISSED, MOST_SENDERS, MOST_TURNS, Rate, Rates


@given(
    per_second=st.floats(0.1, 50.0),
    moves=st.lists(
        st.tuples(st.integers(0, 9), st.floats(0.0, 5.0), st.floats(-5.0, 50.0), st.booleans()),
        min_size=1,
        max_size=60,
    ),
)
def test_no_two_go_closer_than_the_rate(per_second: float, moves: list[tuple[int, float, float, bool]]) -> None:
    """Whoever asks whenever, or gives up, however late it comes for its turn and however soon it is of no use."""
    rate, now, gone = Rate(per_second), 0.0, list[float]()
    for who, step, use, gives_up in moves:
        now += step
        if gives_up:
            rate.give_up(str(who))
        elif rate.wait(str(who), now, now + use) == 0:
            rate.take(str(who), now)
            gone.append(now)
    assert all(later - earlier >= 1 / per_second * 0.999 for earlier, later in pairwise(gone))


def test_turns_are_in_the_order_of_asking_and_kept() -> None:
    """Whoever asks again is told the same moment."""
    rate = Rate(2.0)
    rate.take("first", 0.0)
    assert [rate.wait(who, 0.0) for who in ("a", "b", "c")] == [0.5, 1.0, 1.5]
    assert [rate.wait(who, 0.25) for who in ("c", "b", "a")] == [1.25, 0.75, 0.25]


def test_who_would_come_too_late_takes_no_turn() -> None:
    """Nobody waits behind it; it comes again when it is of no use any more."""
    rate = Rate(2.0)
    rate.take("first", 0.0)
    assert [rate.wait(str(number), 0.0, 1.2) for number in range(5)] == [0.5, 1.0, 1.2, 1.2, 1.2]
    assert rate.wait("new", 0.0, 60.0) == 1.5


def test_nobody_waits_behind_turns_that_were_given_up() -> None:
    """Their commands ended without a call, by an opt-out for one; the turns of others stay as they were told."""
    rate = Rate(1.0)
    rate.take("first", 0.0)
    for number in range(5000):
        rate.wait(str(number), 0.0)
    for number in range(1, 5000):
        rate.give_up(str(number))
    assert [rate.wait(who, 0.5) for who in ("0", "new")] == [0.5, 1.5]
    rate.give_up("new")
    rate.give_up("0")
    assert rate.wait("newer", 0.5) == 0.5


def test_an_idle_rate_saves_nothing_up() -> None:
    """No burst after a quiet hour."""
    rate = Rate(1.0)
    rate.take("a", 3600.0)
    assert rate.wait("b", 3600.0) == 1.0


def test_turns_that_nobody_took_are_given_up() -> None:
    """Their commands went to another member."""
    rate = Rate(1000.0)
    for number in range(MOST_TURNS):
        rate.wait(str(number), 0.0)
    assert rate.wait("more", 1.0) > 0
    assert not rate.holds("more")
    rate.wait("late", MISSED + 20)
    assert rate.holds("late")
    assert not rate.holds("0")


def test_numbers_of_ours_are_not_remembered_without_end() -> None:
    """Those that nobody waits for go first."""
    rates = Rates(0.0, 1.0)
    rates.take("x", "busy", 0.0)
    rates.wait("y", "busy", 0.0)
    for number in range(MOST_SENDERS + 5):
        rates.take("z", str(number), 10.0 + number)
    assert rates.holds("y", "busy")
    assert not rates.holds("z", "0")
