"""What state follows from what the cluster has shown; no Kafka is needed."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.kafka.evidence import STRIKES, UNPROVEN, Evidence, Verdict
from broker.kafka.usual import LEAST_SECONDS, MOST_SECONDS, TIMES
from broker.log import LogState


def seen() -> tuple[Evidence, list[Verdict]]:
    """Return evidence about a cluster that has said that all is well, and what is told from now on."""
    told: list[Verdict] = []
    evidence = Evidence(told.append)
    evidence.asked("", 0.0)
    told.clear()
    return evidence, told


def test_nothing_shown_is_starting() -> None:
    """With a reason, like each state but healthy."""
    assert Evidence(lambda _: None).verdict(0.0) == Verdict(LogState.STARTING, "not asked yet")


def test_a_cluster_that_answers_is_healthy() -> None:
    """No append is needed at the first start."""
    evidence, _ = seen()
    assert evidence.verdict(0.0) == Verdict(LogState.HEALTHY)


def test_what_partitions_lack_is_starting_with_the_reason() -> None:
    """And over when the cluster says so."""
    evidence, _ = seen()
    evidence.asked("no leader", 1.0)
    assert evidence.verdict(1.0) == Verdict(LogState.STARTING, "no leader")
    evidence.asked("", 2.0)
    assert evidence.verdict(2.0) == Verdict(LogState.HEALTHY)


def test_the_first_strike_makes_it_suspect_and_the_third_blames_the_producer() -> None:
    """The state tells before the producer has to go."""
    evidence, _ = seen()
    assert [evidence.strike(f"failed {n}", 1.0) for n in range(STRIKES)] == [False, False, True]
    assert evidence.verdict(1.0) == Verdict(LogState.SUSPECT, "failed 2")


def test_the_clusters_word_does_not_end_a_suspicion() -> None:
    """A confirmation does."""
    evidence, _ = seen()
    evidence.strike("failed", 1.0)
    evidence.asked("", 2.0)
    assert evidence.verdict(2.0).state is LogState.SUSPECT
    evidence.confirmed(3.0)
    assert evidence.verdict(3.0) == Verdict(LogState.HEALTHY)


def test_a_record_that_is_confirmed_too_late_does_not_end_a_suspicion() -> None:
    """A cluster that needs seconds is no place for a webhook."""
    evidence, _ = seen()
    evidence.strike("not in time", 1.0)
    evidence.stored(2.0)
    assert evidence.verdict(2.0).state is LogState.SUSPECT


def test_a_confirmation_forgives_the_strikes_before_it() -> None:
    """Only failures in a row blame the producer."""
    evidence, _ = seen()
    evidence.strike("failed", 1.0)
    evidence.strike("failed", 1.0)
    evidence.confirmed(2.0)
    assert not evidence.strike("failed", 3.0)


def test_away_comes_back_as_suspect() -> None:
    """Until it has confirmed something."""
    evidence, _ = seen()
    evidence.away("nobody listens", 1.0)
    assert evidence.verdict(1.0) == Verdict(LogState.AWAY, "nobody listens")
    evidence.asked("", 2.0)
    assert evidence.verdict(2.0) == Verdict(LogState.SUSPECT, UNPROVEN)
    evidence.confirmed(3.0)
    assert evidence.verdict(3.0) == Verdict(LogState.HEALTHY)


def test_an_append_that_waits_without_any_confirmation_makes_it_suspect() -> None:
    """After a moment, whatever its deadline, and as long as it waits."""
    evidence, _ = seen()
    flight = evidence.began(10.0)
    assert evidence.verdict(10.0 + LEAST_SECONDS - 0.01) == Verdict(LogState.HEALTHY)
    stuck = "appends wait and nothing was confirmed for 0.25 s"
    assert evidence.verdict(10.0 + LEAST_SECONDS) == Verdict(LogState.SUSPECT, stuck)
    evidence.ended(flight)
    assert evidence.verdict(11.0) == Verdict(LogState.HEALTHY)


def test_an_append_that_waits_while_others_are_confirmed_is_no_evidence() -> None:
    """One of many partitions may be slow; the cluster is not."""
    evidence, _ = seen()
    evidence.began(10.0)
    evidence.stored(10.2)
    assert evidence.verdict(10.4).state is LogState.HEALTHY
    assert evidence.verdict(10.2 + LEAST_SECONDS).state is LogState.SUSPECT


def test_appends_of_a_producer_that_was_given_up_do_not_blame_the_next() -> None:
    """They end by themselves."""
    evidence, _ = seen()
    flight = evidence.began(10.0)
    evidence.away("given up", 11.0)
    evidence.asked("", 12.0)
    evidence.confirmed(12.0)
    assert evidence.verdict(20.0).state is LogState.HEALTHY
    evidence.ended(flight)


def test_each_change_is_told_once() -> None:
    """However often the same is shown."""
    evidence, told = seen()
    for _ in range(3):
        evidence.strike("failed", 1.0)
        evidence.tell(1.0)
    evidence.confirmed(2.0)
    evidence.confirmed(2.0)
    assert told == [Verdict(LogState.SUSPECT, "failed"), Verdict(LogState.HEALTHY)]


def test_the_stop_is_no_news() -> None:
    """Whoever stopped it knows."""
    evidence, told = seen()
    evidence.closed(1.0)
    assert evidence.verdict(1.0) == Verdict(LogState.AWAY, "the log was stopped")
    assert told == []


STEPS = st.lists(
    st.sampled_from(["began", "ended", "stored", "confirmed", "strike", "well", "lacking", "away"]), max_size=30
)


def take(evidence: Evidence, step: str, flights: list[int], now: float) -> None:
    """Show the evidence one step."""
    match step:
        case "began":
            flights.append(evidence.began(now))
        case "ended" if flights:
            evidence.ended(flights.pop(0))
        case "stored":
            evidence.stored(now)
        case "confirmed":
            evidence.confirmed(now)
        case "strike":
            evidence.strike("failed", now)
        case "well" | "lacking":
            evidence.asked("no leader" if step == "lacking" else "", now)
        case "away":
            evidence.away("gone", now)
        case _:
            pass


@given(STEPS)
def test_whatever_was_shown_there_is_a_reason_exactly_where_it_is_not_healthy(steps: list[str]) -> None:
    """And a strike or an absence is never forgotten without a confirmation."""
    evidence, told = seen()
    flights: list[int] = []
    doubted = False
    for n, step in enumerate(steps):
        now = float(n)
        take(evidence, step, flights, now)
        doubted = step in {"strike", "away"} or (doubted and step != "confirmed")
        verdict = evidence.verdict(now)
        assert bool(verdict.reason) is (verdict.state is not LogState.HEALTHY)
        assert not (doubted and verdict.state is LogState.HEALTHY)
    assert all(before.state is not after.state for before, after in itertools.pairwise(told))


@pytest.mark.parametrize("state", [LogState.AWAY, LogState.STARTING, LogState.SUSPECT])
def test_the_graver_state_is_the_one_that_is_said(state: LogState) -> None:
    """Away before starting before suspect."""
    evidence, _ = seen()
    evidence.strike("failed", 1.0)
    if state is not LogState.SUSPECT:
        evidence.asked("no leader", 1.0)
    if state is LogState.AWAY:
        evidence.away("gone", 1.0)
    assert evidence.verdict(1.0).state is state


def use(evidence: Evidence, took: float, times: int, now: float) -> tuple[float, bool]:
    """Append one after the other, confirmed after `took` s; return the time and whether the last was doubted."""
    doubted = False
    for _ in range(times):
        flight, now = evidence.began(now), now + took
        doubted = evidence.verdict(now).state is LogState.SUSPECT
        evidence.stored(now, now - took)
        evidence.confirmed(now)
        evidence.ended(flight)
    return now, doubted


@given(st.floats(0.001, MOST_SECONDS / TIMES))
def test_a_cluster_that_is_slow_by_nature_is_suspected_no_more_once_it_is_known(took: float) -> None:
    """Some tens of confirmations tell."""
    evidence, _ = seen()
    now, _ = use(evidence, took, 30, 1.0)
    _, doubted = use(evidence, took, 1, now)
    assert not doubted


@given(st.lists(st.tuples(st.sampled_from(["began", "ended", "stored", "confirmed"]), st.floats(0, 60)), max_size=60))
def test_an_outage_is_noticed_in_time_whatever_was_learned(steps: list[tuple[str, float]]) -> None:
    """Within 0.6 s of silence, while an append waits."""
    evidence, _ = seen()
    flights: list[int] = []
    now = 1.0
    for step, pause in steps:
        now += pause
        if step == "confirmed" and flights:
            evidence.stored(now, now - pause)
            evidence.confirmed(now)
            evidence.ended(flights.pop(0))
        else:
            take(evidence, step, flights, now)
    evidence.began(now)
    assert evidence.verdict(now + MOST_SECONDS).state is LogState.SUSPECT


def test_a_record_that_is_confirmed_too_late_teaches_too() -> None:
    """Else a far log, which nobody waits for that long, would never be known."""
    evidence, _ = seen()
    for second in range(20):
        evidence.stored(second + 0.3, float(second))
    assert evidence.patience > 0.3
