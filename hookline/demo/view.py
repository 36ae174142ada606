"""What the demo's screen shows at one moment."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hookline.demo.feed import Line
from hookline.demo.outage_view import OutageView, SpoolView, outage_text
from hookline.simulator.tally import Report
from hookline.simulator.wording import duration


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """The figures of one account.

    `stored` counts acknowledged webhooks that were found in the log, `records` all raw records there: repeats, what
    was polled, and what a person posted too. `confirmed` and `unconfirmed` are None where the provider wants nothing
    confirmed.
    """

    account: str
    provider: str
    report: Report = field(default_factory=Report)
    stored: int = 0
    records: int = 0
    polled: int = 0
    lost: int = 0
    by_type: Mapping[str, int] = field(default_factory=dict[str, int])
    commands: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict[str, int])
    replies_expected: int = 0
    replies_done: int = 0
    confirmed: int | None = None
    unconfirmed: int | None = None

    @property
    def confirmations(self) -> str:
        """What was confirmed of what there was to confirm, empty where there is nothing of that kind."""
        if self.confirmed is None or self.unconfirmed is None:
            return ""
        return f"{self.confirmed:,} of {self.confirmed + self.unconfirmed:,}"

    @property
    def replies(self) -> str:
        """The replies that are done, of those that are due."""
        return f"{self.replies_done:,} of {self.replies_expected:,}"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All figures of the screen. Times in seconds; `remaining` is None where the demo goes on for ever.

    `report` is that of all accounts together; the other figures of all are sums over `accounts`. `outage` is None
    where the broker is not taken away.
    """

    elapsed: float = 0.0
    remaining: float | None = None
    phase: str = "running"
    log_state: str = "starting"
    report: Report = field(default_factory=Report)
    accounts: Sequence[AccountView] = ()
    refusals: Mapping[str, int] = field(default_factory=dict[str, int])
    feed: Sequence[Line] = ()
    outage: OutageView | None = None
    spool: SpoolView = field(default_factory=SpoolView)

    @property
    def stored(self) -> int:
        """Acknowledged webhooks that were found in the log."""
        return self._sum(lambda one: one.stored)

    @property
    def records(self) -> int:
        """All raw records in the log."""
        return self._sum(lambda one: one.records)

    @property
    def lost(self) -> int:
        """Acknowledged webhooks that should be in the log by now and are not."""
        return self._sum(lambda one: one.lost)

    @property
    def commands(self) -> int:
        """Replies that a rule asked for."""
        return self._sum(lambda one: one.commands)

    @property
    def replies_expected(self) -> int:
        """Messages that have to be answered."""
        return self._sum(lambda one: one.replies_expected)

    @property
    def replies_done(self) -> int:
        """Messages whose answer has its result in the log."""
        return self._sum(lambda one: one.replies_done)

    @property
    def by_type(self) -> Mapping[str, int]:
        """Events in the log, those of the providers alone, by type."""
        return _together(one.by_type for one in self.accounts)

    @property
    def outcomes(self) -> Mapping[str, int]:
        """Results of replies by their outcome."""
        return _together(one.outcomes for one in self.accounts)

    @property
    def events(self) -> int:
        """Events in the log, those of the providers alone."""
        return sum(self.by_type.values())

    def _sum(self, figure: Callable[[AccountView], int]) -> int:
        return sum(figure(one) for one in self.accounts)


def clock_text(seconds: float) -> str:
    """Return a span as `01:05` or `1:02:03`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def plain_lines(view: View) -> Sequence[str]:
    """Return the figures in lines, where there is no terminal: all together, then each account."""
    report = view.report
    return [
        (
            f"{clock_text(view.elapsed)} {view.phase}: sent {report.sent:,}, acknowledged {report.acknowledged:,}, "
            f"stored {view.stored:,}, lost {view.lost:,}, events {view.events:,}, "
            f"replies {view.replies_done:,} of {view.replies_expected:,}, refused {sum(view.refusals.values()):,}, "
            f"answers p50 {duration(report.latency.p50)} p99 {duration(report.latency.p99)}"
        ),
        *(f"  {line}" for line in trouble_lines(view)),
        *(f"  {one.account} ({one.provider}): {account_text(one)}" for one in view.accounts),
    ]


def trouble_lines(view: View) -> Sequence[str]:
    """Return the line of the outage and the spool, none where the broker is not taken away."""
    return [] if view.outage is None else [outage_text(view.outage, view.spool, view.log_state)]


def account_text(one: AccountView) -> str:
    """Return the figures of an account in one line."""
    optional = (("polled", one.polled and f"{one.polled:,}"), ("confirmed", one.confirmations))
    return (
        f"sent {one.report.sent:,}, acknowledged {one.report.acknowledged:,}, stored {one.stored:,}, "
        f"replies {one.replies}" + "".join(f", {name} {value}" for name, value in optional if value)
    )


def _together(counts: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for one in counts:
        found.update(one)
    return dict(found)
