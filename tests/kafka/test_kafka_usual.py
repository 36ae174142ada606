"""What is learned of a cluster's usual time, and the limit that follows; no Kafka is needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.kafka.usual import LEAST_SECONDS, MOST_SECONDS, MOST_TELLING_SECONDS, TIMES, Usual
from providers.registry import PROVIDERS

TIMES_TAKEN = st.floats(0, 60)


def learned(*took: float) -> Usual:
    """Return what appends teach that take these seconds, one after the other."""
    usual, now = Usual(), 100.0
    for each in took:
        usual.learn(now, now + each)
        now += each
    return usual


@given(st.lists(st.tuples(TIMES_TAKEN, TIMES_TAKEN), max_size=80))
def test_the_limit_stays_between_its_bounds(appends: list[tuple[float, float]]) -> None:
    """Whatever is learned, overlapping or not."""
    usual, now = Usual(), 0.0
    for pause, took in appends:
        now += pause
        usual.learn(now, now + took)
        assert LEAST_SECONDS <= usual.limit <= MOST_SECONDS
        assert usual.limit <= usual.telling <= MOST_TELLING_SECONDS


@given(st.floats(0, MOST_SECONDS, exclude_max=True), st.lists(st.floats(0, MOST_SECONDS), max_size=30))
def test_a_constant_time_below_the_upper_bound_ends_below_the_limit(took: float, before: list[float]) -> None:
    """Within 60 confirmations, whatever came before."""
    assert learned(*before, *[took] * 60).limit > took


@pytest.mark.parametrize("took", [0.3, 0.45])
def test_ten_confirmations_are_enough_for_a_slow_cluster(took: float) -> None:
    """After a life with a quick one."""
    assert learned(*[0.004] * 100, *[took] * 10).limit > took


@given(st.lists(st.floats(MOST_SECONDS + 0.001, 60), max_size=100))
def test_an_outage_teaches_nothing(took: list[float]) -> None:
    """What took longer than any limit may be is no usual time."""
    assert learned(0.01, *took).limit == LEAST_SECONDS


@given(st.lists(st.floats(0.01, MOST_SECONDS), min_size=2, max_size=200))
def test_all_that_waited_through_one_hang_teach_once(waited: list[float]) -> None:
    """However many there were: all but the first confirmed began before that."""
    usual = Usual()
    for each in waited:
        usual.learn(100.0 - each, 100.0)
    once = Usual()
    once.learn(100.0 - waited[0], 100.0)
    assert usual.seconds == once.seconds


def test_on_a_far_cluster_an_append_may_wait_behind_another_one() -> None:
    """On a near one a quarter of a second is enough to be told."""
    assert learned(*[0.32] * 10).telling > 2 * 0.32
    assert learned(*[0.01] * 10).telling == LEAST_SECONDS


def test_a_cluster_that_is_quick_again_is_believed_soon() -> None:
    """The limit falls with what is seen."""
    assert learned(*[0.5] * 50).limit == MOST_SECONDS
    assert learned(*[0.5] * 50, *[0.005] * 20).limit == LEAST_SECONDS


def test_the_upper_bound_leaves_time_for_the_spool() -> None:
    """It is well below the shortest time that any provider's policy leaves to the log."""
    shortest = min(each.policy.broker_wait for each in PROVIDERS.values())
    assert shortest * 0.75 >= MOST_SECONDS
    assert shortest > MOST_TELLING_SECONDS, "a producer that never confirms is noticed by what waits for it in vain"
    assert TIMES > 1
