"""The parts of the simulator: counts, latencies, deliveries, agenda, pace."""

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.simulator.agenda import Agenda
from hookline.simulator.deliveries import Deliveries, content_digest
from hookline.simulator.latency import Histogram
from hookline.simulator.pacing import Pacer
from hookline.simulator.tally import Answer, Purpose, Tally
from providers.simulation import Outgoing
from tests.support.simulator import outgoing

statuses = st.sampled_from([200, 204, 301, 400, 401, 403, 404, 500, 503])
answers = st.builds(Answer, st.floats(0, 30), statuses) | st.builds(Answer, st.floats(0, 30), reason=st.just("timeout"))


@given(st.lists(st.tuples(st.lists(answers, min_size=1, max_size=5), st.integers(0, 3)), max_size=20))
def test_the_counts_add_up(events: list[tuple[list[Answer], int]]) -> None:
    """Every attempt is in exactly one of the sums, whatever the answers were."""
    tally = Tally()
    for tries, duplicates in events:
        for number, answer in enumerate(tries):
            succeeded, last = answer.status == 200, number == len(tries) - 1
            purpose = Purpose.RETRY if number else Purpose.FIRST
            tally.genuine("label", purpose, answer, succeeded=succeeded, last=last or succeeded)
            if succeeded:
                break
        for _ in range(duplicates):
            tally.genuine("label", Purpose.DUPLICATE, tries[0], succeeded=tries[0].status == 200, last=True)
    report = tally.report()
    assert report.sent == len(events)
    assert report.attempts == report.sent + report.retried + report.duplicates
    assert report.sent == report.acknowledged + report.given_up
    assert report.unsettled == 0
    assert report.attempts == report.latency.count + sum(report.failures.values())


@given(st.lists(answers, max_size=40))
def test_a_forgery_is_refused_accepted_or_undecided(given_answers: list[Answer]) -> None:
    """The three make up the whole."""
    tally = Tally()
    for answer in given_answers:
        tally.forgery("old", answer, succeeded=answer.status == 200)
    report = tally.report()
    assert report.forged == report.refused + report.accepted_forgery + report.undecided == len(given_answers)
    assert report.clean == all(answer.refused for answer in given_answers)


@given(st.lists(st.floats(2e-5, 60), min_size=1, max_size=300))
def test_quantiles_are_right_to_two_percent(seconds: list[float]) -> None:
    """The bounded histogram agrees with sorting everything."""
    histogram = Histogram()
    for value in seconds:
        histogram.add(value)
    found = histogram.summary()
    ordered = sorted(seconds)
    for share, quantile in ((0.5, found.p50), (0.99, found.p99)):
        exact = ordered[math.ceil(len(ordered) * share) - 1]
        assert exact <= quantile * 1.0000001 <= exact * 1.0201
    assert (found.slowest, found.count) == (ordered[-1], len(seconds))


def test_nothing_measured_gives_zeros() -> None:
    """A report can be shown before the first answer."""
    assert Histogram().summary().p99 == 0.0


def test_the_ledger_counts_what_it_cannot_hold() -> None:
    """Its memory is bounded, and it says what goes unchecked."""
    deliveries = Deliveries(limit=10)
    deliveries.acknowledge(outgoing("a"), b"12345678")
    deliveries.acknowledge(outgoing("b"), b"12345678x")
    assert (len(deliveries.acknowledged), deliveries.unchecked) == (1, 1)


def test_a_body_that_was_genuine_too_is_not_looked_for_as_a_forgery() -> None:
    """A captured body with an old timestamp is stored rightly, by its genuine delivery."""
    deliveries = Deliveries()
    deliveries.forge(outgoing(), b"both")
    deliveries.forge(outgoing(), b"forged alone")
    deliveries.acknowledge(outgoing(), b"both")
    assert deliveries.forged == {content_digest(b"forged alone")}


def test_attempts_are_one_webhook() -> None:
    """The first acknowledged one stands in the books, with what those before it held; a forgery of none is told."""
    deliveries = Deliveries()
    deliveries.acknowledge(outgoing(), b"two", [b"one"])
    deliveries.acknowledge(outgoing(), b"three", [b"one", b"two"])
    deliveries.forge(outgoing(), b"one")
    (entry,) = deliveries.acknowledged
    assert (entry.body, entry.others) == (b"two", frozenset({content_digest(b"one")}))
    assert deliveries.forged == frozenset()


def test_webhooks_by_get_are_told_apart_by_their_queries() -> None:
    """They have no bodies; a body of the same bytes is another thing."""
    deliveries = Deliveries()
    for query in ("a=1", "a=2", "a=1"):
        deliveries.acknowledge(Outgoing(label="got", body=lambda _: b"", method="GET", query=query), b"")
    assert [(entry.method, entry.query) for entry in deliveries.acknowledged] == [("GET", "a=1"), ("GET", "a=2")]
    assert content_digest(b"", "a=1") != content_digest(b"a=1")
    assert content_digest(b"a=1", "ignored=1") == content_digest(b"a=1")


def test_tallies_add_up() -> None:
    """The figures of several accounts together, answer times too."""
    first, second, total = Tally(), Tally(), Tally()
    first.genuine("kind", Purpose.FIRST, Answer(0.5, 200), succeeded=True, last=True)
    second.genuine("kind", Purpose.FIRST, Answer(0.1, 503), succeeded=False, last=True)
    second.forgery("old", Answer(0.1, 401), succeeded=False)
    for tally in (first, second):
        total.include(tally)
    report = total.report()
    assert (report.sent, report.acknowledged, report.given_up, report.refused) == (2, 1, 1, 1)
    assert (report.by_label, report.failures, report.by_forgery) == ({"kind": 2}, {"503": 1}, {"old": 1})
    assert (report.latency.count, report.latency.slowest) == (1, 0.5)
    assert first.report().sent == 1


async def test_the_agenda_gives_what_is_due_first() -> None:
    """Order is by time, then by arrival."""
    agenda: Agenda[str] = Agenda()
    agenda.put("later", 0.02)
    agenda.put("first")
    agenda.put("second")
    assert [await agenda.take() for _ in range(3)] == ["first", "second", "later"]


async def test_the_agenda_wakes_for_what_is_put_in_while_it_waits() -> None:
    """An earlier item comes out although the taker waits for a later one."""
    agenda: Agenda[str] = Agenda()
    agenda.put("in an hour", 3600)
    taken = asyncio.create_task(agenda.take())
    await asyncio.sleep(0)
    agenda.put("now")
    async with asyncio.timeout(5):
        assert await taken == "now"


@pytest.mark.parametrize("rate", [0.5, 10.0, 400.0])
async def test_the_pace_is_the_rate(rate: float) -> None:
    """Turns come at even distances."""
    now = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    pacer = Pacer(rate, lambda: now, sleep)
    for _ in range(21):
        await pacer.turn()
    assert now == pytest.approx(20 / rate)


async def test_lost_time_makes_no_burst() -> None:
    """After a stall the turns go on at the rate, with at most one at once."""
    now, slept = 0.0, list[float]()

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        slept.append(seconds)

    pacer = Pacer(10.0, lambda: now, sleep)
    await pacer.turn()
    now += 60.0
    for _ in range(4):
        await pacer.turn()
    assert slept == pytest.approx([0.1, 0.1])
