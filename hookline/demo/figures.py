"""The figures of the demo's screen as names, values and styles, whatever they are drawn in."""

from collections.abc import Mapping, Sequence

from hookline.demo.view import View
from hookline.simulator.tally import Report
from hookline.simulator.wording import duration

Figure = tuple[str, str, str]
"""A name, a value, and the style of the value. A title has no value."""

# So many events without an answer are worth a colour.
_MANY = 20
# Widths of the table of accounts from which it has more columns.
_TWO_THIRDS, _WHOLE = 50, 72


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


def tight_figures(view: View, lines: int, *, with_table: bool) -> tuple[Sequence[Figure], Sequence[Figure]]:
    """Return all groups in two columns of so many lines, the least telling left out.

    Beside the table of accounts the left one needs 9 lines, and what the table tells is left out; else 14.
    """
    sent = view.outcomes.get("sent", 0)
    not_sent = sum(view.outcomes.values()) - sent
    webhooks = webhook_figures(view)
    left = [
        *_titled("webhooks", webhooks[3 : 3 + lines - 8] if with_table else webhooks[:5]),
        *_titled("answers", answer_figures(view)[:2]),
        *_titled("replies", [] if with_table else [reply_figures(view)[0]]),
        ("sent", f"{sent:,}", "green"),
        ("not sent", f"{not_sent:,}", "red" if not_sent else "dim"),
        reply_figures(view)[-1],
    ]
    right = [
        *_titled("events stored", _shortest(view.by_type, (lines + 1) // 2 - 1)),
        *_titled(f"refused: {sum(view.refusals.values()):,}", _shortest(view.refusals, lines // 2 - 1)),
    ]
    return left, right


def account_columns(width: int) -> Sequence[str]:
    """Return the columns of the table of accounts that so many characters hold, the account first."""
    if width < _TWO_THIRDS:
        return ("account", "sent", "stored", "replies")
    if width < _WHOLE:
        return ("account", "sent", "acknowledged", "stored", "replies")
    return ("account", "provider", "sent", "acknowledged", "stored", "replies", "confirmed")


def account_figures(view: View) -> Sequence[Mapping[str, str]]:
    """Return a row for each account by the names of the columns, and one for all together."""
    rows = [
        {
            "account": one.account,
            "provider": one.provider,
            **_numbers(one.report, one.stored),
            "replies": one.replies,
            "confirmed": one.confirmations,
        }
        for one in view.accounts
    ]
    replies = f"{view.replies_done:,} of {view.replies_expected:,}"
    return [*rows, {"account": "all", **_numbers(view.report, view.stored), "replies": replies}]


def by_number(counts: Mapping[str, int]) -> Sequence[tuple[str, int]]:
    """Return names as they are shown with their counts, the largest first."""
    found = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(name.removeprefix("messaging.").replace("_", " "), number) for name, number in found]


def _numbers(report: Report, stored: int) -> Mapping[str, str]:
    return {"sent": f"{report.sent:,}", "acknowledged": f"{report.acknowledged:,}", "stored": f"{stored:,}"}


def _titled(title: str, figures: Sequence[Figure]) -> Sequence[Figure]:
    return [(title, "", ""), *figures]


def _shortest(counts: Mapping[str, int], most: int) -> Sequence[Figure]:
    """Return so many counts at most; what is left out is counted together."""
    found = by_number(counts)
    if len(found) > most:
        found = [*found[: most - 1], ("others", sum(number for _, number in found[most - 1 :]))]
    return [(name, f"{number:,}", "") for name, number in found]
