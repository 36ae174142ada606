"""Whether a webhook can be stored now, and what an operator should look at (P14). A pure function."""

from dataclasses import dataclass
from enum import StrEnum

from broker.log import LogState
from ingest.spool.contract import SpoolStatus

FRESH = 10.0
"""Seconds for which a successful fsync of the spool proves that it can store."""


class ReadinessReason(StrEnum):
    """Why the receiver is ready, or why it is not, or not well."""

    READY = "ready"
    NOT_STARTED = "not_started"
    DRAINING = "draining"
    LOG_STARTING = "log_starting"
    LOG_SUSPECT = "log_suspect"
    LOG_AWAY = "log_away"
    OWN_CLOCK_SUSPECTED = "own_clock_suspected"
    WEBHOOK_REFUSED = "webhook_refused_by_log"
    SPOOL_FAILING = "spool_failing"
    SPOOL_FULL = "spool_full"
    SPOOL_NOT_READ = "spool_not_read"
    SPOOL_OLD = "spool_old"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a webhook can be stored now (P14). `degraded` asks for an operator; `reason` is a word."""

    ready: bool
    degraded: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known. `refused`: the log refused the last raw record for good. `alarm_age` in seconds.

    `settled`: the log has had its time to answer for the first time. `spool` None: there is none.
    """

    state: LogState
    settled: bool
    refused: bool
    wrong_clock: bool
    spool: SpoolStatus | None
    alarm_age: float


_NO_ROOM = (ReadinessReason.SPOOL_FAILING, ReadinessReason.SPOOL_FULL)
_REASONS = {
    LogState.STARTING: ReadinessReason.LOG_STARTING,
    LogState.SUSPECT: ReadinessReason.LOG_SUSPECT,
    LogState.AWAY: ReadinessReason.LOG_AWAY,
}


def judge(facts: Facts) -> Readiness:
    """Return the verdict. Ready is who can store in the log, or in the spool."""
    if facts.state is not LogState.HEALTHY:
        return _without_log(facts)
    if facts.refused:
        # Only some webhooks are too large for the topic; a receiver taken out would never learn of its cure.
        return Readiness(ready=True, degraded=True, reason=ReadinessReason.WEBHOOK_REFUSED)
    trouble = None if facts.spool is None else _trouble(facts.spool, facts.alarm_age)
    if facts.spool is not None and facts.spool.gating and trouble is not None and trouble in _NO_ROOM:
        # What comes now has to go behind what waits in the spool, and cannot.
        return Readiness(ready=False, degraded=True, reason=trouble)
    if facts.wrong_clock:
        # Senders without a time in their proof are served as always.
        trouble = trouble or ReadinessReason.OWN_CLOCK_SUSPECTED
    return Readiness(ready=True, degraded=trouble is not None, reason=trouble or ReadinessReason.READY)


def _without_log(facts: Facts) -> Readiness:
    reason = _REASONS[facts.state]
    starting = facts.state is LogState.STARTING and not facts.settled
    if facts.spool is None and facts.state is LogState.SUSPECT:
        # It may well store, and only a webhook can prove it: who is taken out would stay suspect for ever.
        return Readiness(ready=True, degraded=True, reason=reason)
    if facts.spool is None or starting:
        return Readiness(ready=False, degraded=not starting, reason=reason)
    trouble = _trouble(facts.spool, facts.alarm_age)
    if trouble is not None and trouble in _NO_ROOM:
        # With nothing in the spool that it could overtake, a webhook proves a suspected log, as without a spool.
        may_take = facts.state is LogState.SUSPECT and not facts.spool.gating
        return Readiness(ready=may_take, degraded=True, reason=trouble)
    return Readiness(ready=True, degraded=True, reason=reason)


def _trouble(spool: SpoolStatus, alarm_age: float) -> ReadinessReason | None:
    if spool.synced_ago is None or spool.synced_ago > FRESH:
        return ReadinessReason.SPOOL_FAILING
    if spool.full:
        return ReadinessReason.SPOOL_FULL
    if spool.not_read or spool.not_taken:
        return ReadinessReason.SPOOL_NOT_READ
    if spool.oldest_age is not None and spool.oldest_age > alarm_age:
        return ReadinessReason.SPOOL_OLD
    return None
