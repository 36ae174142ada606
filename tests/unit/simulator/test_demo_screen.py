"""The demo's screen at every width, and the lines that it shows."""

from dataclasses import replace
from io import StringIO

import pytest
from hypothesis import given
from rich.console import Console

from hookline.demo.feed import Line, line_of
from hookline.demo.screen import render
from hookline.demo.view import View, clock_text, plain_line
from hookline.simulator.latency import Latency
from hookline.simulator.tally import Report
from schemas.events import Event
from tests.support.events import events

VIEW = View(
    elapsed=65.2,
    remaining=9.9,
    log_state="healthy",
    report=Report(sent=1234, acknowledged=1230, attempts=1234, latency=Latency(9, 0.0021, 0.0101, 0.0309)),
    stored=1229,
    by_type={"messaging.message.received": 900, "messaging.delivery.updated": 329},
    refusals={"signature_mismatch": 3, "missing_signature": 2},
    commands=8,
    outcomes={"sent": 7},
    replies_expected=8,
    replies_done=7,
    feed=[Line("12:00:00", "message.received", f"line {number} [bold]not markup[/bold]") for number in range(30)],
)


def drawn(view: View, width: int, height: int) -> str:
    """Return the picture as text."""
    console = Console(file=StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(render(view, width, height))
    return capture.get()


@pytest.mark.parametrize("width", [30, 40, 56, 79, 80, 104, 120, 200])
@pytest.mark.parametrize("height", [24, 45, 60])
def test_the_picture_fits(width: int, height: int) -> None:
    """No line is longer than the terminal; the most telling figures are there at any size."""
    picture = drawn(VIEW, width, height)
    assert max(map(len, picture.splitlines())) <= width
    assert "1,234" in picture
    assert "lost" in picture


@pytest.mark.parametrize(("width", "height"), [(50, 24), (60, 20), (80, 24)])
def test_all_groups_are_there_on_a_small_terminal(width: int, height: int) -> None:
    """Webhooks, events by type, replies and refusals by reason, and the latest events."""
    types = {**VIEW.by_type, **{f"messaging.kind{number}.x": 1 for number in range(9)}}
    picture = drawn(replace(VIEW, by_type=types), width, height)
    assert len(picture.splitlines()) <= height
    for words in ("webhooks", "delivery.up", "replies", "on their way", "signature mis", "latest events"):
        assert words in picture


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 45), (56, 40), (30, 24), (60, 20)])
def test_the_picture_is_not_higher_than_the_terminal(width: int, height: int) -> None:
    """Else it could not be drawn over in place."""
    assert len(drawn(VIEW, width, height).splitlines()) <= height


def test_loss_is_in_sight_at_once() -> None:
    """The heading turns from `nothing lost` to the number."""
    assert "nothing lost" in drawn(VIEW, 100, 40)
    assert "3 LOST" in drawn(View(lost=3, log_state="healthy"), 100, 40)


def test_an_accepted_forgery_is_in_sight_at_once() -> None:
    """Worse than loss."""
    assert "forgery was accepted" in drawn(View(report=Report(accepted_forgery=1)), 100, 40)


def test_what_a_message_says_is_no_markup() -> None:
    """A text steers neither colours nor layout."""
    assert "[bold]not markup[/bold]" in drawn(VIEW, 120, 45)


@given(events)
def test_any_event_gives_one_printable_line(event: Event) -> None:
    """Whatever it holds, it does not steer the terminal."""
    line = line_of(event)
    assert line.text.isprintable()
    assert len(line.text) <= 100


def test_the_plain_line_has_the_figures() -> None:
    """Without a terminal the same figures come as text."""
    line = plain_line(VIEW)
    assert "sent 1,234, acknowledged 1,230, stored 1,229, lost 0, events 1,229, replies 7 of 8, refused 5" in line


@pytest.mark.parametrize(("seconds", "text"), [(0, "00:00"), (65.2, "01:05"), (3723, "1:02:03")])
def test_spans_read_as_clocks(seconds: float, text: str) -> None:
    """Minutes and seconds, hours where there are any."""
    assert clock_text(seconds) == text
