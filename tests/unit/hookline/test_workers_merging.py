"""One answer from those of several workers."""

import asyncio
from collections.abc import Iterable

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from consumers.metrics import ConsumerMetrics
from hookline.process.merged_answers import (
    NO_ANSWER,
    NOT_RUNNING,
    Member,
    Said,
    WorkerReadiness,
    merged_health,
    merged_readiness,
    readiness_of,
)
from hookline.process.merged_metrics import LABEL, SupervisorMetrics, merge
from hookline.process.metrics import ProcessMetrics
from hookline.process.worker_questions import _Shared
from ingest.metrics import IngestMetrics, Outcome

WELL = WorkerReadiness(1, 10, ready=True, degraded=False, reason="ready")
AWAY = WorkerReadiness(2, 11, ready=False, degraded=True, reason="log_away")


def parsed(exposition: bytes) -> dict[str, Metric]:
    """Return the families of an exposition, each of which may stand there once."""
    families = list(text_string_to_metric_families(exposition.decode()))
    found = {family.name: family for family in families}
    assert len(found) == len(families)
    return found


def worker_text(stored: int) -> str:
    """Return what a worker with all figures gives that stored so many webhooks."""
    registry = CollectorRegistry()
    ingest = IngestMetrics(registry)
    ConsumerMetrics(registry)
    ProcessMetrics(registry)
    for _ in range(stored):
        ingest.ended("main", Outcome.STORED)
        ingest.answered(0.01)
    return generate_latest(registry).decode()


def test_each_figure_names_its_worker() -> None:
    """A family stands once, with the samples of all."""
    found = parsed(merge({"1": worker_text(3), "2": worker_text(4)}).exposition())
    stored = {
        sample.labels[LABEL]: sample.value
        for sample in found["hookline_webhooks"].samples
        if sample.name == "hookline_webhooks_total" and sample.labels["outcome"] == Outcome.STORED
    }
    assert stored == {"1": 3, "2": 4}


def test_a_histogram_stays_one() -> None:
    """Buckets, count and sum of each worker."""
    found = parsed(merge({"1": worker_text(3), "2": worker_text(4)}).exposition())["hookline_answer_seconds"]
    counts = {each.labels[LABEL]: each.value for each in found.samples if each.name.endswith("_count")}
    assert (found.type, counts) == ("histogram", {"1": 3, "2": 4})


def test_a_kind_is_kept_where_there_is_no_sample_yet() -> None:
    """A family without samples tells its kind and what it is."""
    found = parsed(merge({"1": worker_text(0), "2": worker_text(0)}).exposition())["hookline_refusals"]
    assert (found.type, found.documentation) == ("counter", "Requests refused, by reason.")


def test_no_figure_of_ours_has_that_label_already() -> None:
    """It would be overwritten."""
    families = text_string_to_metric_families(worker_text(1))
    assert not [sample for family in families for sample in family.samples if LABEL in sample.labels]


@pytest.mark.parametrize("broken", ["# TYPE a nonsense\n", "a one\n", "a{\n"])
def test_what_cannot_be_read_takes_nothing_along(broken: str) -> None:
    """The other worker's figures are given all the same."""
    merged = merge({"1": broken, "2": worker_text(4)})
    assert merged.unreadable == {"1"}
    assert "hookline_webhooks" in parsed(merged.exposition())


def test_a_metric_of_two_kinds_is_not_mixed() -> None:
    """The exposition stays valid; whose figures are left out is told."""
    merged = merge({"1": "# TYPE a gauge\na 1\n", "2": '# TYPE a histogram\na_bucket{le="+Inf"} 1\n'})
    assert merged.unreadable == {"2"}
    assert parsed(merged.exposition())["a"].type == "gauge"


NAMES = st.from_regex(r"[a-z]{1,6}", fullmatch=True)
LABELS = st.from_regex(r"[a-v]{1,4}", fullmatch=True)


@given(st.dictionaries(NAMES, st.tuples(LABELS, st.text(max_size=8), st.floats(allow_nan=False))), st.text(max_size=20))
def test_what_went_in_comes_out(figures: dict[str, tuple[str, str, float]], words: str) -> None:
    """Any label value, any documentation, any number: read back they are the same, for two workers."""
    registry = CollectorRegistry()
    for name, (label, value, number) in figures.items():
        Gauge(f"g_{name}", words, [label], registry=registry).labels(value).set(number)
    text = generate_latest(registry).decode()
    original = frozen(text_string_to_metric_families(text))
    found = frozen(parsed(merge({"1": text, "2": text}).exposition()).values())
    assert len(found) == 2 * len(original)
    for worker in ("1", "2"):
        own = {(name, labels - {(LABEL, worker)}, value) for name, labels, value in found if (LABEL, worker) in labels}
        assert own == original


def frozen(families: Iterable[Metric]) -> set[tuple[str, frozenset[tuple[str, str]], float]]:
    """Return all samples as values that can be compared."""
    return {
        (sample.name, frozenset(sample.labels.items()), sample.value)
        for family in families
        for sample in family.samples
    }


def test_the_parents_own_figures_are_valid() -> None:
    """Restarts are there from the first scrape on."""
    registry = CollectorRegistry()
    metrics = SupervisorMetrics(registry)
    metrics.expect([1, 2])
    metrics.restarted(2)
    metrics.answered([1, 2], {1})
    found = parsed(generate_latest(registry))
    restarts = {
        s.labels[LABEL]: s.value for s in found["hookline_worker_restarts"].samples if s.name.endswith("_total")
    }
    up = {sample.labels[LABEL]: sample.value for sample in found["hookline_worker_up"].samples}
    assert (restarts, up) == ({"1": 0, "2": 1}, {"1": 1, "2": 0})


def test_counters_and_histograms_keep_their_births() -> None:
    """The `_created` samples are families of their own in this format, and stay so."""
    registry = CollectorRegistry()
    Counter("c", "c", registry=registry).inc()
    Histogram("h", "h", registry=registry).observe(1)
    found = parsed(merge({"1": generate_latest(registry).decode()}).exposition())
    assert {"c", "h", "c_created", "h_created"} <= found.keys()


def test_one_that_is_ready_is_enough() -> None:
    """Degraded, with the reason of the other."""
    answer = merged_readiness([WELL, AWAY])
    assert answer.ok
    assert (answer.fields["degraded"], answer.fields["reason"]) == (True, "worker 2: log_away")
    assert [worker["ready"] for worker in answer.fields["workers"]] == [True, False]


def test_all_well_is_not_degraded() -> None:
    """The usual case."""
    answer = merged_readiness([WELL])
    assert (answer.ok, answer.fields["degraded"], answer.fields["reason"]) == (True, False, "ready")


def test_none_ready_is_not_ready() -> None:
    """Those with one reason are told together."""
    answer = merged_readiness([AWAY, WorkerReadiness(3, 12, ready=False, degraded=True, reason="log_away")])
    assert (answer.ok, answer.fields["reason"]) == (False, "workers 2, 3: log_away")


def test_a_worker_that_is_ready_and_degraded_shows() -> None:
    """Ready as a whole, degraded as a whole."""
    answer = merged_readiness([WELL, WorkerReadiness(2, 11, ready=True, degraded=True, reason="spool_old")])
    assert (answer.ok, answer.fields["degraded"]) == (True, True)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=8))
def test_the_whole_is_told_from_its_parts(states: list[tuple[bool, bool]]) -> None:
    """Ready if any is, degraded if any is not ready or is degraded."""
    workers = [WorkerReadiness(n, n, ready=r, degraded=d, reason="x") for n, (r, d) in enumerate(states, 1)]
    answer = merged_readiness(workers)
    assert answer.ok is any(ready for ready, _ in states)
    assert answer.fields["degraded"] is any(not ready or degraded for ready, degraded in states)


@given(st.binary(max_size=40) | st.none(), st.integers(100, 599))
def test_whatever_a_worker_says_is_read(body: bytes | None, status: int) -> None:
    """Nothing that comes back from it is an error, and nothing but 200 is ready."""
    found = readiness_of(Said(Member(1, 10), status, body))
    assert found.ready <= (status == 200)


@pytest.mark.parametrize(("pid", "reason"), [(None, NOT_RUNNING), (10, NO_ANSWER)])
def test_a_worker_without_an_answer_is_degraded(pid: int | None, reason: str) -> None:
    """Not there, or there and silent."""
    assert readiness_of(Said(Member(1, pid))) == WorkerReadiness(1, pid, ready=False, degraded=True, reason=reason)


def test_health_shows_every_worker_and_never_ends_the_parent() -> None:
    """It replaces what ended."""
    body = orjson.dumps({"status": "ok", "log": "healthy"})
    answer = merged_health([Said(Member(1, 10), 200, body), Said(Member(2, None, restarts=3))], "1.0")
    assert (answer.ok, answer.fields["status"]) == (True, "degraded")
    assert answer.fields["workers"] == [
        {"status": "ok", "log": "healthy", "worker": 1, "pid": 10, "restarts": 0},
        {"status": NOT_RUNNING, "worker": 2, "pid": None, "restarts": 3},
    ]


@pytest.mark.parametrize(("down", "ok", "status"), [(59.9, True, "degraded"), (60.0, False, "no_worker_up")])
def test_a_parent_without_workers_for_long_does_not_count_as_alive(*, down: float, ok: bool, status: str) -> None:
    """A new one loses nothing then, and may do better."""
    answer = merged_health([Said(Member(1, None, restarts=9))], "1.0", down)
    assert (answer.ok, answer.fields["status"]) == (ok, status)


async def test_questions_at_the_same_time_are_one() -> None:
    """A prober that floods the parent does not flood the workers; one who goes away takes no answer along."""
    asked, gate = list[int](), asyncio.Event()

    async def ask() -> int:
        asked.append(1)
        await gate.wait()
        return len(asked)

    shared = _Shared(ask)
    first, second = asyncio.create_task(shared()), asyncio.create_task(shared())
    await asyncio.sleep(0)
    first.cancel()
    gate.set()
    assert await second == 1
    assert await shared() == 2
