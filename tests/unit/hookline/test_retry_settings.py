"""`[consumers.retry]` and `[consumers.flood]` in a configuration file."""

from pathlib import Path

import pytest

from hookline.configuration.config import ConfigError, load_config
from tests.support.front import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a folder for a configuration."""
    return Desk(tmp_path)


@pytest.mark.parametrize(
    ("table", "line", "said"),
    [
        ("retry", "delays = [30, 0.5]", "expected a number from 1.0 to 86400.0, found 0.5"),
        ("retry", "delays = 30", "expected a list in square brackets"),
        ("retry", 'order = "none"', "'none' is not one of kept, given_up"),
        ("flood", "ratio = 1.5", "expected a number from 0.01 to 1.0, found 1.5"),
        ("flood", "run = -1", "expected a number of at least 1, or 0, found -1"),
    ],
)
def test_what_makes_no_sense_is_told(desk: Desk, table: str, line: str, said: str) -> None:
    """With the range or the words that are taken."""
    with pytest.raises(ConfigError) as caught:
        load_config(desk.write(f"[consumers.{table}]", line), {})
    assert said in str(caught.value)


def test_no_delays_and_no_limits_can_be_asked_for(desk: Desk) -> None:
    """An empty list: no later tries; 0: no such limit."""
    lines = ("[consumers.retry]", "delays = []", "[consumers.flood]", "run = 0", "count = 0")
    found = load_config(desk.write_sound(*lines), {}).consumers
    assert (found.retry.delays, found.flood.run, found.flood.count) == ((), 0, 0)
