"""The page of the state names every table, and for how long each is kept."""

from pathlib import Path

import pytest

from consumers.state.database import CALL_WAIT, WAITING_MOST
from consumers.state.migrate import VERSION_TABLE
from consumers.state.retention import BATCH, DAY, Rule, rules
from consumers.state.schema import metadata
from schemas.topics import COMMANDS

PAGE = (Path(__file__).parents[2] / "docs" / "state.md").read_text(encoding="utf-8")
ROWS = {line.split("`")[1]: line for line in PAGE.splitlines() if line.startswith("| `")}


@pytest.mark.parametrize("table", [*metadata.tables, VERSION_TABLE])
def test_every_table_is_documented(table: str) -> None:
    """A table that nobody explains is one that nobody dares to back up or to erase from."""
    assert table in ROWS


@pytest.mark.parametrize("rule", rules(0.0), ids=[rule.table.name for rule in rules(0.0)])
def test_how_long_rows_are_kept_is_told(rule: Rule) -> None:
    """In days, or as a year."""
    days = round(rule.seconds / DAY)
    assert ("a year" if days == 365 else f"{days} days") in ROWS[rule.table.name]


def test_tables_that_are_kept_for_ever_say_so() -> None:
    """Those that no rule removes from."""
    for table in metadata.tables.keys() - {rule.table.name for rule in rules(0.0)}:
        assert "for ever" in ROWS[table]


def test_the_bounds_are_those_of_the_code() -> None:
    """What an operator reads at three in the morning is true."""
    assert f"no answer within {CALL_WAIT:.0f} seconds" in PAGE
    assert f"{WAITING_MOST} calls wait" in PAGE
    assert f"{BATCH} rows at a time" in PAGE
    assert f"for {(COMMANDS.retention_ms or 0) // 86_400_000} days; the ledger" in PAGE
