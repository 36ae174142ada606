"""The figures of the way in: their names are what dashboards lean on."""

import pytest
from prometheus_client import CollectorRegistry

from ingest.metrics import AppendFailure, Fault, IngestMetrics, Outcome, Refusal
from providers.contract import Verdict
from schemas.vocabulary import EventType

NAMES = {
    "hookline_clock_skew_seconds",
    "hookline_webhooks",
    "hookline_refusals",
    "hookline_events",
    "hookline_ingest_faults",
    "hookline_append_failures",
    "hookline_answer_seconds",
    "hookline_webhooks_in_flight",
    "hookline_bodies_in_flight",
    "hookline_loop_lag_seconds",
    "hookline_spool_drained",
    "hookline_spool_records",
    "hookline_spool_bytes",
    "hookline_spool_oldest_seconds",
    "hookline_spool_set_aside",
    "hookline_spool_not_taken",
    "hookline_polls",
    "hookline_polled_items",
    "hookline_poll_last_success_seconds",
}


def test_the_names_are_these() -> None:
    """A figure that changes its name is a panel that goes empty."""
    registry = CollectorRegistry()
    IngestMetrics(registry)
    families = list(registry.collect())
    assert {family.name for family in families} == NAMES
    assert all(family.documentation.endswith(".") for family in families)


@pytest.mark.parametrize("reason", [*Verdict, *Refusal])
def test_a_refusal_is_counted_by_its_reason_and_as_an_outcome(reason: str) -> None:
    """Both families move together."""
    registry = CollectorRegistry()
    metrics = IngestMetrics(registry)
    metrics.refused("main", reason)
    metrics.refused("main", reason)
    assert registry.get_sample_value("hookline_refusals_total", {"account": "main", "reason": str(reason)}) == 2
    labels = {"account": "main", "outcome": Outcome.REFUSED.value}
    assert registry.get_sample_value("hookline_webhooks_total", labels) == 2


@pytest.mark.parametrize("reason", AppendFailure)
def test_every_failure_of_an_append_is_there_from_the_start(reason: AppendFailure) -> None:
    """An alert on a rate needs the zero before the first."""
    registry = CollectorRegistry()
    metrics = IngestMetrics(registry)
    assert registry.get_sample_value("hookline_append_failures_total", {"reason": reason.value}) == 0
    metrics.append_failed(reason)
    assert registry.get_sample_value("hookline_append_failures_total", {"reason": reason.value}) == 1


def test_events_and_faults_are_counted_by_account() -> None:
    """Two accounts do not mix."""
    registry = CollectorRegistry()
    metrics = IngestMetrics(registry)
    metrics.event("east", EventType.LINK_CLICKED)
    metrics.fault("west", Fault.NORMALIZE)
    east = {"account": "east", "type": "messaging.link.clicked"}
    assert registry.get_sample_value("hookline_events_total", east) == 1
    assert registry.get_sample_value("hookline_events_total", east | {"account": "west"}) is None
    west = {"account": "west", "place": "normalize"}
    assert registry.get_sample_value("hookline_ingest_faults_total", west) == 1
