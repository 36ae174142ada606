"""The page about consumers names what the code has."""

from pathlib import Path

import pytest

from consumers.loop.failures import Trouble
from consumers.loop.flood import FloodError
from consumers.loop.settings import FloodSettings, RetrySettings
from consumers.loop.stops import HandlersStuckError
from consumers.loop.tempo import Tempo
from consumers.metrics import Rebuild

PAGE = (Path(__file__).parents[2] / "docs" / "consumers.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "case",
    [
        *("rebalance", "pause", "drain", "slow handler", "stuck handler", "poison record", "unknown event type"),
        *("flood", "client without progress", "log away", "fenced", "tombstone"),
    ],
)
def test_every_case_has_a_row(case: str) -> None:
    """What happens when is told for each."""
    assert [line for line in PAGE.splitlines() if line.startswith(f"| {case}")]


def test_the_figures_are_those_of_the_code() -> None:
    """Times and bounds that the page tells."""
    tempo, flood, retry = Tempo(), FloodSettings(), RetrySettings()
    for told in (
        f"at most {tempo.waiting} records",
        f"deadline ({tempo.handler_deadline:g} s)",
        f"let running handlers end ({tempo.finish_wait:g} s)",
        f"none came for {tempo.stalled_after:g} s",
        f"every {tempo.look_every:g} s",
        f"left to itself after {tempo.cancel_wait:g} s",
        f"({flood.count} in a minute)",
        f"between them ({flood.run})",
        f"(half of {flood.records})",
    ):
        assert told in PAGE.replace("\n", " "), told
    assert retry.delays == (30.0, 300.0, 1800.0)


def test_the_words_of_the_health_page_are_told() -> None:
    """Each reason that stops or interrupts a consumer, but a fault of our own."""
    reasons = {FloodError.reason, HandlersStuckError.reason, *Rebuild, Trouble.DEADLINE, Trouble.UNDECODABLE}
    missing = {word for word in reasons - {Rebuild.INTERNAL_ERROR} if word not in PAGE}
    assert missing == set()
