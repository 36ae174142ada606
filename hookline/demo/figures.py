"""The figures of the demo's screen as names, values and styles, whatever they are drawn in."""

from collections.abc import Mapping, Sequence

from hookline.demo.view import View
from hookline.simulator.wording import duration

Figure = tuple[str, str, str]
"""A name, a value, and the style of the value. A title has no value."""

# So many events without an answer are worth a colour.
_MANY = 20


def webhook_figures(view: View) -> Sequence[Figure]:
    """Return what became of the webhooks, the most telling first."""
    report = view.report
    return [
        ("sent", f"{report.sent:,}", ""),
        ("acknowledged", f"{report.acknowledged:,}", "yellow" if report.unsettled > _MANY else ""),
        ("stored", f"{view.stored:,}", ""),
        ("lost", f"{view.lost:,}", "bold red" if view.lost else "green"),
        ("records in the log", f"{view.records:,}", "dim"),
        ("duplicates sent", f"{report.duplicates:,}", "dim"),
        ("tried again", f"{report.retried:,}", "dim"),
    ]


def answer_figures(view: View) -> Sequence[Figure]:
    """Return how long the answers took."""
    latency = view.report.latency
    figures = [(name, duration(value), "") for name, value in (("p50", latency.p50), ("p99", latency.p99))]
    return [*figures, ("slowest", duration(latency.slowest), "dim")]


def reply_figures(view: View) -> Sequence[Figure]:
    """Return what became of the replies."""
    return [
        ("due", f"{view.replies_expected:,}", ""),
        ("commands", f"{view.commands:,}", ""),
        *((name, f"{number:,}", "green" if name == "sent" else "red") for name, number in view.outcomes.items()),
        ("on their way", f"{view.replies_expected - view.replies_done:,}", "dim"),
    ]


def tight_figures(view: View, lines: int) -> tuple[Sequence[Figure], Sequence[Figure]]:
    """Return all four groups in two columns of so many lines (14 at least), the least telling left out."""
    sent = view.outcomes.get("sent", 0)
    not_sent = sum(view.outcomes.values()) - sent
    left = [
        *_titled("webhooks", webhook_figures(view)[:5]),
        *_titled("answers", answer_figures(view)[:2]),
        *_titled("replies", [reply_figures(view)[0], ("sent", f"{sent:,}", "green")]),
        ("not sent", f"{not_sent:,}", "red" if not_sent else "dim"),
        reply_figures(view)[-1],
    ]
    right = [
        *_titled("events stored", _shortest(view.by_type, lines // 2 - 1)),
        *_titled(f"refused: {sum(view.refusals.values()):,}", _shortest(view.refusals, lines // 2 - 1)),
    ]
    return left, right


def by_number(counts: Mapping[str, int]) -> Sequence[tuple[str, int]]:
    """Return names as they are shown with their counts, the largest first."""
    found = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(name.removeprefix("messaging.").replace("_", " "), number) for name, number in found]


def _titled(title: str, figures: Sequence[Figure]) -> Sequence[Figure]:
    return [(title, "", ""), *figures]


def _shortest(counts: Mapping[str, int], most: int) -> Sequence[Figure]:
    """Return so many counts at most; what is left out is counted together."""
    found = by_number(counts)
    if len(found) > most:
        found = [*found[: most - 1], ("others", sum(number for _, number in found[most - 1 :]))]
    return [(name, f"{number:,}", "") for name, number in found]
