"""Every figure that the way in keeps, in one place.

Labels are bounded: accounts come from the configuration, reasons and outcomes from the enums here and in
`providers.contract`. What a stranger sends never becomes a label. Children are kept, because looking one up for
each request costs more than counting in it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ingest.spool.contract import SpoolStatus
from schemas.vocabulary import EventType

NO_ACCOUNT = "(none)"
"""Stands for the account where a request names none of ours."""

_LATENCY_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.2, 1.6, 2.0)


class Outcome(StrEnum):
    """What became of a request."""

    STORED = "stored"
    SPOOLED = "spooled"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    OVERLOADED = "overloaded"
    ABANDONED = "abandoned"


class Refusal(StrEnum):
    """Why a request was refused before its sender was checked. Words of `Verdict` stand beside these."""

    UNKNOWN_PATH = "unknown_path"
    UNKNOWN_ACCOUNT = "unknown_account"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TOO_LARGE = "too_large"
    SLOW_BODY = "slow_body"
    SLOW_HEAD = "slow_head"
    BAD_REQUEST = "bad_request"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    SLOW_READER = "slow_reader"
    RATE_LIMITED = "rate_limited"


class AppendFailure(StrEnum):
    """Why the log or the spool did not take a webhook."""

    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    LEFT = "log_left"
    RECORD_REFUSED = "record_refused"
    SPOOL_FULL = "spool_full"
    SPOOL_TIMEOUT = "spool_timeout"
    SPOOL_FAILED = "spool_failed"
    ERROR = "error"


class PollOutcome(StrEnum):
    """How one check of a poll ended."""

    OK = "ok"
    PROVIDER_FAILED = "provider_failed"
    NOT_STORED = "not_stored"
    NOT_CONFIRMED = "not_confirmed"
    FAULT = "fault"


class Fault(StrEnum):
    """Where code of ours failed that must not fail. Each is a bug to report."""

    VERIFY = "verify"
    NORMALIZE = "normalize"
    ENCODE = "encode"
    HANDLE = "handle"


@dataclass(slots=True)
class _Family:
    """A counter of two labels whose children are kept."""

    counter: Counter
    children: dict[tuple[str, str], Counter] = field(default_factory=dict[tuple[str, str], Counter])

    def add(self, account: str, word: str) -> None:
        """Count one."""
        child = self.children.get((account, word))
        if child is None:
            child = self.children[account, word] = self.counter.labels(account, word)
        child.inc()


@dataclass(frozen=True, slots=True)
class _Register:
    """Makes figures in one registry, each name with the prefix of all of ours."""

    registry: CollectorRegistry

    def counter(self, name: str, doc: str, *labels: str) -> Counter:
        return Counter(f"hookline_{name}", doc, labels, registry=self.registry)

    def gauge(self, name: str, doc: str, *labels: str) -> Gauge:
        return Gauge(f"hookline_{name}", doc, labels, registry=self.registry)

    def family(self, name: str, doc: str, label: str) -> _Family:
        return _Family(self.counter(name, doc, "account", label))


class _Requests:
    """What became of requests, and how long they took."""

    def __init__(self, register: _Register) -> None:
        family = register.family
        self.webhooks = family("webhooks_total", "Requests to the receiver, by what became of them.", "outcome")
        self.refusals = family("refusals_total", "Requests refused, by reason.", "reason")
        self.events = family("events_total", "Events stored, by type.", "type")
        self.faults = family("ingest_faults_total", "Failures of our own code, by place. Each is a bug.", "place")
        failures = register.counter(
            "append_failures_total", "Appends that the log or the spool did not confirm.", "reason"
        )
        self.append_failures = {reason: failures.labels(reason) for reason in AppendFailure}
        self.answer_seconds = Histogram(
            "hookline_answer_seconds",
            "Seconds from the first byte of a request to an account until its answer.",
            buckets=_LATENCY_BUCKETS,
            registry=register.registry,
        )


class _Polls:
    """How polls go."""

    def __init__(self, register: _Register) -> None:
        of = ("account", "poll")
        self.checks = register.counter("polls_total", "Checks of a poll, by how they ended.", *of, "outcome")
        self.items = register.counter("polled_items_total", "Items that a poll stored.", *of)
        self.success = register.gauge("poll_last_success_seconds", "When a poll last went well, in Unix seconds.", *of)


class _SpoolFigures:
    """What waits in the spool, and what left it."""

    def __init__(self, register: _Register) -> None:
        gauge = register.gauge
        self.drained = register.counter("spool_drained_total", "Webhooks that went from the spool to the log.")
        self.records = gauge("spool_records", "Webhooks that wait in the spool.")
        self.bytes = gauge("spool_bytes", "Bytes of the spool's segment files.")
        self.oldest = gauge("spool_oldest_seconds", "Age of the oldest webhook in the spool, 0 for none.")
        self.set_aside = gauge(
            "spool_set_aside",
            "Records of the spool that were set aside since the start, damaged or refused by the log.",
        )

        self.not_taken = gauge(
            "spool_not_taken",
            "Folders of the spool that cannot be taken over, and things named like a segment that are no file.",
        )

    def watch(self, status: Callable[[], SpoolStatus]) -> None:
        """Ask at every scrape how the spool is."""
        self.records.set_function(lambda: float(status().own + status().inherited))
        self.bytes.set_function(lambda: float(status().bytes))
        self.oldest.set_function(lambda: status().oldest_age or 0.0)
        self.set_aside.set_function(lambda: float(status().set_aside))
        self.not_taken.set_function(lambda: float(status().not_taken))


class IngestMetrics:
    """The figures of the receiver, the publisher and the polls, registered once in a process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        register = _Register(registry)
        self._requests = _Requests(register)
        self._polls = _Polls(register)
        self._spool = _SpoolFigures(register)
        self._lag = register.gauge("loop_lag_seconds", "Seconds by which the event loop ran its last timer late.")
        self.in_flight = register.gauge("webhooks_in_flight", "Proved webhooks worked on now.")
        self._clock_skew = register.gauge(
            "clock_skew_seconds",
            "Seconds by which senders are ahead of us while our own clock is suspected, else 0.",
        )
        self._bodies = register.gauge("bodies_in_flight", "Bodies on their way now, their senders not proved yet.")

    def ended(self, account: str, outcome: Outcome) -> None:
        """Count a request by what became of it, but refusals, which have a reason."""
        self._requests.webhooks.add(account, outcome)

    def refused(self, account: str, reason: str) -> None:
        """Count a refusal. `reason` is a word of Refusal or of Verdict."""
        self._requests.webhooks.add(account, Outcome.REFUSED)
        self._requests.refusals.add(account, reason)

    def answered(self, seconds: float) -> None:
        """Keep how long an answer took."""
        self._requests.answer_seconds.observe(seconds)

    def event(self, account: str, kind: EventType) -> None:
        """Count an event that is durable."""
        self._requests.events.add(account, kind)

    def fault(self, account: str, place: Fault) -> None:
        """Count a failure of our own code."""
        self._requests.faults.add(account, place)

    def append_failed(self, reason: AppendFailure) -> None:
        """Count an append that was not confirmed."""
        self._requests.append_failures[reason].inc()

    def polled(self, account: str, poll: str, outcome: PollOutcome, now: float) -> None:
        """Count a check of a poll; `now` is in Unix seconds."""
        self._polls.checks.labels(account, poll, outcome).inc()
        if outcome is PollOutcome.OK:
            self._polls.success.labels(account, poll).set(now)

    def polled_items(self, account: str, poll: str, number: int) -> None:
        """Count items that a poll stored."""
        self._polls.items.labels(account, poll).inc(number)

    def drained(self, number: int) -> None:
        """Count webhooks that went from the spool to the log."""
        self._spool.drained.inc(number)

    def watch_spool(self, status: Callable[[], SpoolStatus]) -> None:
        """Ask at every scrape how the spool is."""
        self._spool.watch(status)

    def watch_lag(self, lag: Callable[[], float]) -> None:
        """Ask at every scrape how late the event loop is."""
        self._lag.set_function(lag)

    def watch_clock(self, skew: Callable[[], float]) -> None:
        """Ask at every scrape by how many seconds our clock seems to be off."""
        self._clock_skew.set_function(skew)

    def watch_bodies(self, count: Callable[[], int]) -> None:
        """Ask at every scrape how many bodies are on their way."""
        self._bodies.set_function(count)
