"""What the demo's screen shows at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hookline.demo.feed import Line
from hookline.simulator.tally import Report
from hookline.simulator.wording import duration


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All figures of the screen. Times in seconds; `remaining` is None where the demo goes on for ever.

    `stored` counts acknowledged webhooks that were found in the log, `records` all raw records there: repeats
    and what a person posted too.
    """

    elapsed: float = 0.0
    remaining: float | None = None
    phase: str = "running"
    log_state: str = "starting"
    report: Report = field(default_factory=Report)
    stored: int = 0
    records: int = 0
    lost: int = 0
    by_type: Mapping[str, int] = field(default_factory=dict[str, int])
    refusals: Mapping[str, int] = field(default_factory=dict[str, int])
    commands: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict[str, int])
    replies_expected: int = 0
    replies_done: int = 0
    feed: Sequence[Line] = ()

    @property
    def events(self) -> int:
        """Events in the log, those of the provider alone."""
        return sum(self.by_type.values())


def clock_text(seconds: float) -> str:
    """Return a span as `01:05` or `1:02:03`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def plain_line(view: View) -> str:
    """Return the figures in one line, where there is no terminal."""
    report = view.report
    return (
        f"{clock_text(view.elapsed)} {view.phase}: sent {report.sent:,}, acknowledged {report.acknowledged:,}, "
        f"stored {view.stored:,}, lost {view.lost:,}, events {view.events:,}, "
        f"replies {view.replies_done:,} of {view.replies_expected:,}, refused {sum(view.refusals.values()):,}, "
        f"answers p50 {duration(report.latency.p50)} p99 {duration(report.latency.p99)}"
    )
