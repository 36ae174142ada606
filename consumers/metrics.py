"""Every figure that consumers give, in one typed place. Children are made once, never for each event."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Histogram

_SECONDS = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)
_AGES = (0.1, 0.5, 2.0, 10.0, 60.0, 300.0, 900.0, 3600.0, 86400.0)


class RecordOutcome(StrEnum):
    """What became of one record that a consumer was given."""

    HANDLED = "handled"
    REPLAY_SKIPPED = "replay_skipped"
    UNKNOWN_TYPE = "unknown_type"
    DEAD_LETTER = "dead_letter"


class CallOutcome(StrEnum):
    """What became of one command to send, besides the words of SendOutcome."""

    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    REPEATED = "repeated"
    POSTPONED = "postponed"


class ConfirmOutcome(StrEnum):
    """What became of a confirmation; a postponed one is a whole batch that is tried again.

    GIVEN_UP: the provider was in trouble for too long; it still has what it waits for.
    """

    CONFIRMED = "confirmed"
    REFUSED = "refused"
    POSTPONED = "postponed"
    GIVEN_UP = "given_up"


class MirrorOutcome(StrEnum):
    """What became of a raw webhook at an old handler.

    NOT_PUSHED: it came by a poll. GIVEN_UP: the handler failed on this one for too long, while others went well.
    """

    POSTED = "posted"
    REFUSED = "refused"
    POSTPONED = "postponed"
    GIVEN_UP = "given_up"
    TOO_OLD = "too_old"
    NOT_PUSHED = "not_pushed"


@dataclass(frozen=True, slots=True)
class LoopMetrics:
    """The figures of one consumer's loop."""

    records: Mapping[RecordOutcome, Counter]
    retries: Counter
    failed_commits: Counter
    seconds: Histogram
    age: Histogram


class ConsumerMetrics:
    """All metrics of consumers, registered once in `registry`; their names begin with `hookline_consumer_`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"hookline_consumer_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"hookline_consumer_{name}", text, ("consumer",), registry=registry, buckets=buckets)

        self._records = counter("records", "Records by consumer and what became of them", "consumer", "outcome")
        self._retries = counter("retries", "Tries of a record after the first", "consumer")
        self._failed = counter("failed_commits", "Commits that the log refused or did not take", "consumer")
        self._seconds = histogram("handler_seconds", "Seconds that one try of a handler took", _SECONDS)
        self._age = histogram("event_age_seconds", "Seconds from our receiving an event to its being handled", _AGES)
        self._replies = counter("replies", "Inbound messages by what auto-reply decided", "outcome", "rule")
        self._confirmations = counter(
            "confirmations", "Confirmations at the provider by what came of them", "account", "outcome"
        )
        self._mirrored = counter("mirrored", "Raw webhooks for old handlers by what came of them", "target", "outcome")
        self._sends = counter("sends", "Commands to send by what came of them", "outcome")

    def loop(self, consumer: str) -> LoopMetrics:
        """Return the figures of one consumer's loop."""
        return LoopMetrics(
            records={outcome: self._records.labels(consumer, outcome) for outcome in RecordOutcome},
            retries=self._retries.labels(consumer),
            failed_commits=self._failed.labels(consumer),
            seconds=self._seconds.labels(consumer),
            age=self._age.labels(consumer),
        )

    def replies(self, outcomes: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Counter]:
        """Return a counter for each pair of outcome and rule; the configuration bounds the rules."""
        return {pair: self._replies.labels(*pair) for pair in outcomes}

    def confirmations(self, account: str) -> Mapping[ConfirmOutcome, Counter]:
        """Return a counter for each outcome of an account's confirmations."""
        return {outcome: self._confirmations.labels(account, outcome) for outcome in ConfirmOutcome}

    def mirrored(self, target: str) -> Mapping[MirrorOutcome, Counter]:
        """Return a counter for each outcome of a target's webhooks."""
        return {outcome: self._mirrored.labels(target, outcome) for outcome in MirrorOutcome}

    def sends(self) -> Mapping[CallOutcome, Counter]:
        """Return a counter for each outcome of a command."""
        return {outcome: self._sends.labels(outcome) for outcome in CallOutcome}
