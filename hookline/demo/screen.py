"""The demo's screen: a pure function from the figures and the terminal's size to what rich draws."""

from collections.abc import Iterable, Sequence
from math import ceil

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hookline.demo.feed import Line
from hookline.demo.figures import (
    Figure,
    account_columns,
    account_figures,
    answer_figures,
    by_number,
    reply_figures,
    tight_figures,
    webhook_figures,
)
from hookline.demo.outage_view import OutagePhase
from hookline.demo.view import View, clock_text, trouble_lines

_BARS, _WIDE, _MIDDLE = 104, 76, 52
# The heading and the frame of the feed.
_FRAME = 3
_FEWEST, _MOST = 3, 16
# Room for the lines that were printed above, so that they stay in sight on a terminal of usual height.
_INTRODUCTION = 12
# Lines of all groups together on a terminal that is too small for frames, and the fewest beside the table of accounts.
_TIGHT, _TIGHTEST = 14, 9
# Columns of texts in the table of accounts; all others hold numbers.
_LEFT = frozenset({"account", "provider"})
_KINDS = {
    "delivery.updated": "cyan",
    "message.received": "bold",
    "message.replied": "bold",
    "send.requested": "yellow",
    "send.completed": "green",
    "webhook.unrecognized": "magenta",
}

_LONGEST_KIND = max(map(len, _KINDS))


def render(view: View, width: int, height: int) -> RenderableType:
    """Return the whole screen, at most `height` lines and `width` columns."""
    trouble = [_trouble(view, line) for line in trouble_lines(view)]
    blocks, used = _blocks(view, width, height - _FEWEST - _FRAME)
    # Where there is no room at all, the line of an outage takes one from the feed.
    left = height - len(trouble) - used - _FRAME - _INTRODUCTION
    lines = min(max(left, _FEWEST - len(trouble)), _MOST)
    longest = max((len(one.account) for one in view.accounts), default=0)
    return Group(_heading(view), *trouble, *blocks, _feed(view.feed[-lines:], lines, longest))


def _blocks(view: View, width: int, room: int) -> tuple[Sequence[RenderableType], int]:
    """Return what stands above the feed and its height: framed blocks where they fit, else tight lines."""
    blocks, used = _framed_blocks(view, width)
    table = len(view.accounts) + 2
    if view.accounts and used + table + 2 <= room:
        return [_framed("accounts", _accounts(view, width)), *blocks], used + table + 2
    if view.accounts and room - table >= _TIGHTEST:
        lines = min(room - table, _TIGHT)
        return [_accounts(view, width), _tight(view, lines, with_table=True)], table + lines
    return (blocks, used) if used <= room else ([_tight(view, _TIGHT, with_table=False)], _TIGHT)


def _framed_blocks(view: View, width: int) -> tuple[Sequence[RenderableType], int]:
    webhooks, answers, replies = (
        _panel("webhooks", webhook_figures(view)),
        _panel("answers", answer_figures(view)),
        _replies(view),
    )
    events = _events(view, bars=width >= _BARS)
    high_left, high_events, high_replies = 14, len(view.by_type) + 2, len(view.outcomes) + len(view.refusals) + 7
    if width < _MIDDLE:
        return [webhooks, answers, replies, events], high_left + high_replies + high_events
    highest = max(high_left, high_replies, high_events if width >= _WIDE else 0)
    answers.height, replies.height = highest - 9, highest
    if width < _WIDE:
        return [_columns([[webhooks, answers], [replies]]), events], highest + high_events
    events.height = highest
    return [_columns([[webhooks, answers], [events], [replies]])], highest


def _tight(view: View, lines: int, *, with_table: bool) -> RenderableType:
    """Draw all four groups in two columns of so many lines."""
    left, right = tight_figures(view, lines, with_table=with_table)
    columns = Table.grid(padding=(0, 1), expand=True)
    columns.add_column(ratio=1)
    columns.add_column(ratio=1)
    columns.add_row(_table(left), _table(right))
    return columns


def _accounts(view: View, width: int) -> RenderableType:
    """Draw a line for each account and one for all, under a line of names."""
    columns = account_columns(width)
    table = Table.grid(padding=(0, 1), expand=True)
    for name in columns:
        table.add_column(justify="left" if name in _LEFT else "right", no_wrap=True, overflow="ellipsis")
    table.add_row(*(Text(name, style="bold") for name in columns))
    for row in account_figures(view):
        table.add_row(*(Text(row.get(name, ""), style="dim" if name in _LEFT else "") for name in columns))
    return table


def _heading(view: View) -> RenderableType:
    line = Table.grid(expand=True)
    line.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    line.add_column(no_wrap=True, justify="right")
    left = f", {clock_text(ceil(view.remaining))} left" if view.remaining is not None else ""
    text = Text.assemble((" hookline demo ", "reverse"), f" {clock_text(view.elapsed)}{left} · {view.phase}")
    line.add_row(text, _verdict(view))
    return line


def _trouble(view: View, line: str) -> Text:
    """Draw the line of the outage: red while the broker is away, yellow while the spool is drained."""
    away = view.outage is not None and view.outage.phase is OutagePhase.AWAY
    style = "bold red" if away else "yellow" if view.spool.waiting else "dim"
    return Text(f" {line}", style=style, no_wrap=True, overflow="ellipsis")


def _verdict(view: View) -> Text:
    if view.report.accepted_forgery:
        return Text("● a forgery was accepted ", style="bold red")
    if view.lost:
        return Text(f"● {view.lost:,} LOST ", style="bold red")
    if view.log_state != "healthy":
        return Text(f"● log {view.log_state} ", style="yellow")
    return Text("● nothing lost ", style="green")


def _events(view: View, *, bars: bool) -> Panel:
    largest = max(view.by_type.values(), default=1)
    table = _figures()
    for name, number in by_number(view.by_type):
        bar = "▇" * max(1, round(8 * number / largest)) if bars else ""
        table.add_row(Text(name, style="dim"), Text(f"{number:,}"), Text(bar, style="cyan"))
    return _framed("events stored", table)


def _replies(view: View) -> Panel:
    table = _table(reply_figures(view))
    table.add_row("", "")
    refused = Text("refused, by reason", style="bold")
    table.add_row(refused, Text(f"{sum(view.refusals.values()):,}", style="bold"))
    for name, number in by_number(view.refusals):
        table.add_row(Text(name, style="dim"), Text(f"{number:,}"))
    return _framed("replies", table)


def _feed(lines: Sequence[Line], height: int, longest: int) -> Panel:
    """Draw the latest events; `longest` is the length of the longest name of an account."""
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, min_width=longest)
    table.add_column(no_wrap=True, min_width=_LONGEST_KIND)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for line in lines:
        style = _KINDS.get(line.kind, "")
        table.add_row(Text(line.time, style="dim"), Text(line.account), Text(line.kind, style=style), Text(line.text))
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
        table.add_row(Text(name, style="dim" if value else "bold"), Text(value, style=style))
    return table


def _figures() -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column(justify="right", no_wrap=True)
    return table


def _framed(title: str, inside: RenderableType) -> Panel:
    return Panel(inside, title=title, title_align="left", box=box.ROUNDED, border_style="dim")
