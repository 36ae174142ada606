"""Counts in words, for terminals and for plain output alike."""

from collections.abc import Mapping, Sequence

from hookline.simulator.latency import Latency
from hookline.simulator.tally import Report

Row = tuple[str, str]


def duration(seconds: float) -> str:
    """Return a duration with a unit that suits it: `840 µs`, `4.2 ms`, `1.35 s`."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1.0:
        return f"{seconds * 1e3:.1f} ms"
    return f"{seconds:.2f} s"


def latency_text(latency: Latency) -> str:
    """Return the quantiles as `p50 2.1 ms, p99 8.0 ms, slowest 12.4 ms`."""
    if not latency.count:
        return "nothing measured"
    return f"p50 {duration(latency.p50)}, p99 {duration(latency.p99)}, slowest {duration(latency.slowest)}"


def parts_text(parts: Mapping[str, int]) -> str:
    """Return counts by name as `timeout 3, 503 1`, the largest first."""
    return ", ".join(f"{name} {number:,}" for name, number in sorted(parts.items(), key=lambda part: -part[1]))


def with_parts(number: int, parts: Mapping[str, int]) -> str:
    """Return a count and what it is made of, in brackets."""
    return f"{number:,} ({parts_text(parts)})" if parts else f"{number:,}"


def summary_rows(report: Report) -> Sequence[Row]:
    """Return the closing summary, a name and a value a row. What did not happen and need not is left out."""
    rows = [
        ("events sent", f"{report.sent:,}"),
        ("acknowledged", f"{report.acknowledged:,}"),
        ("forgeries refused", _refused(report)),
        ("duplicates delivered", f"{report.duplicates:,}"),
        ("tried again", f"{report.retried:,}"),
        ("answer time", latency_text(report.latency)),
    ]
    optional = (
        ("failed attempts", report.failures and parts_text(report.failures)),
        ("given up", report.given_up and f"{report.given_up:,}"),
        ("without an end", report.unsettled and f"{report.unsettled:,}"),
        (
            "not believed",
            report.wrongly_refused and f"{report.wrongly_refused:,} genuine requests answered 400, 401, 403",
        ),
        ("FORGERIES ACCEPTED", report.accepted_forgery and f"{report.accepted_forgery:,}"),
        ("forgeries undecided", report.undecided and f"{report.undecided:,} neither refused nor accepted"),
    )
    return [*rows, *((name, str(value)) for name, value in optional if value)]


def _refused(report: Report) -> str:
    kinds = {name.replace("_", " "): number for name, number in report.by_forgery.items()}
    return f"{report.refused:,} of {report.forged:,}" + (f" ({parts_text(kinds)})" if kinds else "")


def live_text(report: Report, in_hand: int) -> str:
    """Return one line about a run that goes on."""
    alarm = f", FORGERIES ACCEPTED {report.accepted_forgery:,}" if report.accepted_forgery else ""
    return (
        f"sent {report.sent:,}, acknowledged {report.acknowledged:,}, in hand {in_hand:,}, "
        f"forgeries refused {report.refused:,} of {report.forged:,}{alarm}, p99 {duration(report.latency.p99)}"
    )
