"""Every figure that consumers give, in one typed place. Children are made once, never for each event."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_PREFIX = "hookline_consumer_"
_SECONDS = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)
_AGES = (0.1, 0.5, 2.0, 10.0, 60.0, 300.0, 900.0, 3600.0, 86400.0)


class RecordOutcome(StrEnum):
    """What became of one record that a consumer was given."""

    HANDLED = "handled"
    REPLAY_SKIPPED = "replay_skipped"
    UNKNOWN_TYPE = "unknown_type"
    TOMBSTONE = "tombstone"
    PUT_OFF = "put_off"
    DEAD_LETTER = "dead_letter"


class RetryKind(StrEnum):
    """How a record is tried again: IN_PLACE after a short pause, LATER after a delay, BEHIND another of its key."""

    IN_PLACE = "in_place"
    LATER = "later"
    BEHIND = "behind"


class LetterReason(StrEnum):
    """Why a record went to the dead letters."""

    UNDECODABLE = "undecodable"
    REJECTED = "rejected"
    HANDLER_FAILED = "handler_failed"
    DEADLINE = "deadline"
    HANDLER_STUCK = "handler_stuck"
    RETRY_REFUSED = "retry_refused"


class Rebuild(StrEnum):
    """Why a consumer's client was given up and a new one joined the group."""

    FENCED = "fenced"
    LOG_UNAVAILABLE = "log_unavailable"
    NO_PROGRESS = "no_progress"
    ANOTHER_MEMBER = "another_member"
    ANOTHER_STATE = "another_state"
    INTERNAL_ERROR = "internal_error"


class CallOutcome(StrEnum):
    """What became of one command to send, besides the words of SendOutcome."""

    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    REPEATED = "repeated"
    POSTPONED = "postponed"


class DoubtOutcome(StrEnum):
    """What was done about a call that may have had its effect.

    REPEATED: the provider knows the id again. FOUND, NOT_FOUND: it was asked. SKIPPED, RESENT: the setting decided.
    """

    REPEATED = "repeated"
    FOUND = "found"
    NOT_FOUND = "not_found"
    SKIPPED = "skipped"
    RESENT = "resent"


class ConfirmOutcome(StrEnum):
    """What became of a confirmation; a postponed one is a whole batch that is tried again.

    GIVEN_UP: its event has waited too long for a provider in trouble, which still has what it waits for.
    """

    CONFIRMED = "confirmed"
    REFUSED = "refused"
    POSTPONED = "postponed"
    GIVEN_UP = "given_up"


class ConsentOutcome(StrEnum):
    """What became of a statement about consent.

    COUNTS: it is what counts now. TOLD_AGAIN: another counts, or its record did not say it as the book does, so the
    one that counts was published behind it. WRITTEN: a statement was made of what a person wrote.
    """

    COUNTS = "counts"
    TOLD_AGAIN = "told_again"
    WRITTEN = "written"


class TrackOutcome(StrEnum):
    """What an event did to the state of its message. NO_MESSAGE: it names none, or is about none."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REPEATED = "repeated"
    NO_MESSAGE = "no_message"


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
    retries: Mapping[RetryKind, Counter]
    dead_letters: Mapping[LetterReason, Counter]
    rebuilds: Mapping[Rebuild, Counter]
    failed_commits: Counter
    stuck: Counter
    seconds: Histogram
    age: Histogram
    behind: "Behind"


class Behind:
    """How far one consumer is behind the log, in the partitions that it reads now."""

    def __init__(self, consumer: str, lag: Gauge, oldest: Gauge) -> None:
        self._consumer = consumer
        self._lag = lag
        self._oldest = oldest
        self._lags: set[tuple[str, str]] = set()
        self._topics: set[str] = set()

    def show(self, lags: Mapping[tuple[str, int], int], oldest: Mapping[str, float]) -> None:
        """Show the records not done by topic and partition, and the seconds of the oldest by topic; nothing else."""
        seen = {(topic, str(number)): lag for (topic, number), lag in lags.items()}
        for gone in self._lags - seen.keys():
            self._lag.remove(self._consumer, *gone)
        for place, lag in seen.items():
            self._lag.labels(self._consumer, *place).set(lag)
        for topic in self._topics - oldest.keys():
            self._oldest.remove(self._consumer, topic)
        for topic, seconds in oldest.items():
            self._oldest.labels(self._consumer, topic).set(seconds)
        self._lags, self._topics = set(seen), set(oldest)


@dataclass(frozen=True, slots=True)
class _Register:
    """Makes figures in one registry, each name with the prefix of all of ours."""

    registry: CollectorRegistry

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"{_PREFIX}{name}", text, labels, registry=self.registry)

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"{_PREFIX}{name}", text, labels, registry=self.registry)

    def histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"{_PREFIX}{name}", text, ("consumer",), registry=self.registry, buckets=buckets)


class _Loops:
    """How the loops of all consumers do."""

    def __init__(self, register: _Register) -> None:
        counter, gauge, histogram = register.counter, register.gauge, register.histogram
        self._records = counter("records", "Records by consumer and what became of them", "consumer", "outcome")
        self._retries = counter(
            "retries",
            "Records that are tried again: in_place, later (through the retry topic), or behind another of their key",
            "consumer",
            "kind",
        )
        self._dead = counter("dead_letters", "Records given to the dead letters, by reason", "consumer", "reason")
        self._rebuilds = counter("rebuilds", "Clients given up and built anew, by reason", "consumer", "reason")
        self._stuck = counter(
            "stuck_handlers", "Handlers, or threads of theirs, that went on though their time was over", "consumer"
        )
        self._lag = gauge(
            "lag", "Records not done, asked every 15 s of the partitions read here", "consumer", "topic", "partition"
        )
        self._oldest = gauge(
            "oldest_seconds", "Age of the oldest record in hand that is not done, 0 for none", "consumer", "topic"
        )
        self._failed = counter("failed_commits", "Commits that the log refused or did not take", "consumer")
        self._seconds = histogram("handler_seconds", "Seconds that one try of a handler took", _SECONDS)
        self._age = histogram("event_age_seconds", "Seconds from our receiving an event to its being handled", _AGES)

    def of(self, consumer: str) -> LoopMetrics:
        """Return the figures of one."""
        return LoopMetrics(
            records={outcome: self._records.labels(consumer, outcome) for outcome in RecordOutcome},
            retries={kind: self._retries.labels(consumer, kind) for kind in RetryKind},
            dead_letters={reason: self._dead.labels(consumer, reason) for reason in LetterReason},
            rebuilds={reason: self._rebuilds.labels(consumer, reason) for reason in Rebuild},
            failed_commits=self._failed.labels(consumer),
            stuck=self._stuck.labels(consumer),
            seconds=self._seconds.labels(consumer),
            age=self._age.labels(consumer),
            behind=Behind(consumer, self._lag, self._oldest),
        )


class _Sends:
    """What becomes of commands, and of calls in doubt."""

    def __init__(self, register: _Register) -> None:
        counter = register.counter
        self.outcomes = counter("sends", "Commands to send by what came of them", "outcome")
        self.doubts = counter(
            "sends_in_doubt", "Calls that may have had their effect, by what was done about them", "account", "choice"
        )
        self.waits = counter("send_waits", "Times that a command was told to wait, by why", "account", "reason")
        self.paused = register.gauge(
            "send_paused_until_seconds",
            "Until when the provider last asked an account to wait, in Unix seconds",
            "account",
        )


class ConsumerMetrics:
    """All metrics of consumers, registered once in `registry`; their names begin with `hookline_consumer_`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        register = _Register(registry)
        counter = register.counter
        self._loops = _Loops(register)
        self._replies = counter("replies", "Inbound messages by what auto-reply decided", "outcome", "rule")
        self._confirmations = counter(
            "confirmations", "Confirmations at the provider by what came of them", "account", "outcome"
        )
        self._consents = counter("consents", "Statements about consent by what became of them", "outcome")
        self._tracked = counter("tracked", "News of messages by what they did to the state", "outcome")
        self._mirrored = counter("mirrored", "Raw webhooks for old handlers by what came of them", "target", "outcome")
        self._sends = _Sends(register)

    def loop(self, consumer: str) -> LoopMetrics:
        """Return the figures of one consumer's loop."""
        return self._loops.of(consumer)

    def replies(self, outcomes: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Counter]:
        """Return a counter for each pair of outcome and rule; the configuration bounds the rules."""
        return {pair: self._replies.labels(*pair) for pair in outcomes}

    def confirmations(self, account: str) -> Mapping[ConfirmOutcome, Counter]:
        """Return a counter for each outcome of an account's confirmations."""
        return {outcome: self._confirmations.labels(account, outcome) for outcome in ConfirmOutcome}

    def consents(self) -> Mapping[ConsentOutcome, Counter]:
        """Return a counter for each outcome of a statement about consent."""
        return {outcome: self._consents.labels(outcome) for outcome in ConsentOutcome}

    def mirrored(self, target: str) -> Mapping[MirrorOutcome, Counter]:
        """Return a counter for each outcome of a target's webhooks."""
        return {outcome: self._mirrored.labels(target, outcome) for outcome in MirrorOutcome}

    def sends(self) -> Mapping[CallOutcome, Counter]:
        """Return a counter for each outcome of a command."""
        return {outcome: self._sends.outcomes.labels(outcome) for outcome in CallOutcome}

    def tracked(self) -> Mapping[TrackOutcome, Counter]:
        """Return a counter for each thing that news do to a state."""
        return {outcome: self._tracked.labels(outcome) for outcome in TrackOutcome}

    def doubts(self, account: str) -> Mapping[DoubtOutcome, Counter]:
        """Return a counter for each thing that is done about a call in doubt."""
        return {outcome: self._sends.doubts.labels(account, outcome) for outcome in DoubtOutcome}

    def send_waits(self, account: str, reason: str) -> Counter:
        """Return the counter of one reason to wait; reasons are words of a fixed list."""
        return self._sends.waits.labels(account, reason)

    def send_paused(self, account: str) -> Gauge:
        """Return the gauge of until when an account is to wait."""
        return self._sends.paused.labels(account)
