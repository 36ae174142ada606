"""What came of the deliveries, counted attempt by attempt.

Two equations hold after every attempt: `attempts = sent + retried + duplicates`, and
`sent = acknowledged + given_up + unsettled`. For forgeries: `forged = refused + accepted + undecided`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hookline.simulator.latency import Histogram, Latency

REFUSALS = frozenset({400, 401, 403})
"""Statuses by which a receiver says that it does not believe the sender."""


class Purpose(StrEnum):
    """Why an attempt was made."""

    FIRST = "first"
    RETRY = "retry"
    DUPLICATE = "duplicate"
    FORGERY = "forgery"


@dataclass(frozen=True, slots=True)
class Answer:
    """How an attempt ended after `seconds`: an HTTP status, or without one the reason that there is none."""

    seconds: float
    status: int | None = None
    reason: str = ""

    @property
    def name(self) -> str:
        """The status or the reason, for the screen."""
        return self.reason if self.status is None else str(self.status)

    @property
    def refused(self) -> bool:
        """Whether the receiver said that it does not believe the sender."""
        return self.status in REFUSALS


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The counts at one moment.

    `sent` counts distinct genuine events, `attempts` every genuine request. `wrongly_refused` counts genuine
    requests that were not believed; `undecided` forgeries were neither refused nor accepted. `failures` counts
    genuine requests that failed, by status or reason; `by_label` the distinct events by the provider's name.
    """

    sent: int = 0
    attempts: int = 0
    acknowledged: int = 0
    retried: int = 0
    duplicates: int = 0
    given_up: int = 0
    wrongly_refused: int = 0
    forged: int = 0
    refused: int = 0
    accepted_forgery: int = 0
    undecided: int = 0
    failures: Mapping[str, int] = field(default_factory=dict[str, int])
    by_label: Mapping[str, int] = field(default_factory=dict[str, int])
    by_forgery: Mapping[str, int] = field(default_factory=dict[str, int])
    latency: Latency = field(default_factory=Latency)

    @property
    def unsettled(self) -> int:
        """Events that were neither acknowledged nor given up."""
        return self.sent - self.acknowledged - self.given_up

    @property
    def clean(self) -> bool:
        """Whether every genuine event was acknowledged and every forgery refused."""
        return self.acknowledged == self.sent and self.refused == self.forged


class Tally:
    """Counts attempts as they end."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.labels: Counter[str] = Counter()
        self.forgeries: Counter[str] = Counter()
        self.histogram = Histogram()

    def genuine(self, label: str, purpose: Purpose, answer: Answer, *, succeeded: bool, last: bool) -> None:
        """Count a genuine attempt; `last` tells that no other follows if this one failed."""
        self.counts["attempts"] += 1
        self.counts[purpose] += 1
        self.labels[label] += purpose is Purpose.FIRST
        if succeeded:
            self.histogram.add(answer.seconds)
        else:
            self.failures[answer.name] += 1
            self.counts["wrongly_refused"] += answer.refused
        if purpose is not Purpose.DUPLICATE:
            self.counts["acknowledged"] += succeeded
            self.counts["given_up"] += last and not succeeded

    def forgery(self, kind: str, answer: Answer, *, succeeded: bool) -> None:
        """Count a forged attempt."""
        self.counts[Purpose.FORGERY] += 1
        self.forgeries[kind] += answer.refused
        self.counts["refused"] += answer.refused
        self.counts["accepted_forgery"] += succeeded
        self.counts["undecided"] += not (answer.refused or succeeded)

    def include(self, other: "Tally") -> None:
        """Count also what another tally has counted so far."""
        for ours, theirs in (
            (self.counts, other.counts),
            (self.failures, other.failures),
            (self.labels, other.labels),
            (self.forgeries, other.forgeries),
        ):
            ours.update(theirs)
        self.histogram.include(other.histogram)

    def report(self) -> Report:
        """Return the counts so far."""
        counts = self.counts
        return Report(
            sent=counts[Purpose.FIRST],
            attempts=counts["attempts"],
            acknowledged=counts["acknowledged"],
            retried=counts[Purpose.RETRY],
            duplicates=counts[Purpose.DUPLICATE],
            given_up=counts["given_up"],
            wrongly_refused=counts["wrongly_refused"],
            forged=counts[Purpose.FORGERY],
            refused=counts["refused"],
            accepted_forgery=counts["accepted_forgery"],
            undecided=counts["undecided"],
            failures=dict(self.failures),
            by_label=+self.labels,
            by_forgery=+self.forgeries,
            latency=self.histogram.summary(),
        )
