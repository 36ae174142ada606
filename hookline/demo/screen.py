"""The demo's screen: a pure function from the figures and the terminal's size to what rich draws."""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hookline.demo.feed import Line
from hookline.demo.view import View, clock_text
from hookline.simulator.wording import duration

_BARS, _WIDE, _MIDDLE = 104, 76, 52
# The heading and the frame of the feed.
_FRAME = 3
_FEWEST, _MOST = 3, 16
# Room for the lines that were printed above, so that they stay in sight on a terminal of usual height.
_INTRODUCTION = 10
# So many events without an answer are worth a colour.
_MANY = 20
_KINDS = {
    "delivery.updated": "cyan",
    "message.received": "bold",
    "message.replied": "bold",
    "send.requested": "yellow",
    "send.completed": "green",
    "webhook.unrecognized": "magenta",
}

_LONGEST_KIND = max(map(len, _KINDS))

Figure = tuple[str, str, str]
"""A name, a value, and the style of the value."""


def render(view: View, width: int, height: int) -> RenderableType:
    """Return the whole screen, at most `height` lines and `width` columns."""
    blocks, used = _blocks(view, width, height - _FEWEST - _FRAME)
    lines = min(max(height - used - _FRAME - _INTRODUCTION, _FEWEST), _MOST)
    return Group(_heading(view), *blocks, _feed(view.feed[-lines:], lines))


def _blocks(view: View, width: int, room: int) -> tuple[Sequence[RenderableType], int]:
    """Return what fits above the feed, the most telling first, and its height."""
    webhooks, answers, replies = _webhooks(view), _answers(view), _replies(view)
    events = _events(view, bars=width >= _BARS)
    high_left, high_events, high_replies = 14, len(view.by_type) + 2, len(view.outcomes) + len(view.refusals) + 7
    highest = max(high_left, high_replies, high_events if width >= _WIDE else 0)
    if width >= _MIDDLE:
        answers.height, replies.height = highest - 9, highest
    if width >= _WIDE:
        events.height = highest
        return [_columns([[webhooks, answers], [events], [replies]])], highest
    blocks: list[RenderableType] = []
    used = 0
    if width >= _MIDDLE:
        stack: list[tuple[RenderableType, int]] = [
            (_columns([[webhooks, answers], [replies]]), highest),
            (events, high_events),
        ]
    else:
        stack = [(webhooks, 9), (answers, 5), (replies, high_replies), (events, high_events)]
    for block, high in stack:
        if not blocks or used + high <= room:
            blocks.append(block)
            used += high
    return blocks, used


def _heading(view: View) -> RenderableType:
    line = Table.grid(expand=True)
    line.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    line.add_column(no_wrap=True, justify="right")
    left = f", {clock_text(ceil(view.remaining))} left" if view.remaining is not None else ""
    text = Text.assemble((" hookline demo ", "reverse"), f" {clock_text(view.elapsed)}{left} · {view.phase}")
    line.add_row(text, _verdict(view))
    return line


def _verdict(view: View) -> Text:
    if view.report.accepted_forgery:
        return Text("● a forgery was accepted ", style="bold red")
    if view.lost:
        return Text(f"● {view.lost:,} LOST ", style="bold red")
    if view.log_state != "healthy":
        return Text(f"● log {view.log_state} ", style="yellow")
    return Text("● nothing lost ", style="green")


def _webhooks(view: View) -> Panel:
    report = view.report
    figures: list[Figure] = [
        ("sent", f"{report.sent:,}", ""),
        ("acknowledged", f"{report.acknowledged:,}", "yellow" if report.unsettled > _MANY else ""),
        ("stored", f"{view.stored:,}", ""),
        ("lost", f"{view.lost:,}", "bold red" if view.lost else "green"),
        ("records in the log", f"{view.records:,}", "dim"),
        ("duplicates sent", f"{report.duplicates:,}", "dim"),
        ("tried again", f"{report.retried:,}", "dim"),
    ]
    return _panel("webhooks", figures)


def _answers(view: View) -> Panel:
    latency = view.report.latency
    figures = [(name, duration(value), "") for name, value in (("p50", latency.p50), ("p99", latency.p99))]
    return _panel("answers", [*figures, ("slowest", duration(latency.slowest), "dim")])


def _events(view: View, *, bars: bool) -> Panel:
    names = sorted(view.by_type.items(), key=lambda item: (-item[1], item[0]))
    largest = max((number for _, number in names), default=1)
    table = _figures()
    for name, number in names:
        bar = "▇" * max(1, round(8 * number / largest)) if bars else ""
        table.add_row(Text(_short(name), style="dim"), Text(f"{number:,}"), Text(bar, style="cyan"))
    return _framed("events stored", table)


def _replies(view: View) -> Panel:
    figures: list[Figure] = [
        ("due", f"{view.replies_expected:,}", ""),
        ("commands", f"{view.commands:,}", ""),
        *((name, f"{number:,}", "green" if name == "sent" else "red") for name, number in view.outcomes.items()),
        ("on their way", f"{view.replies_expected - view.replies_done:,}", "dim"),
    ]
    table = _table(figures)
    table.add_row("", "")
    refused = Text("refused, by reason", style="bold")
    table.add_row(refused, Text(f"{sum(view.refusals.values()):,}", style="bold"))
    for name, number in _sorted(view.refusals):
        table.add_row(Text(name.replace("_", " "), style="dim"), Text(f"{number:,}"))
    return _framed("replies", table)


def _feed(lines: Sequence[Line], height: int) -> Panel:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, min_width=_LONGEST_KIND)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for line in lines:
        style = _KINDS.get(line.kind, "")
        table.add_row(Text(line.time, style="dim"), Text(line.kind, style=style), Text(line.text))
    return Panel(
        table, title="latest events (UTC)", title_align="left", box=box.ROUNDED, border_style="dim", height=height + 2
    )


def _columns(columns: Iterable[Sequence[RenderableType]]) -> Table:
    grid = Table.grid(expand=True)
    cells = [Group(*column) for column in columns]
    for _ in cells:
        grid.add_column(ratio=1)
    grid.add_row(*cells)
    return grid


def _panel(title: str, figures: Iterable[Figure]) -> Panel:
    return _framed(title, _table(figures))


def _table(figures: Iterable[Figure]) -> Table:
    table = _figures()
    for name, value, style in figures:
        table.add_row(Text(name, style="dim"), Text(value, style=style))
    return table


def _figures() -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column(justify="right", no_wrap=True)
    return table


def _framed(title: str, inside: RenderableType) -> Panel:
    return Panel(inside, title=title, title_align="left", box=box.ROUNDED, border_style="dim")


def _sorted(counts: Mapping[str, int]) -> Sequence[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _short(name: str) -> str:
    return name.removeprefix("messaging.")
