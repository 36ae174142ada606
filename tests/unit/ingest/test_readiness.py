"""What readiness says, for every state of the log and the spool (P14)."""

from dataclasses import replace
from typing import Any

import pytest

from broker.log import LogState
from ingest.readiness import FRESH, Facts, Readiness, ReadinessReason, judge
from ingest.spool.contract import SpoolStatus

EMPTY = SpoolStatus(
    own=0,
    inherited=0,
    gating=False,
    bytes=0,
    oldest_age=None,
    synced_ago=1.0,
    full=False,
    not_read=False,
    not_taken=0,
    set_aside=0,
)
WELL = Facts(state=LogState.HEALTHY, settled=True, refused=False, wrong_clock=False, spool=EMPTY, alarm_age=300.0)


def test_a_healthy_log_and_a_sound_spool_are_ready() -> None:
    """Nothing is degraded."""
    assert judge(WELL) == Readiness(ready=True, degraded=False, reason=ReadinessReason.READY)


@pytest.mark.parametrize("state", [LogState.AWAY, LogState.SUSPECT, LogState.STARTING])
def test_with_the_log_away_a_sound_spool_is_ready_and_degraded(state: LogState) -> None:
    """It can store now, and somebody should look."""
    found = judge(replace(WELL, state=state))
    assert (found.ready, found.degraded, found.reason) == (True, True, f"log_{state.value}")


def test_a_suspect_log_without_a_spool_stays_ready() -> None:
    """Only a webhook can prove it: a receiver that was taken out would stay suspect for ever."""
    found = judge(replace(WELL, state=LogState.SUSPECT, spool=None))
    assert found == Readiness(ready=True, degraded=True, reason=ReadinessReason.LOG_SUSPECT)


@pytest.mark.parametrize("state", [LogState.AWAY, LogState.STARTING])
def test_with_the_log_away_and_no_spool_it_is_not_ready(state: LogState) -> None:
    """Nothing could be stored."""
    found = judge(replace(WELL, state=state, spool=None))
    assert (found.ready, found.degraded) == (False, True)


def test_a_log_that_has_only_begun_is_waited_for() -> None:
    """The first request is to be as quick as the next: not ready yet, and nobody is alarmed."""
    found = judge(replace(WELL, state=LogState.STARTING, settled=False))
    assert found == Readiness(ready=False, degraded=False, reason=ReadinessReason.LOG_STARTING)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"synced_ago": FRESH + 1}, ReadinessReason.SPOOL_FAILING),
        ({"synced_ago": None}, ReadinessReason.SPOOL_FAILING),
        ({"full": True}, ReadinessReason.SPOOL_FULL),
    ],
)
def test_a_spool_that_cannot_store_takes_the_receiver_out_only_with_the_log_away(
    change: dict[str, Any], reason: ReadinessReason
) -> None:
    """With the log healthy it is a matter for the operator, without it nothing can be stored."""
    spool = replace(EMPTY, **change)
    assert judge(replace(WELL, spool=spool)) == Readiness(ready=True, degraded=True, reason=reason)
    assert judge(replace(WELL, spool=spool, state=LogState.AWAY)) == Readiness(
        ready=False, degraded=True, reason=reason
    )


def test_what_the_spool_cannot_take_over_is_for_the_operator() -> None:
    """Acknowledged webhooks may wait there. New ones can be stored all the same."""
    found = judge(replace(WELL, spool=replace(EMPTY, not_taken=1)))
    assert found == Readiness(ready=True, degraded=True, reason=ReadinessReason.SPOOL_NOT_READ)


def test_a_full_spool_with_records_that_gate_takes_the_receiver_out() -> None:
    """Whosever they are, this worker's or a dead one's: what comes now has to go behind them, and cannot."""
    spool = replace(EMPTY, inherited=3, gating=True, full=True)
    assert judge(replace(WELL, spool=spool)) == Readiness(ready=False, degraded=True, reason=ReadinessReason.SPOOL_FULL)


def test_a_full_spool_whose_records_do_not_gate_takes_nothing_out() -> None:
    """What comes now goes to the log directly."""
    spool = replace(EMPTY, inherited=3, full=True)
    assert judge(replace(WELL, spool=spool)).ready


@pytest.mark.parametrize("gating", [True, False])
def test_a_suspect_log_with_a_full_spool_is_ready_where_nothing_waits_in_it(*, gating: bool) -> None:
    """A webhook goes to the log then, and is what proves it."""
    spool = replace(EMPTY, gating=gating, full=True)
    found = judge(replace(WELL, state=LogState.SUSPECT, spool=spool))
    assert found == Readiness(ready=not gating, degraded=True, reason=ReadinessReason.SPOOL_FULL)


def test_what_waits_too_long_in_the_spool_raises_an_alarm() -> None:
    """Older than `alarm_age`: degraded; up to it: not."""
    assert judge(replace(WELL, spool=replace(EMPTY, oldest_age=301.0))).reason == ReadinessReason.SPOOL_OLD
    assert not judge(replace(WELL, spool=replace(EMPTY, oldest_age=299.0))).degraded


def test_a_raw_record_that_the_log_refuses_is_shown() -> None:
    """Only some webhooks are too large: ready, and degraded."""
    found = judge(replace(WELL, refused=True))
    assert found == Readiness(ready=True, degraded=True, reason=ReadinessReason.WEBHOOK_REFUSED)


def test_a_clock_that_seems_wrong_asks_for_an_operator() -> None:
    """Whoever tells no time in the proof is served as always: ready, and degraded."""
    found = judge(replace(WELL, wrong_clock=True))
    assert found == Readiness(ready=True, degraded=True, reason=ReadinessReason.OWN_CLOCK_SUSPECTED)


def test_a_spool_that_cannot_be_read_back_is_told_and_takes_nobody_out() -> None:
    """It stores as before; what waits in it does not get out."""
    spool = replace(EMPTY, own=1, gating=True, not_read=True)
    wanted = Readiness(ready=True, degraded=True, reason=ReadinessReason.SPOOL_NOT_READ)
    assert judge(replace(WELL, spool=spool)) == wanted
