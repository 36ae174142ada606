"""Mirror in order: how those that wait for one another come again, and how often they ask."""

import heapq

import pytest

from consumers.mirror.line import LONGEST_BEHIND, Line

ASKING = 0.0004
"""Seconds of the loop that one question costs."""


def line_of(count: int, back_at: float) -> Line:
    """Return a line in which so many wait, `w0` first, all of which come at that time."""
    line = Line()
    for rank in range(count):
        line.keep(f"w{rank}", rank, back_at)
    return line


def move(line: Line, step: float) -> float:
    """Let some go, so long after one another, and return when the last one went."""
    times = [number * step for number in range(20)]
    for now in times:
        line.moved(now)
    return times[-1]


def drained(count: int, post: float) -> tuple[float, int]:
    """Let so many come at once, one post of which takes `post` seconds; return how long that took, and the questions.

    There is one loop: who asks keeps the others from it.
    """
    line, now, asked = line_of(count, 0.0), 0.0, 0
    # As they were read from several partitions: in no order.
    coming = [(0.0, rank * 7 % count, rank) for rank in range(count)]
    heapq.heapify(coming)
    while coming:
        due, place, rank = heapq.heappop(coming)
        now = max(now, due) + ASKING
        asked += 1
        if wait := line.behind(f"w{rank}", rank, now):
            line.keep(f"w{rank}", rank, now + wait)
            heapq.heappush(coming, (now + wait, place, rank))
        else:
            now += post
            line.leave(f"w{rank}")
            line.moved(now)
    return now, asked


@pytest.mark.parametrize("post", [0.002, 0.02, 0.2])
def test_a_thousand_that_wait_follow_one_another_closely_and_seldom_ask_in_vain(post: float) -> None:
    """However quick the old handler is: when they asked too often, the loop had no time to post."""
    count = 1000
    seconds, asked = drained(count, post)
    assert seconds < 1.5 * count * post + 10
    assert asked < 10 * count


def test_who_waits_asks_again_about_when_its_turn_comes() -> None:
    """When the first is due, and half a step later for each: too soon costs a question, too late costs the others."""
    line = line_of(20, 5.0)
    move(line, 0.04)
    assert [line.behind("new", rank, 3.0) for rank in (1, 2, 10)] == pytest.approx([2.02, 2.04, 2.2])
    assert line.behind("new", 1, 6.0) == pytest.approx(0.02)


def test_a_hitch_of_the_old_handler_is_no_rhythm() -> None:
    """Else those that ask meanwhile stay away for long after it, and with them all behind them."""
    line = line_of(20, 0.0)
    line.moved(move(line, 0.02) + 10.0)
    assert line.behind("new", 10, 1.0) == pytest.approx(0.2)


def test_the_time_without_an_answer_is_no_rhythm_either() -> None:
    """What goes first after an outage follows nobody."""
    line = line_of(20, 0.0)
    move(line, 0.02)
    line.stopped()
    line.moved(100.0)
    assert line.behind("new", 10, 1.0) == pytest.approx(0.1)


def test_nobody_stays_away_for_long() -> None:
    """However many come first."""
    assert line_of(5000, 0.0).behind("new", 5000, 1.0) == LONGEST_BEHIND


def test_who_keeps_a_place_anew_has_one_place() -> None:
    """The newer one."""
    line = line_of(1, 5.0)
    line.keep("w0", 0, 8.0)
    assert line.behind("new", 1, 5.0) > 3.0
    line.leave("w0")
    line.leave("w0")
    assert line.behind("new", 1, 5.0) == 0.0
