"""The demo's screen at every width, and the lines that it shows."""

from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from rich.console import Console

from hookline.demo.feed import Line, line_of
from hookline.demo.outage_view import OutagePhase, OutageView, SpoolView
from hookline.demo.screen import render
from hookline.demo.view import AccountView, View, clock_text, plain_lines
from hookline.simulator.latency import Latency
from hookline.simulator.tally import Report
from schemas.events import Event
from tests.support.events import events


def account(name: str, provider: str, share: int, **more: Any) -> AccountView:
    """Return the figures of an account that has so many stored webhooks."""
    return AccountView(
        account=name,
        provider=provider,
        report=Report(sent=share + 1, acknowledged=share + 1),
        stored=share,
        records=share,
        **more,
    )


ACCOUNTS = (
    account(
        "main",
        "Telnyx",
        829,
        by_type={"messaging.message.received": 900, "messaging.delivery.updated": 129},
        commands=5,
        outcomes={"sent": 4},
        replies_expected=5,
        replies_done=4,
    ),
    account("second", "Telnyx", 200, by_type={"messaging.delivery.updated": 200}),
    account("mm", "MessageMedia", 100, polled=40, confirmed=90, unconfirmed=10),
    account("scg", "Syniverse SCG", 100, commands=3, outcomes={"sent": 3}, replies_expected=3, replies_done=3),
)
VIEW = View(
    elapsed=65.2,
    remaining=9.9,
    log_state="healthy",
    report=Report(sent=1234, acknowledged=1230, attempts=1234, latency=Latency(9, 0.0021, 0.0101, 0.0309)),
    accounts=ACCOUNTS,
    refusals={"signature_mismatch": 3, "missing_signature": 2},
    feed=[
        Line("12:00:00", "message.received", f"line {number} [bold]not markup[/bold]", "main") for number in range(30)
    ],
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
    busy = replace(ACCOUNTS[0], by_type=types)
    picture = drawn(replace(VIEW, accounts=(busy, *ACCOUNTS[1:])), width, height)
    assert len(picture.splitlines()) <= height
    for words in ("webhooks", "delivery.up", "replies", "on their way", "signature mis", "latest events"):
        assert words in picture


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 45), (56, 40), (30, 24), (60, 20)])
def test_the_picture_is_not_higher_than_the_terminal(width: int, height: int) -> None:
    """Else it could not be drawn over in place."""
    assert len(drawn(VIEW, width, height).splitlines()) <= height


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 45), (104, 60), (50, 24)])
def test_each_account_has_its_line(width: int, height: int) -> None:
    """What was sent and stored, and the replies; with all of them together below."""
    lines = drawn(VIEW, width, height).splitlines()
    for wanted in (
        ("main", "830", "829", "4 of 5"),
        ("second", "201", "200", "0 of 0"),
        ("mm", "101", "100", "0 of 0"),
        ("all", "1,234", "1,229", "7 of 8"),
    ):
        assert any(line.strip("│ ").startswith(wanted[0]) and all(word in line for word in wanted) for line in lines)


@pytest.mark.parametrize("height", [24, 45])
def test_eighty_columns_hold_providers_and_confirmations(height: int) -> None:
    """The usual terminal shows all columns."""
    picture = drawn(VIEW, 80, height)
    for words in ("acknowledged", "confirmed", "90 of 100", "MessageMedia", "Syniverse SCG"):
        assert words in picture


def test_loss_is_in_sight_at_once() -> None:
    """The heading turns from `nothing lost` to the number."""
    assert "nothing lost" in drawn(VIEW, 100, 40)
    assert "3 LOST" in drawn(
        View(accounts=[AccountView(account="main", provider="x", lost=3)], log_state="healthy"), 100, 40
    )


def test_an_accepted_forgery_is_in_sight_at_once() -> None:
    """Worse than loss."""
    assert "forgery was accepted" in drawn(View(report=Report(accepted_forgery=1)), 100, 40)


AWAY = replace(
    VIEW,
    log_state="away",
    outage=OutageView(phase=OutagePhase.AWAY, left=12.0),
    spool=SpoolView(waiting=93, bytes=61_000, oldest=7.0, spooled=93),
)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 45), (56, 40), (30, 24), (60, 20)])
def test_the_picture_of_an_outage_is_not_higher_than_the_terminal(width: int, height: int) -> None:
    """It has a line more, which the others make room for."""
    picture = drawn(AWAY, width, height)
    assert len(picture.splitlines()) <= height
    assert "BROKER AWAY, back in 12" in picture


def test_an_outage_is_in_sight_with_the_spool() -> None:
    """How long it still lasts, the state of the log, and how much waits; on a terminal and in plain lines."""
    line = "BROKER AWAY, back in 12 s, log away · spool 93 (60 KiB, oldest 7 s), 0 of 93 drained"
    assert line in drawn(AWAY, 120, 45)
    assert plain_lines(AWAY)[1] == f"  {line}"


def test_without_an_outage_nothing_is_said_of_a_spool() -> None:
    """The picture is as ever."""
    assert "spool" not in drawn(VIEW, 120, 45)
    assert all("spool" not in line for line in plain_lines(VIEW))


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
    line, *accounts = plain_lines(VIEW)
    assert "sent 1,234, acknowledged 1,230, stored 1,229, lost 0, events 1,229, replies 7 of 8, refused 5" in line
    assert accounts[0] == "  main (Telnyx): sent 830, acknowledged 830, stored 829, replies 4 of 5"
    assert accounts[2].endswith("replies 0 of 0, polled 40, confirmed 90 of 100")


@pytest.mark.parametrize(("seconds", "text"), [(0, "00:00"), (65.2, "01:05"), (3723, "1:02:03")])
def test_spans_read_as_clocks(seconds: float, text: str) -> None:
    """Minutes and seconds, hours where there are any."""
    assert clock_text(seconds) == text
